"""Keeps schedules, and decides about their ticks.

Whoever decides has locked the row of the schedule (PostgreSQL) or the database
(SQLite). Nothing outlives the transaction: another worker goes on where one has died.
"""

import logging
from collections.abc import Callable, Sequence
from datetime import datetime
from functools import cache
from typing import Any, Final

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql, sqlite

from interlock.core.errors import InterlockError, ScheduleNotFound, StoreUnavailable
from interlock.core.job import Job, Move, NewJob
from interlock.core.ticks import (
    MOST_FIRED,
    MOST_MISSED,
    Plan,
    ScheduleEdit,
    ScheduleInfo,
    Tick,
    cancellation,
    fired,
    plan,
    refused,
    resumed,
)
from interlock.ports.schedules import TICKS_BATCH
from interlock_adapters.sql.schema.column_types import UtcDateTime
from interlock_adapters.sql.schema.flavor import Flavor
from interlock_adapters.sql.schema.plpgsql import CHANNEL
from interlock_adapters.sql.schema.row_rules import LIVE, quoted
from interlock_adapters.sql.schema.tables import job, schedule, schedule_edit, tick
from interlock_adapters.sql.statements import rows
from interlock_adapters.sql.store import inserts
from interlock_adapters.sql.store.database import Database

_log: Final = logging.getLogger("interlock.store")
_SOME: Final = 50  # schedules that one transaction decides about
_MOST_LIVE: Final = 100  # jobs that one tick cancels
_CLOCK: Final = sa.text("SELECT clock_timestamp() AS now").columns(now=UtcDateTime)
_WAKE: Final = sa.text("SELECT pg_notify(:channel, '')")
_AFTER: Final = (
    sa.update(schedule)
    .where(schedule.c.name == sa.bindparam("p_name"))
    .values(
        next_at=sa.bindparam("p_next_at", type_=UtcDateTime()),
        waiting_at=sa.bindparam("p_waiting_at", type_=UtcDateTime()),
    )
)
_LIVE: Final = f"j.schedule IS NOT NULL AND j.status IN ({quoted(LIVE)})"


def stoppable(flavor: Flavor) -> str:
    """Return the condition of a schedule `s` whose waiting tick has something to do.

    It has not while a job is being canceled for it.
    """
    by = flavor.by_index("ix_interlock_job_schedule")
    return (
        "s.waiting_at IS NOT NULL AND NOT s.paused AND NOT EXISTS (SELECT 1 FROM"
        f" interlock_job AS j {by} WHERE j.schedule = s.name AND {_LIVE}"
        " AND j.cancel_requested_at IS NOT NULL)"
    )


@cache
def _due(flavor: Flavor) -> sa.TextualSelect:
    now = ":now" if flavor.now is None else "statement_timestamp()"
    lock = " FOR UPDATE SKIP LOCKED" if flavor.is_postgres else ""
    query = sa.text(
        f"SELECT * FROM interlock_schedule AS s WHERE (NOT s.paused AND s.next_at <="
        f" {now}) OR ({stoppable(flavor)}) ORDER BY s.next_at LIMIT {_SOME}{lock}"
    )
    if flavor.now is None:
        query = query.bindparams(sa.bindparam("now", type_=UtcDateTime()))
    return query.columns(**{column.name: column.type for column in schedule.c})


@cache
def _live(flavor: Flavor) -> sa.TextualSelect:
    by = flavor.by_index("ix_interlock_job_schedule")
    query = sa.text(
        f"SELECT j.* FROM interlock_job AS j {by} WHERE j.schedule = :name AND {_LIVE}"
        f" ORDER BY j.id LIMIT {_MOST_LIVE}"
    )
    return query.columns(**{column.name: column.type for column in job.c})


