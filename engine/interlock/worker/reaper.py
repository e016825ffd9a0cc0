"""The reaper: rescues lost jobs, and ends jobs that waited for too long.

It runs in every worker, on a schedule, also when the worker is busy. It needs no
leader, because each event is checked again in its own UPDATE.
"""

import logging
from collections.abc import Callable, Collection, Sequence
from datetime import UTC, datetime, timedelta
from typing import Final

from interlock.core.errors import InterlockError
from interlock.core.job import Job, Move
from interlock.core.lifecycle import Event, Reason, StopCause
from interlock.core.records import Lost, Needs, WorkerInfo
from interlock.ports.clock import boot_id
from interlock.ports.runner import Runner
from interlock.ports.store import JobStore

_log = logging.getLogger("interlock.reaper")
_BATCH: Final = 500
_TIDY_EVERY: Final = timedelta(hours=1)
_LONG_AGO: Final = timedelta(days=2)  # no lease is longer than a day


def loss(job: Job, *, now: datetime, actor: str, domain_empty: bool = False) -> Move:
    """Return the move for a lost job; it depends on its cancel, stop and losses."""
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
    """Rescues lost jobs and expires overdue ones."""

    def __init__(
        self,
        store: JobStore,
        actor: str,
        runner: Runner,
        ended: Callable[[], Collection[tuple[str, int]]],
    ) -> None:
        """Make the reaper of a worker.

        Args:
            store: where the jobs are.
            actor: the worker's id.
            runner: proves kill domains empty, and kills leftover processes.
            ended: returns the attempts (job id, number) of this worker that are dead
                and whose end is not written yet. They are not lost, even if the store
                did not answer for a long time.
        """
        self._store = store
        self._actor = actor
        self._runner = runner
        self._ended = ended
        self._boot_id = boot_id()
        self._tidy_at = datetime.min.replace(tzinfo=UTC)

    def reap(self, now: datetime, needs: Needs) -> int:
        """Handle every lost and every expired job, if any; return how many."""
        overdue = self._store.overdue(now=now, limit=_BATCH) if needs.expire else []
        moves = [self._expiry(job, now) for job in overdue]
        lost = self._store.lost(now=now, limit=_BATCH) if needs.rescue else []
        moves += self._losses(lost, now)
        outcomes = self._store.commit(moves) if moves else []
        if needs.prune:
            self._store.prune(now=now)
        for move, outcome in zip(moves, outcomes, strict=True):
            if isinstance(outcome, InterlockError):
                _log.debug("%s of %s refused: %s", move.event, move.job_id, outcome)
            else:
                about = {"job_id": outcome.id, "attempt": outcome.attempt}
                about["event"] = move.event.value
                message = "Job %s: %s (%s)"
                _log.info(message, outcome.id, move.event, outcome.reason, extra=about)
        if not lost and now >= self._tidy_at:
            self._tidy_at = now + _TIDY_EVERY
            self._tidy(now)
        return sum(not isinstance(outcome, InterlockError) for outcome in outcomes)

    def _tidy(self, now: datetime) -> None:
        """Delete the records of workers that were killed long ago and hold no job."""
        for worker in self._store.workers():
            if worker.seen_at < now - _LONG_AGO:
                self._store.forget_worker(worker.id)

    def _expiry(self, job: Job, now: datetime) -> Move:
        """Return the end of a job that waited until one of its two moments."""
        start_by, deadline_at = job.start_by, job.deadline_at
        is_missed = start_by is None or (
            deadline_at is not None and deadline_at < start_by
        )
        return Move(
            job_id=job.id,
            event=Event.MISS_DEADLINE if is_missed else Event.EXPIRE,
            now=now,
            actor=self._actor,
            reason=Reason.DEADLINE if is_missed else Reason.EXPIRED,
        )

    def _losses(self, candidates: Sequence[Lost], now: datetime) -> list[Move]:
        """Return the moves of jobs that are lost: by lease, or by proof of death."""
        if not candidates:
            return []
        workers = {worker.id: worker for worker in self._store.workers()}
        place = self._store.place()
        lost: list[tuple[Job, bool]] = []
        leftovers: list[tuple[str, int]] = []
        for candidate in candidates:
            job = candidate.job
            worker = workers.get(job.worker_id or "")
            is_local = worker is not None and self._is_here(worker, place)
            is_empty = is_local and self._is_empty(worker)
            if is_local and (candidate.lease_expired or is_empty):
                leftovers.append((job.id, job.attempt))
            if candidate.lease_expired or is_empty:
                lost.append((job, is_empty))
        ended = set(self._ended())  # asked last: any call to the store may have lasted
        leftovers = [attempt for attempt in leftovers if attempt not in ended]
        alive = self._runner.sweep(leftovers) if leftovers else set()
        if alive:
            _log.error(
                "Processes of lost jobs are still alive: %s. These jobs are not "
                "rescued until the processes have died.",
                sorted(alive),
            )
        return [
            loss(job, now=now, actor=self._actor, domain_empty=is_empty)
            for job, is_empty in lost
            if job.id not in alive and (job.id, job.attempt) not in ended
        ]

    def _is_here(self, worker: WorkerInfo, place: str) -> bool:
        """Whether processes of a worker are on this host, and of this store.

        Not if the store was copied or moved since: then the same jobs may run for the
        original, and the lease alone decides.
        """
        same_place = worker.place == place == self._runner.place
        return worker.boot_id == self._boot_id and same_place

    def _is_empty(self, worker: WorkerInfo | None) -> bool:
        """Whether a worker's kill domain is proved empty; its own death is no proof."""
        domain = None if worker is None else worker.domain
        return domain is not None and self._runner.proved_empty(domain)
