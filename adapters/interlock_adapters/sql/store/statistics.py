"""Reads overviews of all jobs: newest events, ends, counts."""

from dataclasses import fields
from datetime import datetime

import sqlalchemy as sa

from interlock.core.job import HistoryEntry
from interlock.core.lifecycle import Event
from interlock.core.records import EndedJob, Stint, Totals
from interlock_adapters.sql.schema.row_rules import RUNNING
from interlock_adapters.sql.schema.tables import attempt, history, job, rejection
from interlock_adapters.sql.statements import rows
from interlock_adapters.sql.store import tally
from interlock_adapters.sql.store.database import Database

_MANY = sa.func.count().label("many")
_ENDED = (
    job.c.name,
    job.c.queue,
    job.c.status,
    job.c.created_at,
    job.c.started_at,
)
_PLACE = (history.c.position, history.c.job_id, history.c.seq)
_NEWEST = [part.desc() for part in _PLACE]

_OF_STINT = tuple(field.name for field in fields(Stint) if field.name != "name")


class Statistics:
    """Counts and lists over all jobs."""

    def __init__(self, database: Database) -> None:
        self._db = database

    def recent(self, limit: int) -> list[HistoryEntry]:
        """See `JobStore.recent`."""
        query = sa.select(history).order_by(*_NEWEST)
        return [rows.to_history(row) for row in self._db.rows(query.limit(limit))]

    def ended_jobs(self, since: datetime, *, limit: int) -> list[EndedJob]:
        """See `JobStore.ended_jobs`."""
        query = (
            sa.select(*_ENDED, job.c.finished_at)
            .where(job.c.finished_at >= since)
            .order_by(job.c.finished_at.desc(), job.c.id.desc())
            .limit(limit)
        )
        return [rows.to_ended_job(row) for row in self._db.rows(query)]

    def stints(self, since: datetime, *, limit: int) -> list[Stint]:
        """See `JobStore.stints`."""
        newest = sa.select(history.c.job_id).order_by(*_NEWEST).limit(limit).subquery()
        runs = sa.select(job.c.id).where(job.c.status == RUNNING.value)
        busy = sa.union(sa.select(newest.c.job_id), runs).subquery()
        one = attempt.c
        order = (one.claimed_at, one.job_id, one.attempt)
        query = (
            sa.select(*(one[field] for field in _OF_STINT), job.c.name)
            .join(job, job.c.id == one.job_id)
            .where(one.job_id.in_(sa.select(busy.c[0])))
            .where(sa.or_(one.ended_at.is_(None), one.ended_at >= since))
            .order_by(*order)
        )
        return [rows.to_stint(row) for row in self._db.rows(query)]

    def take_stock(self) -> bool:
        """See `JobStore.take_stock`."""
        return tally.take_in(self._db)

    def totals(self) -> Totals:
        """See `JobStore.totals`."""
        jobs = tally.counted(self._db)
        refused = sa.select(rejection.c.event, _MANY).group_by(rejection.c.event)
        first = sa.select(sa.func.min(job.c.lease_until_us).label("first"))
        with self._db.read() as connection:
            least = connection.scalar(first.where(job.c.status == RUNNING.value))
            now, _ = self._db.lease_now(connection)
            return Totals(
                jobs={
                    (name, rows.to_status(status)): many
                    for (name, status), many in jobs.items()
                },
                rejections={
                    Event(row.event): row.many for row in connection.execute(refused)
                },
                lease_slack_s=None if least is None else (least - now) / 1_000_000,
            )
