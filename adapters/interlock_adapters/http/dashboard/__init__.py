"""The dashboard: HTML pages beside the API, rendered here and refreshed by events."""
