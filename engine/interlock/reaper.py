"""Jobs whose worker is gone, and jobs that expired before they started.

Runs in every worker, on a schedule and never "when idle"; needs no leader, since each
event is checked again in its own UPDATE.
"""

import logging
from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Final

from interlock.clock import boot_id
from interlock.errors import InterlockError
from interlock.job import Job, Move
from interlock.lifecycle import Event, Reason, StopCause
from interlock.ports import JobStore
from interlock.query import Lost, WorkerInfo

_log = logging.getLogger("interlock.reaper")
_BATCH: Final = 500


def loss(job: Job, *, now: datetime, actor: str, domain_empty: bool = False) -> Move:
    """Return the move that fits a lost job: by its cancel, its stop, its budget."""
    if job.cancel_requested_at is not None:
        event = Event.CANCEL_LOST
    elif job.stop_cause is StopCause.TIMEOUT:
        event = Event.TIME_OUT_LOST
    elif job.losses + 1 < job.max_losses:
        event = Event.RESCUE
    else:
        event = Event.GIVE_UP
    return Move(
        job_id=job.id,
        event=event,
        now=now,
        actor=actor,
        attempt=job.attempt,
        reason=Reason.LOST,
        run_at=now,
        domain_empty=domain_empty,
    )


class Reaper:
    """Finds them and moves them on."""

    def __init__(
        self, store: JobStore, actor: str, proved_empty: Callable[[str], bool]
    ) -> None:
        self._store = store
        self._actor = actor
        self._proved_empty = proved_empty
        self._boot_id = boot_id()

    def reap(self, now: datetime) -> int:
        """Move every lost and every expired job on; return how many."""
        overdue = self._store.overdue(now=now, limit=_BATCH)
        moves = [self._expiry(job, now) for job in overdue]
        moves += self._losses(self._store.lost(now=now, limit=_BATCH), now)
        outcomes = self._store.commit(moves)
        for move, outcome in zip(moves, outcomes, strict=True):
            if isinstance(outcome, InterlockError):
                _log.debug("%s of %s refused: %s", move.event, move.job_id, outcome)
            else:
                _log.info("job %s: %s (%s)", outcome.id, move.event, outcome.reason)
        return sum(not isinstance(outcome, InterlockError) for outcome in outcomes)

    def _expiry(self, job: Job, now: datetime) -> Move:
        return Move(
            job_id=job.id,
            event=Event.EXPIRE,
            now=now,
            actor=self._actor,
            reason=Reason.EXPIRED,
        )

    def _losses(self, candidates: Sequence[Lost], now: datetime) -> list[Move]:
        """Return the moves of those that are lost: by lease, or by proof."""
        if not candidates:
            return []
        workers = {worker.id: worker for worker in self._store.workers()}
        moves = []
        for lost in candidates:
            worker = workers.get(lost.job.worker_id or "")
            empty = worker is not None and self._is_empty(worker)
            if lost.lease_expired or empty:
                moves.append(
                    loss(lost.job, now=now, actor=self._actor, domain_empty=empty)
                )
        return moves

    def _is_empty(self, worker: WorkerInfo) -> bool:
        """Whether a worker's kill domain is proved empty; a dead worker is no proof."""
        here = worker.boot_id == self._boot_id and worker.domain is not None
        return here and self._proved_empty(worker.domain or "")
