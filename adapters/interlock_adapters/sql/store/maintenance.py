"""Maintenance of the store: reaping, limits, purging, checks."""

from collections import defaultdict
from collections.abc import Iterator
from dataclasses import asdict
from datetime import datetime, timedelta
from functools import partial
from typing import Any

import sqlalchemy as sa

from interlock.core.guards import awaited, undeletable
from interlock.core.job import HistoryEntry, Job
from interlock.core.lifecycle import INITIAL
from interlock.core.records import ITSELF, SCHEDULE, Fault, Lost, WorkerInfo
from interlock.core.replay import faults
from interlock.ports.store import PRUNE_BATCH, PURGE_BATCH
from interlock_adapters.sql.schema import guard_sql, tables
from interlock_adapters.sql.schema.column_types import UtcDateTime
from interlock_adapters.sql.schema.flavor import Flavor
from interlock_adapters.sql.schema.held import AGING, DUE, ENDING, EXPIRING, PARKED
from interlock_adapters.sql.schema.row_rules import RUNNING, found_in
from interlock_adapters.sql.schema.tables import job
from interlock_adapters.sql.schema.trigger_rules import AWAITED
from interlock_adapters.sql.statements import rows
from interlock_adapters.sql.store import (
    dependencies,
    holds,
    openings,
    rates,
    reopening,
    tally,
    unique_keys,
)
from interlock_adapters.sql.store import moves as moves_of
from interlock_adapters.sql.store.candidates import HOLD
from interlock_adapters.sql.store.database import Database
from interlock_adapters.sql.store.groups import forget_empty
from interlock_adapters.sql.store.holds import JOB
from interlock_adapters.sql.store.reads import Reads
from interlock_adapters.sql.store.schedules import Schedules

_DATABASE_NOW = sa.func.clock_timestamp(type_=sa.DateTime(timezone=True))
_NOW = sa.bindparam("now", type_=UtcDateTime())
#: Of the jobs that `reopen` may open.
_HAS_HELD = (
    f"SELECT count(*) AS many FROM (SELECT 1 FROM interlock_job WHERE {PARKED}"
    " UNION ALL SELECT 1 FROM interlock_job"
    f" WHERE {DUE} AND run_at <= {{now}}"
    " UNION ALL SELECT 1 FROM interlock_opening WHERE at <= {now}"
    f" UNION ALL SELECT 1 FROM interlock_job WHERE {AGING} AND next_age_at <= {{now}}"
    " LIMIT 1) AS held"
)
#: The slots of limits belong to the attempts that run, and to no others.
_HAS_SLOTS = guard_sql.has_all("max_running", "interlock_slot", "{o}attempt")
_SLOT_FAULTS = {
    "SELECT job_id FROM interlock_slot AS s WHERE NOT EXISTS (SELECT 1"
    f" FROM interlock_job AS j WHERE j.id = s.job_id AND {found_in(RUNNING, 'j.')}"
    " AND j.attempt = s.attempt)": "holds a slot of a limit, but does not run",
    f"SELECT j.id FROM interlock_job AS j WHERE j.status = '{RUNNING}'"
    f" AND NOT ({_HAS_SLOTS.format(o='j.')})": "runs without a slot of a limit",
}
_RECORDS = (
    *(tables.history, tables.attempt, tables.log, tables.rejection),
    *(tables.dependency, tables.step, tables.signal),
)
#: Jobs that no other one needs.
_NOT_AWAITED = sa.text(f"NOT {AWAITED.format(o='interlock_job.')}")


