"""The queries of the store: one SELECT each, no lock."""

import logging
from functools import cache
from typing import Any, Final

import sqlalchemy as sa

from interlock.core.errors import JobNotFound, SchemaMismatch, StoreUnavailable
from interlock.core.job import Attempt, HistoryEntry, Job, Rejection
from interlock.core.lifecycle import INITIAL, JobStatus
from interlock.core.records import (
    EQUAL,
    LogLine,
    Page,
    QueueInfo,
    Running,
    Search,
    WorkerInfo,
)
from interlock_adapters.sql.schema import tables, upgrade
from interlock_adapters.sql.schema.flavor import Flavor
from interlock_adapters.sql.schema.row_rules import LIVE, RUNNING
from interlock_adapters.sql.schema.tables import job
from interlock_adapters.sql.statements import rows
from interlock_adapters.sql.statements.json_contains import contains
from interlock_adapters.sql.store.database import Database

_log: Final = logging.getLogger("interlock.store")
_MOST_REJECTIONS = 1000
_LIVE: Final = [status.value for status in LIVE]
_OF_NAME: Final = "name:"
_LIMIT: Final = tables.limit.c


# Built once: a SELECT of that many columns takes longer to write than to run.
ONE = sa.select(job).where(job.c.id == sa.bindparam("job_id"))
_RECORDS = {
    table: sa.select(table)
    .where(table.c.job_id == sa.bindparam("job_id"))
    .order_by(table.c[order])
    for table, order in ((tables.history, "seq"), (tables.attempt, "attempt"))
}


