"""Finalizers: the job that cleans up after each attempt of another one.

It is submitted in the transaction that ends the attempt, so after the proof that the
attempt is dead, and whoever ends it: a worker, or the reaper after a lost one. The next
attempt starts when it has ended.
"""

from collections.abc import Mapping
from datetime import datetime
from typing import Any, Final

from interlock.core.guards import KEEP
from interlock.core.ids import new_id
from interlock.core.job import Job, Move, NewJob
from interlock.core.lifecycle import Event, row_of
from interlock.core.records import ITSELF
from interlock.core.retry import Retry

#: It starts before all others.
PRIORITY: Final = 2**31 - 1
_RUNNING: Final = row_of(Event.CLAIM).target


def is_due(job: Job, move: Move) -> bool:
    """Whether a job has a finalizer, and a move that it has just made calls for it."""
    row = row_of(move.event)
    ends = row.source is _RUNNING and not row.is_internal
    return job.finalizer is not None and ends and move.event is not Event.SNOOZE


def finalizer_of(job: Job, now: datetime) -> NewJob:
    """Return the job that cleans up after the last attempt of another one."""
    spec: Mapping[str, Any] = job.finalizer or {}
    params = {name: job.params[name] for name in spec["params"] if name in job.params}
    return NewJob(
        id=new_id(now),
        name=spec["name"],
        params=params,
        queue=job.queue,
        priority=PRIORITY,
        timeout_s=spec["timeout_s"],
        grace_s=spec["grace_s"],
        retry=Retry.from_json(spec["retry"]),
        max_losses=spec["max_losses"],
        created_at=now,
        run_at=now,
        submitted_by=ITSELF,
        parent_id=job.id,
        on_parent_cancel=KEEP,
        keys=job.keys,
        finalizes=job.attempt,
        secret=job.secret,
    )
