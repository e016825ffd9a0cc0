"""The dashboard: HTML pages that the server renders and events refresh."""
