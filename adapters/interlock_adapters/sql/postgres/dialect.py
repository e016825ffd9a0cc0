"""What is PostgreSQL's own: its clock, its place, and what its errors mean."""

import logging
from collections.abc import Callable
from functools import cache
from typing import Final

import psycopg
import sqlalchemy as sa

from interlock.core.errors import StoreUnavailable
from interlock.ports.clock import Clock, SystemClock
from interlock.ports.runner import Wakeup
from interlock_adapters.sql.postgres import connection
from interlock_adapters.sql.postgres.pooler import Connector
from interlock_adapters.sql.postgres.same_database import GONE
from interlock_adapters.sql.postgres.wakeup import PostgresWakeup
from interlock_adapters.sql.schema.flavor import POSTGRES, Flavor
from interlock_adapters.sql.store.database import Undone

_log: Final = logging.getLogger("interlock.store")
_CLOCK: Final = "(extract(epoch FROM clock_timestamp()) * 1000000)::bigint"
_PLACE: Final = (
    "SELECT (SELECT system_identifier FROM pg_control_system()) || '/' ||"
    " (SELECT oid FROM pg_database WHERE datname = current_database()) || '/' ||"
    " (SELECT timeline_id FROM pg_control_checkpoint())"
)
_MAY_KNOW: Final = (
    "SELECT has_function_privilege('pg_control_system()', 'EXECUTE')"
    " AND has_function_privilege('pg_control_checkpoint()', 'EXECUTE')"
)
_PART: Final = (
    "SELECT CAST(oid AS text), (SELECT place FROM interlock_feed) FROM pg_database"
    " WHERE datname = current_database()"
)
_READ_ONLY: Final = "25006"
_CHANGED: Final = ("42P01", "42703", "3F000")  # no such table, column, schema

#: Classes of SQLSTATE (appendix A of its manual) that are not a bug of ours.
_PLAIN: Final = {
    "08": "cannot be reached",
    "53": "has no resources left",
    "57": "was shut down or canceled the statement",
    "58": "has an error of its system",
    _READ_ONLY: "cannot be written: it is read-only",
    "25P": "ended a transaction that was left open for too long",
    "28": "refuses this user or password",
    "3D": "does not exist",
    "40": "undid the transaction to let another one go on",
    "42704": "has no such role",
    **dict.fromkeys(_CHANGED, GONE),
    "42501": "does not permit that to this user",
    "XX": "is damaged, or has an error of its own",
    "55P03": "kept a row locked for too long",
}


class PostgresDialect:
    """See `Dialect`. A clock that is not the system's is a test's: it judges then."""

    def __init__(self, connector: Connector, clock: Clock) -> None:
        self._where = connector.where
        self._connector = connector
        self._listening: Callable[[], Connector | None] = cache(self._listener)
        self._clock = clock
        own = isinstance(clock, SystemClock)
        self.flavor = Flavor(POSTGRES, _CLOCK if own else None)

    def lease_clock(self) -> tuple[int | None, str]:
        """See `Dialect.lease_clock`."""
        if self.flavor.lease_now is not None:
            return None, POSTGRES
        return round(self._clock.boot() * 1_000_000), POSTGRES

    def place(self, connection: sa.Connection) -> str:
        """See `Dialect.place`: the cluster, the database and the timeline.

        A role that may not know the cluster goes by the database alone.
        """
        if connection.scalar(sa.text(_MAY_KNOW)):
            return str(connection.scalar(sa.text(_PLACE)))
        here, known = connection.execute(sa.text(_PART)).one()
        is_same = known is not None and known.split("/")[1] == here
        return str(known) if is_same else f"?/{here}/?"

    def address(self, connection: sa.Connection) -> str:
        """See `Dialect.address`: a cluster's files may be copied to another host."""
        info = connection.connection.driver_connection.info  # type: ignore[union-attr]  # psycopg's
        return f"{info.hostaddr or info.host}:{info.port}"

    def watch(self) -> Wakeup:
        """See `Dialect.watch`."""
        return PostgresWakeup(self._listening())

    def _listener(self) -> Connector | None:
        """Return what to listen by; say so where it is not the plain connection."""
        if self._where.listen is not None:
            _log.info("Listening for changes at %s.", self._where.listen.where)
            return Connector(self._where.listen)
        if not self._connector.is_pooled:
            return self._connector
        _log.warning(
            "%s is reached through a connection pooler, where nobody can listen for "
            "changes: jobs and cancels are found by polling, up to 2 s later. Add "
            "listen=HOST:PORT of the PostgreSQL server itself to the URL.",
            self._where.where,
        )
        return None

    def unavailable(self, error: Exception) -> StoreUnavailable | None:
        """See `Dialect.unavailable`."""
        return unavailable(self._where, error)

    def is_useless(self, error: Exception) -> bool:
        """See `Dialect.is_useless`: a standby is read-only, tables were replaced."""
        state = getattr(getattr(error, "orig", None), "sqlstate", None)
        return state in (_READ_ONLY, *_CHANGED)

    def refuse_damage(self, connection: sa.Connection) -> None:
        """See `Dialect.refuse_damage`: its pages have checksums."""


def unavailable(where: connection.Target, error: Exception) -> StoreUnavailable | None:
    """Return the meaning of an error of PostgreSQL, None for a bug of Interlock."""
    cause = getattr(error, "orig", error)
    state = getattr(cause, "sqlstate", None) or ""
    meaning = _PLAIN.get(state) or _PLAIN.get(state[:3]) or _PLAIN.get(state[:2])
    if isinstance(error, sa.exc.TimeoutError):  # of the pool
        meaning, cause = "has no connection left for this thread", error
    if isinstance(cause, ValueError):  # values that nobody of us wrote
        meaning = "is damaged"
    if meaning is None and isinstance(cause, psycopg.OperationalError):
        meaning = "cannot be reached"
    if meaning is None:
        return None
    kind = Undone if state.startswith("40") else StoreUnavailable
    return kind(
        f"{where.where} {meaning} ({cause}). Nothing was written by this call, unless "
        "the connection broke while it was committing; what was acknowledged is kept."
    )
