"""Partial indexes, for both databases."""

import sqlalchemy as sa
from sqlalchemy import Index


def partial_index(name: str, *columns: str, where: str, unique: bool = False) -> Index:
    """Return an index over `columns` (SQL) of the rows that `where` (SQL) names."""
    return Index(
        name,
        *(sa.text(column) for column in columns),
        unique=unique,
        sqlite_where=sa.text(where),
        postgresql_where=sa.text(where),
    )
