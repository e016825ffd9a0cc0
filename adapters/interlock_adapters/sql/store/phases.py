"""The phase of a job, as conditions on its row: `Job.phase` in SQL."""

from collections.abc import Collection
from datetime import datetime

import sqlalchemy as sa

from interlock.core.job import Phase
from interlock.core.lifecycle import GAVE_BACK, INITIAL, TERMINAL
from interlock_adapters.sql.schema.row_rules import RUNNING
from interlock_adapters.sql.schema.tables import job


def is_one_of(wanted: Collection[Phase], now: datetime) -> sa.ColumnElement[bool]:
    """Return the condition that a job is in one of these phases."""
    return _phase(now).in_(sorted(wanted))


def _phase(now: datetime) -> sa.ColumnElement[str]:
    """Return the phase; the first condition that holds decides, as in `Job.phase`."""
    waits, runs = job.c.status == INITIAL.value, job.c.status == RUNNING.value
    return sa.case(
        (job.c.status.in_(sorted(TERMINAL)), Phase.DONE.value),
        (runs & job.c.kill_unconfirmed, Phase.KILL_UNCONFIRMED.value),
        (runs & job.c.stop_cause.is_not(None), Phase.STOPPING.value),
        (runs & job.c.cancel_requested_at.is_not(None), Phase.CANCEL_REQUESTED.value),
        (runs, Phase.EXECUTING.value),
        (waits & job.c.hold_by.is_not(None), Phase.HELD.value),
        (waits & job.c.blocked_by.is_not(None), Phase.BLOCKED.value),
        (waits & (job.c.run_at <= now), Phase.QUEUED.value),
        (job.c.waits_for.is_not(None), Phase.WAITING.value),
        (job.c.reason.in_(sorted(GAVE_BACK)), Phase.SNOOZED.value),
        (job.c.failures > 0, Phase.RETRY_WAIT.value),
        else_=Phase.SCHEDULED.value,
    )
