"""A real store that shows the world each write."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any, Final, Protocol

from interlock.core.dependencies import Dependency
from interlock.core.errors import InterlockError
from interlock.core.job import Job, Move, NewJob
from interlock.core.lifecycle import Event, row_of
from interlock.core.records import ClaimRequest, Lost
from interlock.core.uniqueness import Unique
from interlock_adapters.memory import MemoryStore

from .world import HostClock

_RUNNING: Final = row_of(Event.CLAIM).target


class Watcher(Protocol):
    """Who is told of each write, within its transaction."""

    def added(self, job: Job) -> None: ...

    def claimed(self, job: Job) -> None: ...

    def moved(self, before: Job, move: Move, after: Job) -> None: ...


class Unwatched:
    """See `Watcher`. Looks away."""

    def added(self, job: Job) -> None: ...

    def claimed(self, job: Job) -> None: ...

    def moved(self, before: Job, move: Move, after: Job) -> None: ...


class WatchedStore(MemoryStore):
    """The memory store as it is; each write is shown to a watcher."""

    def __init__(self, clock: HostClock) -> None:
        super().__init__(clock)
        self.lost = self._lost
        self.watcher: Watcher = Unwatched()
        self.living: set[str] = set()  # ids of workers whose processes live
        self.changed = False

    def claim(self, request: ClaimRequest) -> list[Job]:
        """Go by the clock of the store, as PostgreSQL does: hosts differ."""
        return super().claim(replace(request, now=self.records.clock.now()))

    def _record(self, *args: Any) -> None:
        super()._record(*args)
        self.changed = True

    def _lost(self, *, now: datetime, limit: int) -> list[Lost]:
        """Leave out those whose worker lives, as the stores on disk do."""
        del now
        running = [
            Lost(job=job, lease_expired=not self.records.is_leased(job))
            for job in self.records.select(_RUNNING)
            if job.worker_id not in self.living or not self.records.is_leased(job)
        ]
        return [lost for lost in running if not lost.job.kill_unconfirmed][:limit]

    def _add(self, new: NewJob, wanted: Unique, edges: Sequence[Dependency]) -> Job:
        is_new = new.id not in self.records.jobs
        job = super()._add(new, wanted, edges)
        if is_new and job.id == new.id:
            self.watcher.added(job)
        return job

    def _claim(self, job: Job, request: ClaimRequest) -> Job:
        claimed = super()._claim(job, request)
        self.watcher.claimed(claimed)
        return claimed

    def _move(self, move: Move) -> Job | InterlockError:
        before = self.records.jobs.get(move.job_id)
        outcome = super()._move(move)
        if before is not None and isinstance(outcome, Job):
            self.watcher.moved(before, move, outcome)
        return outcome
