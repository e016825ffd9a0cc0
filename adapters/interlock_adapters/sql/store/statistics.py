"""Reads overviews of all jobs: newest events, ends, counts."""

from datetime import datetime

import sqlalchemy as sa

from interlock.core.job import HistoryEntry
from interlock.core.lifecycle import Event
from interlock.core.records import EndedJob, Totals
from interlock_adapters.sql.schema.row_rules import RUNNING
from interlock_adapters.sql.schema.tables import history, job, rejection
from interlock_adapters.sql.statements import rows
from interlock_adapters.sql.store import tally
from interlock_adapters.sql.store.database import Database

_MANY = sa.func.count().label("many")
_ENDED = (job.c.name, job.c.status, job.c.created_at, job.c.started_at)


class Statistics:
    """Counts and lists over all jobs."""

    def __init__(self, database: Database) -> None:
        self._db = database

    def recent(self, limit: int) -> list[HistoryEntry]:
        """See `JobStore.recent`."""
        place = (history.c.position, history.c.job_id, history.c.seq)
        query = sa.select(history).order_by(*(part.desc() for part in place))
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
