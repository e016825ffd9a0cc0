"""Random walks against a plain model."""
