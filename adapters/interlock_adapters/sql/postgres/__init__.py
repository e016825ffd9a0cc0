"""PostgreSQL: connects to a server, and listens for changes."""