class Maintenance:
    """Lost and overdue jobs, limits, workers, deletion and verification."""

    def __init__(self, database: Database, schedules: Schedules) -> None:
        self._db = database
        self._schedules = schedules
        self._reads = Reads(database)

    def lost(self, *, now: datetime, limit: int) -> list[Lost]:
        """See `JobStore.lost`."""
        with self._db.read() as connection:
            lease_now, epoch = self._db.lease_now(connection)
        expired = "(lease_until_us <= :lease_now OR lease_epoch <> :epoch)"
        query = self._jobs(
            f"status = '{RUNNING}' AND NOT kill_unconfirmed"
            f" ORDER BY {expired} DESC, id LIMIT :limit",
            by="ix_interlock_job_running",
        )
        bound = {"lease_now": lease_now, "epoch": epoch, "limit": limit}
        return [
            Lost(
                job=rows.to_job(row, now=now),
                lease_expired=row["lease_until_us"] <= lease_now
                or row["lease_epoch"] != epoch,
            )
            for row in self._db.rows(query, bound)
        ]

    def overdue(self, *, now: datetime, limit: int) -> list[Job]:
        """See `JobStore.overdue`."""
        moment = self._db.flavor.moment(":now")
        found: list[sa.RowMapping] = []
        for which, column, index in (
            (EXPIRING, "expires_at", "expiry"),
            (ENDING, "deadline_at", "deadline"),
        ):
            query = self._jobs(
                f"{which} AND {column} < {moment} LIMIT :limit",
                by=f"ix_interlock_job_{index}",
            )
            found += self._rows_at(query, now, limit=limit)
        by_id = {row["id"]: rows.to_job(row, now=now) for row in found}
        return list(by_id.values())[:limit]

    def _jobs(self, where: str, *, by: str) -> sa.TextualSelect:
        index = self._db.flavor.by_index(by)
        text = sa.text(f"SELECT * FROM interlock_job {index} WHERE {where}")
        return text.columns(**{column.name: column.type for column in job.c})

    def _rows_at(
        self, query: Any, now: datetime, **values: object
    ) -> list[sa.RowMapping]:
        """Return rows of a query with `:now`, which may be the database's instead."""
        if self._db.flavor.now is None:
            query, values = query.bindparams(_NOW), {**values, "now": now}
        return self._db.rows(query, values)

    def next_due(self, *, now: datetime) -> datetime | None:
        """See `JobStore.next_due`."""
        by = self._db.flavor.by_index("ix_interlock_job_due")
        query = sa.text(
            f"SELECT min(run_at) AS due FROM interlock_job {by}"
            f" WHERE status = '{INITIAL}' AND held_by = 'due'"
            f" AND run_at > {self._db.flavor.moment(':now')}"
        )
        (row,) = self._rows_at(query.columns(due=UtcDateTime), now)
        due: datetime | None = row["due"]
        return due

    def set_paused(self, queue: str, *, paused: bool) -> None:
        """See `JobStore.set_paused`."""
        self._db.repeated(
            lambda connection: reopening.set_paused(
                connection, queue, self._db.flavor, paused=paused
            )
        )

    def reopen(self, after: str, *, now: datetime) -> tuple[str, bool]:
        """See `JobStore.reopen`."""
        has_held = sa.text(_HAS_HELD.format(now=self._db.flavor.moment(":now")))
        if self._rows_at(has_held, now)[0]["many"] == 0:
            return "", False
        rates.forget(self._db)
        return self._db.repeated(lambda connection: self._reopen(connection, after))

    def _reopen(self, connection: sa.Connection, after: str) -> tuple[str, bool]:
        flavor, now = self._db.flavor, self._db.present(connection)
        causes_after, _, parents_after = after.partition("\n")
        done = reopening.reopen(connection, causes_after, flavor, now)
        end = partial(moves_of.ending, connection, self._db)
        parents_after = dependencies.reopen(
            connection, done.ended, parents_after, flavor, end=end, now=now
        )
        held = [each.removeprefix(JOB) for each in done.over if each.startswith(JOB)]
        moves_of.write(connection, holds.over(connection, held, now), self._db)
        for target in set(done.over) - {JOB + job_id for job_id in held}:
            self._release(connection, target, now)
        is_through = not (done.after or parents_after)
        next_after = "" if is_through else f"{done.after}\n{parents_after}"
        return next_after, done.is_more or bool(done.ended)

    def _release(self, connection: sa.Connection, target: str, now: datetime) -> None:
        """Release a hold that is over; a schedule goes on.

        Who has the schedule may wait for causes that are locked here. So this does not
        wait for the schedule: it looks again in a moment.
        """
        name = target.removeprefix(SCHEDULE) if target.startswith(SCHEDULE) else None
        if name is not None and self._schedules.is_busy(connection, name):
            openings.note(connection.execute, {HOLD + target: now})
            return
        is_released = holds.release(
            connection, target, self._db.flavor, now, by=ITSELF, is_over=True
        )
        if is_released and name is not None:
            self._schedules.resume(connection, name, now)

    def see_worker(self, worker: WorkerInfo) -> None:
        """See `JobStore.see_worker`."""
        values = asdict(worker)
        if self._db.flavor.now is not None:
            values["seen_at"] = sa.func.clock_timestamp()
        self._db.upsert(tables.worker, {"id": values.pop("id")}, values)

    def forget_worker(self, worker_id: str) -> None:
        """See `JobStore.forget_worker`."""
        table = tables.worker
        gone = sa.delete(table).where(table.c.id == worker_id)
        self._db.repeated(lambda connection: connection.execute(gone))

    def delete(self, job_id: str) -> None:
        """See `JobStore.delete`."""
        found = self._reads.get(job_id)
        if not found.is_terminal:
            raise undeletable(found)
        flavor = self._db.flavor
        if not self._db.repeated(partial(delete, ids=[job_id], flavor=flavor)):
            raise awaited(self._reads.get(job_id))

    def purge(
        self, *, older_than: timedelta, now: datetime, limit: int = PURGE_BATCH
    ) -> int:
        """See `JobStore.purge`."""
        has_clock = self._db.flavor.now is not None
        before = _DATABASE_NOW - older_than if has_clock else now - older_than
        old = (
            sa.select(job.c.id)
            .where(job.c.finished_at.is_not(None), job.c.finished_at < before)
            .where(_NOT_AWAITED)
            .order_by(job.c.finished_at, job.c.id)
            .limit(limit)
        )

        def some(connection: sa.Connection) -> int:
            ids = list(connection.scalars(old))
            return delete(connection, ids, self._db.flavor)

        return self._db.repeated(some, durable=False)

    def prune(self, *, now: datetime, limit: int = PRUNE_BATCH) -> int:
        """See `JobStore.prune`."""
        return self._db.repeated(
            lambda connection: unique_keys.prune(
                connection, self._db.flavor, now=now, limit=limit
            ),
            durable=False,
        )

    def verify(self) -> list[Fault]:
        """See `JobStore.verify`."""
        now = self._db.clock.now()
        with self._db.read() as connection:
            self._db.dialect.refuse_damage(connection)
            found = [
                fault
                for row, entries in _with_histories(connection)
                for fault in faults(rows.to_job(row, now=now), entries)
            ]
            every = sa.select(tables.history.c.job_id).distinct()
            orphans = every.where(tables.history.c.job_id.not_in(sa.select(job.c.id)))
            found += [
                Fault(job_id=job_id, what="has a history but no row")
                for job_id in connection.scalars(orphans)
            ]
            found += tally.faults(connection, self._db.flavor)
            for sql, what in _SLOT_FAULTS.items():
                query = sa.text(guard_sql.spoken(sql, self._db.flavor))
                ids = connection.execute(query).scalars()
                found += [Fault(job_id=job_id, what=what) for job_id in ids]
        return found


