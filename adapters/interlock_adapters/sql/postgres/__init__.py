"""PostgreSQL: how a server is connected to, and listened to."""
