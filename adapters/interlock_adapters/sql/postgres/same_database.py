"""Notices that a name leads to another database than the one that was opened.

A database may be dropped, made anew and restored while processes use it; a name may be
switched to another server. Tables that a restore has filled may not have their guards
yet. So each new connection looks whether database and table of jobs are still the same
ones (their OIDs), and if not, the schema is checked before the connection is used.
"""

from collections.abc import Callable
from typing import Any, Final

import psycopg
import sqlalchemy as sa

from interlock.core.errors import StoreUnavailable
from interlock_adapters.sql.postgres.connection import Target
from interlock_adapters.sql.schema.tables import job

#: What to do, for whoever meets a database without our tables while he runs.
GONE: Final = (
    "has no tables of Interlock of this version any more: it was dropped, emptied or "
    "is being restored. Restore a backup, or create empty tables with `interlock db "
    "upgrade`. Workers and servers go on by themselves then"
)
_OIDS: Final = (
    "SELECT CAST(CAST(to_regclass({name}) AS oid) AS bigint),"
    " (SELECT CAST(oid AS bigint) FROM pg_database WHERE datname = current_database())"
)


class SameDatabase:
    """The database of one store, which may be replaced under its name."""

    def __init__(self, where: Target, check: Callable[[], None]) -> None:
        """Remember no database yet; `check` raises if its schema cannot be used."""
        self._where = where
        self._check = check
        prefix = "" if where.schema is None else f'"{where.schema}".'
        self._name = prefix + job.name
        self._known: tuple[int, int] | None = None

    def note(self, opened: sa.Connection) -> None:
        """Remember a database whose schema was checked."""
        row = opened.execute(
            sa.text(_OIDS.format(name=":name")), {"name": self._name}
        ).one()
        self._known = row[0], row[1]

    def require(self, opened: psycopg.Connection[Any]) -> None:
        """Check the database of a new connection, if it is not the known one.

        Raises:
            StoreUnavailable: it has no tables, and what to do.
            SchemaMismatch: its schema is older, newer or weakened.
        """
        found = opened.execute(_OIDS.format(name="%s"), (self._name,)).fetchone()
        opened.rollback()
        if found is None or found[0] is None:
            self._known = None
            raise StoreUnavailable(f"{self._where.where} {GONE}. Nothing was changed.")
        if found != self._known:
            self._check()
            self._known = found
