"""Counts the live jobs of each queue: one SELECT, which reads no ended job."""

from typing import Final

import sqlalchemy as sa

from interlock.core.lifecycle import INITIAL
from interlock.core.records import QueueInfo
from interlock_adapters.sql.schema import tables
from interlock_adapters.sql.schema.row_rules import LIVE, RUNNING
from interlock_adapters.sql.schema.tables import job
from interlock_adapters.sql.store.database import Database

_LIVE: Final = [status.value for status in LIVE]
_COUNTS: Final = ("pending", "ready", "scheduled", "retrying", "running")


def queues(database: Database) -> list[QueueInfo]:
    """See `JobStore.queues`."""
    used = {row["queue"]: row for row in database.rows(_live(database))}
    paused = {
        row["name"]: bool(row["paused"])
        for row in database.rows(sa.select(tables.queue))
    }
    return [
        _info(name, used.get(name), is_paused=paused.get(name, False))
        for name in sorted({*used, *paused})
    ]


def _live(database: Database) -> sa.Select[tuple[object, ...]]:
    own_clock = database.flavor.now
    now = sa.text(own_clock) if own_clock else database.clock.now()
    waits = job.c.status == INITIAL.value
    is_due = waits & (job.c.run_at <= now)
    is_later = waits & (job.c.run_at > now)
    was_tried = job.c.attempt > 0
    counted = (
        waits,
        is_due,
        is_later & ~was_tried,
        is_later & was_tried,
        job.c.status == RUNNING.value,
    )
    return (
        sa.select(
            job.c.queue,
            *(
                sa.func.sum(sa.case((which, 1), else_=0)).label(name)
                for name, which in zip(_COUNTS, counted, strict=True)
            ),
            sa.func.min(sa.case((waits, job.c.created_at))).label("oldest_pending_at"),
            sa.func.min(sa.case((is_due, job.c.run_at))).label("oldest_ready_at"),
        )
        .where(job.c.status.in_(_LIVE))
        .group_by(job.c.queue)
    )


def _info(name: str, row: sa.RowMapping | None, *, is_paused: bool) -> QueueInfo:
    counts = {each: 0 if row is None else int(row[each]) for each in _COUNTS}
    return QueueInfo(
        name=name,
        paused=is_paused,
        oldest_pending_at=None if row is None else row["oldest_pending_at"],
        oldest_ready_at=None if row is None else row["oldest_ready_at"],
        **counts,
    )
