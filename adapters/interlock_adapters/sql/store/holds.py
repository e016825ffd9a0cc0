"""Holds of names, queues and keys; and of single jobs, when they are over."""

from collections.abc import Sequence
from datetime import datetime
from typing import Final

import sqlalchemy as sa

from interlock.core.job import Move
from interlock.core.lifecycle import INITIAL, Event
from interlock.core.records import ITSELF, Hold
from interlock_adapters.sql.schema import tables
from interlock_adapters.sql.schema.flavor import Flavor
from interlock_adapters.sql.schema.held import PARKED
from interlock_adapters.sql.schema.row_rules import found_in
from interlock_adapters.sql.schema.tables import job
from interlock_adapters.sql.statements import claiming
from interlock_adapters.sql.store import openings, parking
from interlock_adapters.sql.store.candidates import HOLD
from interlock_adapters.sql.store.database import Database
from interlock_adapters.sql.store.reopening import BATCH

JOB: Final = "job:"
_HOLD: Final = tables.hold.c
#: The single jobs that are held: parked on themselves.
_JOBS: Final = f"{PARKED} AND held_by >= 'hold:job:' AND held_by < 'hold:job;'"
_ACTIVE: Final = _HOLD.released_at.is_(None)


class Holds:
    """The holds of a store."""

    def __init__(self, database: Database) -> None:
        self._db = database

    def hold(self, hold: Hold) -> bool:
        """See `JobStore.hold`. When it returns, no claim starts what is held."""
        flavor = self._db.flavor

        def write(connection: sa.Connection) -> bool:
            parking.lock(connection, [HOLD + hold.target], flavor)
            if flavor.is_postgres:
                connection.execute(claiming.barrier())
            is_held = sa.select(_HOLD.id).where(_HOLD.target == hold.target, _ACTIVE)
            if connection.execute(is_held).first() is not None:
                return False
            now = self._db.present(connection)
            until = None if hold.until is None else now + (hold.until - hold.at)
            values = {"target": hold.target, "by": hold.by, "reason": hold.reason}
            made = sa.insert(tables.hold).values(**values, at=now, until=until)
            connection.execute(made)
            if until is not None:
                openings.note(connection.execute, {HOLD + hold.target: until})
            return True

        return self._db.repeated(write)

    def release_hold(self, target: str, *, by: str) -> bool:
        """See `JobStore.release_hold`."""
        flavor = self._db.flavor

        def write(connection: sa.Connection) -> bool:
            parking.lock(connection, [HOLD + target], flavor)
            now = self._db.present(connection)
            return release(connection, target, flavor, now, by=by)

        return self._db.repeated(write)

    def holds(self) -> list[Hold]:
        """See `JobStore.holds`."""
        found = [
            Hold(**{name: row[name] for name in Hold.__dataclass_fields__})
            for row in self._db.rows(sa.select(tables.hold).where(_ACTIVE))
        ]
        since = sa.select(sa.func.max(tables.history.c.at)).where(
            tables.history.c.job_id == job.c.id, tables.history.c.event == "hold"
        )
        columns = (job.c.id, job.c.hold_by, job.c.hold_reason, job.c.hold_until)
        query = sa.select(*columns, since.scalar_subquery().label("at")).where(
            sa.text(_JOBS)
        )
        found += [
            Hold(
                target=JOB + row["id"],
                by=row["hold_by"],
                reason=row["hold_reason"],
                at=row["at"],
                until=row["hold_until"],
            )
            for row in self._db.rows(query)
        ]
        return sorted(found, key=lambda hold: (hold.at, hold.target))


def over(connection: sa.Connection, ids: Sequence[str], now: datetime) -> list[Move]:
    """Return the moves that release those of some jobs whose hold is over."""
    past = job.c.hold_until <= now, sa.text(found_in(INITIAL, "interlock_job."))
    query = sa.select(job.c.id).where(job.c.id.in_(ids), *past)
    found = list(connection.execute(query).scalars()) if ids else []
    return [
        Move(job_id=job_id, event=Event.RELEASE_HOLD, now=now, actor=ITSELF)
        for job_id in found
    ]


def release(
    connection: sa.Connection,
    target: str,
    flavor: Flavor,
    now: datetime,
    *,
    by: str,
    is_over: bool = False,
) -> bool:
    """Release a hold, under its lock, and open the first of its jobs.

    `is_over`: only if its end has come.
    """
    gone = (
        sa.update(tables.hold)
        .where(_HOLD.target == target, _ACTIVE)
        .values(released_at=now, released_by=by)
    )
    if is_over:
        gone = gone.where(_HOLD.until <= now)
    if not connection.execute(gone).rowcount:
        return False
    parking.open_some(connection, {HOLD + target: BATCH}, flavor)
    return True
