"""The routes: one class per subject; each method is one engine call."""