def delete(connection: sa.Connection, ids: list[str], flavor: Flavor) -> int:
    """Delete ended jobs with all their records, but those that others need.

    Returns:
        How many. On PostgreSQL somebody who submits a job that depends on one of them
        waits, or has come first: `linking.existing`.
    """
    if flavor.is_postgres:  # whatever its statistics say: a few jobs of millions
        connection.exec_driver_sql("SET LOCAL enable_seqscan = off")
        connection.exec_driver_sql("SET LOCAL jit = off")
        alone = sa.select(job.c.id).where(job.c.id.in_(ids)).with_for_update()
        ids = list(connection.execute(alone.order_by(job.c.id)).scalars())
    free = sa.select(job.c.id).where(job.c.id.in_(ids), _NOT_AWAITED)
    ids = list(connection.execute(free).scalars())
    grouped = sa.select(job.c.group_id).where(job.c.id.in_(ids)).distinct()
    groups = [each for each in connection.execute(grouped).scalars() if each]
    for start in range(0, len(ids), 500):  # below SQLite's limit of bound variables
        some = ids[start : start + 500]
        tally.take_out(connection, some, flavor)
        connection.execute(sa.delete(job).where(job.c.id.in_(some)))
        for table in _RECORDS:
            connection.execute(sa.delete(table).where(table.c.job_id.in_(some)))
    if groups:
        forget_empty(connection, groups)
    return len(ids)


def _with_histories(
    connection: sa.Connection,
) -> Iterator[tuple[sa.RowMapping, list[HistoryEntry]]]:
    """Yield each job with its history, a thousand at a time."""
    last = ""
    while True:
        some = sa.select(job).where(job.c.id > last).order_by(job.c.id).limit(1000)
        found = list(connection.execute(some).mappings())
        if not found:
            return
        first, last = found[0]["id"], found[-1]["id"]
        table = tables.history
        query = sa.select(table).where(table.c.job_id.between(first, last))
        query = query.order_by(table.c.job_id, table.c.seq)
        entries = defaultdict(list)
        for row in connection.execute(query).mappings():
            entries[row["job_id"]].append(rows.to_history(row))
        for row in found:
            yield row, entries[row["id"]]
