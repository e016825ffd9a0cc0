"""What PostgreSQL refuses of raw SQL: the same as SQLite."""
