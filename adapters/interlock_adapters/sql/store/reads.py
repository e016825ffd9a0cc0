"""The queries of the store: one SELECT each, no lock."""

import logging
from collections.abc import Collection, Iterator
from datetime import datetime
from functools import cache
from typing import Any, Final

import sqlalchemy as sa

from interlock.core.errors import JobNotFound, SchemaMismatch, StoreUnavailable
from interlock.core.job import Attempt, HistoryEntry, Job, Rejection
from interlock.core.lifecycle import JobStatus
from interlock.core.records import (
    ASCII_SMALL,
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
from interlock_adapters.sql.store import depths, phases, tally
from interlock_adapters.sql.store.database import Database

_log: Final = logging.getLogger("interlock.store")
_MOST_REJECTIONS = 1000
MOST_SCANNED: Final = 10_000  # jobs that a page of a search looks at
_AFTER_HEX: Final = "g"  # sorts after every hexadecimal digit
_LIVE: Final = [status.value for status in LIVE]
_LIMIT: Final = tables.limit.c
#: The indexes of what few jobs have in common.
_NARROW: Final = {"group_id": "group", "parent_id": "parent", "reruns_of": "rerun"}
#: The columns of those that a search names otherwise.
_COLUMN: Final = {"reruns_of": "rerun_of"}


# Built once: a SELECT of that many columns takes longer to write than to run.
ONE = sa.select(job).where(job.c.id == sa.bindparam("job_id"))
_RECORDS = {
    table: sa.select(table)
    .where(table.c.job_id == sa.bindparam("job_id"))
    .order_by(table.c[order])
    for table, order in ((tables.history, "seq"), (tables.attempt, "attempt"))
}


class _Range:
    """The jobs that a search looks at, newest first, and the index that it uses.

    By one status, else by name, else all. What is asked for besides is looked for in
    `MOST_SCANNED` of them at a time: a page never costs more, whatever the history is.
    """

    def __init__(self, search: Search) -> None:
        self._search = search
        equal = {name for name in EQUAL if getattr(search, name) is not None}
        moments = (search.created_after, search.created_before)
        within = any((search.params, search.metadata, search.phases))
        within = within or any((search.name_part, search.error_part))
        has_others = bool(equal or within or any(moments))
        many = len(search.statuses)
        self._by_status = many == 1 or (many > 1 and not has_others)
        self._name = None if self._by_status else search.name
        by_name_alone = equal == {"name"} and not (within or any(moments))
        is_ordered = by_name_alone and not many
        self.is_scanned = has_others and not is_ordered
        self._narrow = next((name for name in _NARROW if getattr(search, name)), None)
        if self._narrow is not None:  # few jobs: all are looked at
            self._by_status, self._name, self.is_scanned = False, None, False

    @property
    def status_groups(self) -> list[frozenset[JobStatus]]:
        """The statuses of each query: an index is in order within one status alone."""
        if self._by_status:
            return [frozenset({status}) for status in sorted(self._search.statuses)]
        return [self._search.statuses]

    def query(self, statuses: Collection[JobStatus]) -> sa.Select[Any]:
        """Return the query of this range; not yet of what is asked for besides."""
        query = sa.select(job).order_by(job.c.id.desc())
        if self._search.before is not None:
            query = query.where(job.c.id < self._search.before)
        index = None
        if self._narrow is not None:
            index = _NARROW[self._narrow]
            query = query.where(_is_one_of(self._narrow, self._search))
        elif self._by_status:
            index = "status"
            query = query.where(job.c.status.in_(sorted(statuses)))
        elif self._name is not None:
            index = "name"
            query = query.where(job.c.name == self._name)
        if index is None:
            return query
        return query.with_hint(job, f"INDEXED BY ix_interlock_job_{index}", "sqlite")


def _is_one_of(name: str, search: Search) -> sa.ColumnElement[bool]:
    wanted = getattr(search, name)
    column = job.c[_COLUMN.get(name, name)]
    return column == wanted if isinstance(wanted, str) else column.in_(sorted(wanted))


def _conditions(search: Search, now: datetime) -> Iterator[sa.ColumnElement[bool]]:
    """Yield what is asked for, but for the params."""
    for name in EQUAL:
        value = getattr(search, name)
        if value is not None:
            yield job.c[name] == value
    if search.statuses:
        yield job.c.status.in_(sorted(search.statuses))
    if search.created_after is not None:
        yield job.c.created_at > search.created_after
    if search.created_before is not None:
        yield job.c.created_at < search.created_before
    if search.phases:
        yield phases.is_one_of(search.phases, now)
    if search.reruns_of:
        yield _is_one_of("reruns_of", search)


def _parts(search: Search, dialect: str) -> Iterator[sa.ColumnElement[bool]]:
    """Yield the conditions on parts of texts; only A to Z are also a to z."""

    def has(column: sa.ColumnElement[Any], part: str) -> sa.ColumnElement[bool]:
        is_postgres = dialect == "postgresql"
        text = sa.collate(column, "C") if is_postgres else column
        found = sa.func.strpos if is_postgres else sa.func.instr
        return found(sa.func.lower(text), part.translate(ASCII_SMALL)) > 0

    if search.name_part is not None:
        yield has(job.c.name, search.name_part)
    if search.error_part is not None:
        error = sa.type_coerce(job.c.error, sa.JSON)
        texts = (error[field].as_string() for field in ("message", "type"))
        yield sa.or_(*(has(text, search.error_part) for text in texts))


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

    def log(
        self,
        job_id: str,
        *,
        after: int = 0,
        before: int | None = None,
        limit: int = 10_000,
        last: bool = False,
    ) -> list[LogLine]:
        """See `JobStore.log`."""
        table = tables.log
        query = sa.select(table).where(table.c.job_id == job_id, table.c.seq > after)
        if before is not None:
            query = query.where(table.c.seq < before)
        order = table.c.seq.desc() if last else table.c.seq
        found = self._db.rows(query.order_by(order).limit(limit))
        if not found:
            self.get(job_id)
        lines = [rows.to_line(row) for row in found]
        return lines[::-1] if last else lines

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
        looks_at = _Range(search)
        floor = self._floor(looks_at, search) if looks_at.is_scanned else None
        found: list[Job] = []
        now = self._db.clock.now()
        for statuses in looks_at.status_groups:
            dialect = self._db.engine.dialect.name
            query = looks_at.query(statuses)
            query = query.where(*_conditions(search, now), *_parts(search, dialect))
            for column, wanted in (
                (job.c.params, search.params),
                (job.c["metadata"], search.metadata),
            ):
                if wanted:
                    query = query.where(contains(dialect, column, wanted))
            if floor is not None:
                query = query.where(job.c.id >= floor)
            found += self._jobs(query.limit(search.limit + 1))
        found.sort(key=lambda each: each.id, reverse=True)
        items = tuple(found[: search.limit])
        if len(found) > search.limit:
            return Page(items=items, next_cursor=items[-1].id)
        return Page(items=items, next_cursor=floor)

    def _floor(self, looks_at: "_Range", search: Search) -> str | None:
        """Return the last id that this page looks at, None if it looks at all."""
        ids = looks_at.query(search.statuses).with_only_columns(job.c.id)
        query = ids.limit(1).offset(MOST_SCANNED - 1)
        found = self._db.rows(query)
        return str(found[0]["id"]) if found else None

    def _jobs(self, query: sa.Select[Any]) -> list[Job]:
        now = self._db.clock.now()
        try:
            return [rows.to_job(row, now=now) for row in self._db.rows(query)]
        except StoreUnavailable:
            return self._readable(query)

    def _readable(self, query: sa.Select[Any]) -> list[Job]:
        """Return the jobs without those whose rows are damaged: each by itself."""
        jobs = []
        for row in self._db.rows(query.with_only_columns(job.c.id)):
            try:
                jobs.append(self.get(row["id"]))
            except StoreUnavailable as error:
                _log.error("Job %s is left out of a page: %s", row["id"], error)
            except JobNotFound:  # it was deleted meanwhile
                continue
        return jobs

    def ids_like(self, part: str, *, limit: int) -> list[str]:
        """See `JobStore.ids_like`: a range of the primary key, and a scan of it."""
        ids = sa.select(job.c.id).order_by(job.c.id.desc()).limit(limit)
        found: set[str] = set()
        for query in (
            ids.where(job.c.id >= part, job.c.id < part + _AFTER_HEX),
            ids.where(job.c.id.endswith(part)),
        ):
            found |= {row["id"] for row in self._db.rows(query)}
        return sorted(found, reverse=True)[:limit]

    def counts(self) -> dict[JobStatus, int]:
        """See `JobStore.counts`."""
        found = dict.fromkeys(JobStatus, 0)
        for (_, status), many in tally.counted(self._db).items():
            found[rows.to_status(status)] += many
        return found

    def queues(self) -> list[QueueInfo]:
        """See `JobStore.queues`."""
        return depths.queues(self._db)

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