class Schedules:
    """See `interlock.ports.schedules.Schedules`."""

    def __init__(
        self,
        database: Database,
        commit: Callable[[sa.Connection, Sequence[Move]], object],
    ) -> None:
        self._db = database
        self._commit = commit
        self._passed_over: set[str] = set()  # told once

    def all(self) -> list[ScheduleInfo]:
        """See `Schedules.all`."""
        found = self._db.rows(sa.select(schedule).order_by(schedule.c.name))
        return [rows.to_schedule(row) for row in found]

    def get(self, name: str) -> ScheduleInfo:
        """See `Schedules.get`."""
        found = self._db.rows(sa.select(schedule).where(schedule.c.name == name))
        if not found:
            raise ScheduleNotFound(name)
        return rows.to_schedule(found[0])

    def save(
        self, info: ScheduleInfo, edit: ScheduleEdit, ticks: Sequence[Tick] = ()
    ) -> bool:
        """See `Schedules.save`."""
        return self._db.repeated(
            lambda connection: self._save(connection, info, edit, ticks)
        )

    def _save(
        self,
        connection: sa.Connection,
        info: ScheduleInfo,
        edit: ScheduleEdit,
        ticks: Sequence[Tick] = (),
    ) -> bool:
        values = rows.schedule_to_row(info)
        if info.version == 1:
            change: Any = self._insert(schedule).values(values)
        else:
            before = schedule.c.version == info.version - 1
            which = schedule.c.name == info.name
            change = sa.update(schedule).where(which, before).values(values)
        if connection.execute(change.returning(schedule.c.name)).first() is None:
            return False
        self._note(connection, edit)
        self._keep(connection, ticks)
        return True

    def is_busy(self, connection: sa.Connection, name: str) -> bool:
        """Whether another transaction has a schedule; locks it if none has."""
        query = sa.select(schedule.c.name).where(schedule.c.name == name)
        locked = query.with_for_update(skip_locked=True)
        if connection.execute(locked).first() is not None:
            return False
        return connection.execute(query).first() is not None

    def resume(self, connection: sa.Connection, name: str, now: datetime) -> None:
        """Let a schedule go on whose hold is over; it is not busy."""
        query = sa.select(schedule).where(schedule.c.name == name, schedule.c.paused)
        found = connection.execute(query).mappings().first()
        if found is not None:
            self._save(connection, *resumed(rows.to_schedule(found), now))

    def delete(self, info: ScheduleInfo, edit: ScheduleEdit) -> bool:
        """See `Schedules.delete`."""
        same = schedule.c.version == info.version
        change = sa.delete(schedule).where(schedule.c.name == info.name, same)

        def write(connection: sa.Connection) -> bool:
            if connection.execute(change.returning(schedule.c.name)).first() is None:
                return False
            connection.execute(sa.delete(tick).where(tick.c.schedule == info.name))
            self._note(connection, edit)
            return True

        return self._db.repeated(write)

    def _note(self, connection: sa.Connection, edit: ScheduleEdit) -> None:
        """Keep an edit, and wake whoever waits: the next tick may come soon."""
        values = _values(edit)
        last = sa.select(sa.func.max(schedule_edit.c.number)).where(
            schedule_edit.c.schedule == edit.schedule
        )
        values["number"] = (connection.scalar(last) or 0) + 1
        connection.execute(sa.insert(schedule_edit).values(values))
        if self._db.flavor.is_postgres:
            connection.execute(_WAKE, {"channel": CHANNEL})

    def fire(self, *, now: datetime) -> bool:
        """See `Schedules.fire`."""
        return self._db.repeated(lambda connection: self._fire(connection, now))

    def _fire(self, connection: sa.Connection, now: datetime) -> bool:
        flavor = self._db.flavor
        given = {"now": now} if flavor.now is None else None
        found = connection.execute(_due(flavor), given).mappings().all()
        if not found:
            return False
        if flavor.now is not None:  # the locks are held: what is read now is the last
            now = connection.execute(_CLOCK).scalar_one()
        plans: list[Plan] = []
        for row in found:
            decided = self._decided(connection, row, now)
            if decided is not None:
                plans.append(decided)
            if _is_much(plans):  # the others are due again at once
                break
        if plans:
            self._obey(connection, plans, now)
        return bool(plans)

    def _decided(
        self, connection: sa.Connection, row: rows.Row, now: datetime
    ) -> Plan | None:
        """Return the plan of a schedule; None: it cannot be read here.

        A newer version may have written it, or its time zone is not known here.
        """
        try:
            info, live = rows.to_schedule(row), list[Job]()
            if info.schedule.overlap != "allow":
                alive = connection.execute(_live(self._db.flavor), {"name": info.name})
                live = [rows.to_job(each, now=now) for each in alive.mappings()]
            return _planned(info, live, now)
        except StoreUnavailable as error:
            if row["name"] not in self._passed_over:
                _log.error("Schedule %s is passed over here: %s", row["name"], error)
            self._passed_over.add(row["name"])
            return None

    def _obey(
        self, connection: sa.Connection, plans: Sequence[Plan], now: datetime
    ) -> None:
        self._keep(connection, [each for plan in plans for each in plan.ticks])
        self._submit(connection, plans, now)
        after = [
            {
                "p_name": plan.after.name,
                "p_next_at": plan.after.next_at,
                "p_waiting_at": plan.after.waiting_at,
            }
            for plan in plans
        ]
        connection.execute(_AFTER, after)
        moves = [
            cancellation(plan.after, job, now=now)
            for plan in plans
            for job in plan.canceled
        ]
        if moves:
            self._commit(connection, moves)

    def _submit(
        self, connection: sa.Connection, plans: Sequence[Plan], now: datetime
    ) -> None:
        """Submit the jobs of ticks that nobody has submitted: their keys decide.

        A key is taken if the clock was set back since.
        """
        wanted = {
            (new.schedule, new.scheduled_for): (plan.after, new)
            for plan in plans
            for new in plan.fired
        }
        if not wanted:
            return
        ticks = [_values(fired(info, new)) for info, new in wanted.values()]
        insert = self._insert(tick).returning(tick.c.schedule, tick.c.due_at)
        own = [
            wanted[row.schedule, row.due_at]
            for row in connection.execute(insert, ticks)
        ]

        def add(jobs: list[NewJob]) -> None:
            inserts.add(connection, jobs, self._db.flavor, now=now)

        try:
            add([new for _, new in own])
        except StoreUnavailable:
            raise
        except InterlockError:  # of one: nothing is written yet
            for info, new in own:
                self._submit_one(connection, info, new, add)

    def _submit_one(
        self,
        connection: sa.Connection,
        info: ScheduleInfo,
        new: NewJob,
        add: Callable[[list[NewJob]], object],
    ) -> None:
        """Submit a job, or note why it was refused."""
        try:
            add([new])
        except StoreUnavailable:
            raise
        except InterlockError as error:
            skipped = _values(refused(info, new, error))
            which = [tick.c[key] == skipped[key] for key in ("schedule", "due_at")]
            connection.execute(sa.update(tick).where(*which).values(skipped))

    def _keep(self, connection: sa.Connection, ticks: Sequence[Tick]) -> None:
        """Store ticks; what is known of one already stays."""
        if ticks:
            connection.execute(self._insert(tick), list(map(_values, ticks)))

    def _insert(self, table: sa.Table) -> sa.Insert:
        """Return the INSERT of rows, without those whose key is taken."""
        insert = postgresql.insert if self._db.flavor.is_postgres else sqlite.insert
        return insert(table).on_conflict_do_nothing()

    def ticks(self, schedule: str, *, limit: int) -> list[Tick]:
        """See `Schedules.ticks`."""
        of_it = sa.select(tick).where(tick.c.schedule == schedule)
        found = self._db.rows(of_it.order_by(tick.c.due_at.desc()).limit(limit))
        return [rows.to_tick(row) for row in found]

    def edits(self, schedule: str) -> list[ScheduleEdit]:
        """See `Schedules.edits`."""
        table = schedule_edit
        of_it = sa.select(table).where(table.c.schedule == schedule)
        found = self._db.rows(of_it.order_by(table.c.number))
        return [rows.to_edit(row) for row in found]

    def forget_ticks(
        self, schedule: str, *, before: datetime, keep: int, limit: int = TICKS_BATCH
    ) -> int:
        """See `Schedules.forget_ticks`."""
        of_it = sa.select(tick.c.due_at).where(tick.c.schedule == schedule)
        newest_first = of_it.order_by(tick.c.due_at.desc())
        kept = self._db.rows(newest_first.offset(keep - 1).limit(1))
        if not kept:
            return 0
        old = (
            of_it.where(tick.c.due_at < kept[0]["due_at"], tick.c.at < before)
            .order_by(tick.c.due_at)
            .limit(limit)
        )
        gone = sa.delete(tick).where(
            tick.c.schedule == schedule, tick.c.due_at.in_(old)
        )
        return self._db.repeated(
            lambda connection: connection.execute(gone).rowcount, durable=False
        )


@rows.readable
def _planned(info: ScheduleInfo, live: Sequence[Job], now: datetime) -> Plan:
    return plan(info, now=now, live=live)


def _is_much(plans: Sequence[Plan]) -> bool:
    """Whether a transaction has enough to do: others wait for it."""
    fired = sum(len(each.fired) for each in plans)
    kept = sum(len(each.ticks) for each in plans)
    return fired >= MOST_FIRED or kept >= MOST_MISSED


def _values(record: Tick | ScheduleEdit) -> dict[str, Any]:
    """Return the row of a record: its columns are named as its fields."""
    return {name: getattr(record, name) for name in record.__dataclass_fields__}