class Reads:
    """One job with its records, searches, queues and workers."""

    def __init__(self, database: Database) -> None:
        self._db = database

    def get(self, job_id: str) -> Job:
        """See `JobStore.get`."""
        found = self._db.rows(ONE, {"job_id": job_id})
        if not found:
            raise JobNotFound(job_id)
        return rows.to_job(found[0], now=self._db.clock.now())

    def _of_job(self, table: sa.Table, job_id: str) -> list[sa.RowMapping]:
        found = self._db.rows(_RECORDS[table], {"job_id": job_id})
        if not found:
            self.get(job_id)  # says so if there is no such job
        return found

    def history(self, job_id: str) -> list[HistoryEntry]:
        """See `JobStore.history`."""
        return [rows.to_history(row) for row in self._of_job(tables.history, job_id)]

    def attempts(self, job_id: str) -> list[Attempt]:
        """See `JobStore.attempts`."""
        return [rows.to_attempt(row) for row in self._of_job(tables.attempt, job_id)]

    def log(self, job_id: str, *, after: int = 0, limit: int = 10_000) -> list[LogLine]:
        """See `JobStore.log`."""
        table = tables.log
        found = self._db.rows(
            sa.select(table)
            .where(table.c.job_id == job_id, table.c.seq > after)
            .order_by(table.c.seq)
            .limit(limit)
        )
        if not found:
            self.get(job_id)
        return [rows.to_line(row) for row in found]

    def rejections(self, job_id: str | None = None) -> list[Rejection]:
        """See `JobStore.rejections`."""
        table = tables.rejection
        columns = [c for c in table.c if c.name != "id"]
        query = sa.select(*columns).order_by(table.c.id.desc()).limit(_MOST_REJECTIONS)
        if job_id is not None:
            query = query.where(table.c.job_id == job_id)
        return [rows.to_rejection(row) for row in reversed(self._db.rows(query))]

    def search(self, search: Search) -> Page:
        """See `JobStore.search`."""
        query = sa.select(job).order_by(job.c.id.desc()).limit(search.limit + 1)
        for name in EQUAL:
            value = getattr(search, name)
            if value is not None:
                query = query.where(job.c[name] == value)
        if search.statuses:
            query = query.where(job.c.status.in_(sorted(search.statuses)))
        if search.created_after is not None:
            query = query.where(job.c.created_at > search.created_after)
        if search.created_before is not None:
            query = query.where(job.c.created_at < search.created_before)
        if search.before is not None:
            query = query.where(job.c.id < search.before)
        if search.params:
            query = query.where(contains(self._db.engine.dialect.name, search.params))
        try:
            now = self._db.clock.now()
            found = [rows.to_job(row, now=now) for row in self._db.rows(query)]
        except StoreUnavailable:
            return self._readable_page(query, search.limit)
        items = tuple(found[: search.limit])
        more = len(found) > search.limit
        return Page(items=items, next_cursor=items[-1].id if more else None)

    def _readable_page(self, query: sa.Select[Any], limit: int) -> Page:
        """Return a page without its damaged rows: each is read by itself."""
        ids = [row["id"] for row in self._db.rows(query.with_only_columns(job.c.id))]
        items = []
        for job_id in ids[:limit]:
            try:
                items.append(self.get(job_id))
            except StoreUnavailable as error:
                _log.error("Job %s is left out of a page: %s", job_id, error)
            except JobNotFound:  # it was deleted meanwhile
                continue
        more = len(ids) > limit
        return Page(items=tuple(items), next_cursor=ids[limit - 1] if more else None)

    def counts(self) -> dict[JobStatus, int]:
        """See `JobStore.counts`."""
        many = sa.func.count().label("many")
        query = sa.select(job.c.status, many).group_by(job.c.status)
        found = {
            rows.to_status(row["status"]): row["many"] for row in self._db.rows(query)
        }
        return {status: found.get(status, 0) for status in JobStatus}

    def queues(self) -> list[QueueInfo]:
        """See `JobStore.queues`."""
        is_pending = sa.case((job.c.status == INITIAL.value, 1), else_=0)
        is_running = sa.case((job.c.status == RUNNING.value, 1), else_=0)
        waits = sa.case((job.c.status == INITIAL.value, job.c.created_at))
        query = (
            sa.select(
                job.c.queue,
                sa.func.sum(is_pending).label("pending"),
                sa.func.sum(is_running).label("running"),
                sa.func.min(waits).label("oldest"),
            )
            .where(job.c.status.in_(_LIVE))
            .group_by(job.c.queue)
        )
        used = {row["queue"]: row for row in self._db.rows(query)}
        paused = {
            r["name"]: bool(r["paused"]) for r in self._db.rows(sa.select(tables.queue))
        }
        return [
            QueueInfo(
                name=name,
                paused=paused.get(name, False),
                pending=used[name]["pending"] if name in used else 0,
                running=used[name]["running"] if name in used else 0,
                oldest_pending_at=used[name]["oldest"] if name in used else None,
            )
            for name in sorted({*used, *paused})
        ]

    def limits(self) -> dict[str, tuple[int, int]]:
        """See `JobStore.limits`."""
        running = (
            sa.select(sa.func.count())
            .where(job.c.status == RUNNING.value, _OF_NAME + job.c.name == _LIMIT.key)
            .scalar_subquery()
        )
        query = sa.select(tables.limit, running.label("running")).where(
            _LIMIT.key.startswith(_OF_NAME)
        )
        return {
            row["key"].removeprefix(_OF_NAME): (row["running"], row["max_running"])
            for row in self._db.rows(query)
        }

    def cancels(self, worker_id: str) -> list[Running]:
        """See `JobStore.cancels`."""
        found = self._db.rows(_cancels(self._db.flavor), {"worker_id": worker_id})
        return [
            Running(job_id=row["id"], attempt=row["attempt"], cancel_requested=True)
            for row in found
        ]

    def check(self) -> None:
        """See `JobStore.check`."""
        with self._db.read() as connection:
            if not upgrade.check(connection):
                raise SchemaMismatch(
                    "The database does not have the schema of this version. Run "
                    "`interlock db upgrade`."
                )

    def workers(self) -> list[WorkerInfo]:
        """See `JobStore.workers`."""
        table = tables.worker
        found = self._db.rows(sa.select(table).order_by(table.c.started_at, table.c.id))
        return [rows.to_worker(row) for row in found]


@cache
def _cancels(flavor: Flavor) -> sa.TextClause:
    return sa.text(
        "SELECT id, attempt FROM interlock_job"
        f" {flavor.by_index('ix_interlock_job_running')}"
        f" WHERE status = '{RUNNING}' AND worker_id = :worker_id"
        " AND cancel_requested_at IS NOT NULL AND stop_cause IS NULL"
    )
