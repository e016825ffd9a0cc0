"""The store in a SQL database: tables by SQLModel, guards derived from the table."""
