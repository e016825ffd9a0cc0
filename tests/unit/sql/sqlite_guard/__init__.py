"""What SQLite itself refuses, whoever writes: raw SQL against a store's file."""
