"""SQLite: opens a file, queues its writers, and watches it."""
