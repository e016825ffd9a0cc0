"""Knows where the database is, so that a copy of it is not taken for the original.

The processes of jobs carry a mark of the place. After a copy, a restore, a move or a
failover the place is another one: nobody looks for processes of the old one, and the
lease alone decides about its attempts. Positions of the feed go on above all that
anybody has read, also of events that a restored backup does not have.
"""

import hashlib
import logging
from typing import Final

import sqlalchemy as sa

from interlock_adapters.sql.schema.tables import feed
from interlock_adapters.sql.store.database import Database

_log = logging.getLogger("interlock.store")
#: Far above every position that the lost part of a database's past can have given.
_JUMP: Final = 2**32
_LAST: Final = "(SELECT coalesce(max(position), 0) FROM interlock_history)"
#: In PostgreSQL the id of the transaction is added to it.
_PASSED: Final = {
    True: f"{_LAST} - CAST(CAST(pg_current_xact_id() AS text) AS bigint)",
    False: _LAST,
}


def settle(database: Database) -> str:
    """Return the mark of the database's place; note a place that is new to it."""
    with database.read() as connection:
        here = database.dialect.place(connection)
        address = database.dialect.address(connection)
        known = connection.execute(sa.select(feed.c.place)).scalar()
    if known != here:
        database.repeated(lambda connection: _move(connection, here))
    return hashlib.sha256(f"{here} {address}".encode()).hexdigest()[:12]


def _move(connection: sa.Connection, here: str) -> None:
    """Note the place, unless another process has just done so."""
    query = sa.select(feed.c.place, feed.c.base).with_for_update()
    known, base = connection.execute(query).one()
    if known == here:
        return
    values: dict[str, object] = {"place": here}
    if known is not None:
        is_postgres = connection.dialect.name == "postgresql"
        passed = connection.scalar(sa.text(f"SELECT {_PASSED[is_postgres]}"))
        values["base"] = max(base, passed) + _JUMP
        _log.warning(
            "This database was copied, restored, moved, or its server has changed "
            "(from place %s to %s). Attempts that ran for the old place are lost when "
            "their leases are over; the event feed goes on.",
            known,
            here,
        )
    connection.execute(sa.update(feed).values(values))
