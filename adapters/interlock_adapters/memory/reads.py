"""The queries of the store in memory."""

import threading
from collections import Counter as Tally
from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import replace
from datetime import datetime

from interlock.core.errors import JobNotFound
from interlock.core.job import Attempt, HistoryEntry, Job, Rejection
from interlock.core.lifecycle import INITIAL, Event, JobStatus, row_of
from interlock.core.records import (
    Answer,
    EndedJob,
    Fault,
    FeedPosition,
    LogLine,
    Lost,
    Page,
    QueueInfo,
    Running,
    Search,
    Totals,
    WorkerInfo,
)
from interlock.core.replay import faults
from interlock.ports.clock import Clock, SystemClock
from interlock.ports.runner import Source
from interlock_adapters.memory.rules import matches

_CLAIM = row_of(Event.CLAIM)
_US = 1_000_000
_MOST_REJECTIONS = 1000


class MemoryWakeup:
    """`Wakeup` within one process."""

    def __init__(self) -> None:
        self._event = threading.Event()

    def wait(self, timeout_s: float, sources: Iterable[Source] = ()) -> bool:
        """See `Wakeup.wait`. Sources are not watched: an inline runner has none."""
        del sources
        changed = self._event.wait(timeout_s)
        self._event.clear()
        return changed

    def wake(self) -> None:
        """See `Wakeup.wake`."""
        self._event.set()

    def close(self) -> None:
        """See `Wakeup.close`."""


class Records:
    """The records, and the queries over them."""

    def __init__(self, clock: Clock | None = None) -> None:
        self._clock = clock or SystemClock()
        self._lock = threading.RLock()
        self._jobs: dict[str, Job] = {}
        self._open: dict[str, Job] = {}  # of these, the ones that are not terminal
        self._history: dict[str, list[HistoryEntry]] = {}
        self._attempts: dict[str, list[Attempt]] = defaultdict(list)
        self._log: dict[str, list[LogLine]] = defaultdict(list)
        self._rejections: list[Rejection] = []
        self._paused: dict[str, bool] = {}
        self._limits: dict[str, int] = {}
        self._workers: dict[str, WorkerInfo] = {}
        self._wakeups: list[MemoryWakeup] = []
        self._lines = 0
        self._feed: list[tuple[FeedPosition, HistoryEntry]] = []
        self._answers: dict[str, Answer] = {}

    def _live(self, job: Job) -> bool:
        return (job.lease_until_us or 0) > round(self._clock.boot() * _US)

    def get(self, job_id: str) -> Job:
        """See `JobStore.get`."""
        with self._lock:
            if job_id not in self._jobs:
                raise JobNotFound(job_id)
            return replace(self._jobs[job_id], read_at=self._clock.now())

    def cancels(self, worker_id: str) -> list[Running]:
        """See `JobStore.cancels`."""
        with self._lock:
            return [
                as_running(job)
                for job in self._open.values()
                if (job.status, job.worker_id) == (_CLAIM.target, worker_id)
                and job.cancel_requested_at is not None
                and job.stop_cause is None
            ]

    def _put(self, job: Job) -> None:
        """Store a new version of a job."""
        self._jobs[job.id] = job
        if job.is_terminal:
            self._open.pop(job.id, None)
        else:
            self._open[job.id] = job

    def _select(self, status: JobStatus) -> list[Job]:
        """Return the jobs with a status that is not terminal."""
        with self._lock:
            return [job for job in self._open.values() if job.status is status]

    def lost(self, *, now: datetime, limit: int) -> list[Lost]:
        """See `JobStore.lost`."""
        running = [
            Lost(job=replace(job, read_at=now), lease_expired=not self._live(job))
            for job in self._select(_CLAIM.target)
            if not job.kill_unconfirmed
        ]
        return sorted(running, key=lambda lost: not lost.lease_expired)[:limit]

    def overdue(self, *, now: datetime, limit: int) -> list[Job]:
        """See `JobStore.overdue`."""
        waiting = self._select(INITIAL)
        return [j for j in waiting if j.expires_at and j.expires_at < now][:limit]

    def next_due(self, *, now: datetime) -> datetime | None:
        """See `JobStore.next_due`."""
        return min(
            (j.run_at for j in self._select(INITIAL) if j.run_at > now), default=None
        )

    def search(self, search: Search) -> Page:
        """See `JobStore.search`."""
        with self._lock:
            everything = sorted(self._jobs.values(), key=lambda j: j.id, reverse=True)
        now = self._clock.now()
        found = [replace(j, read_at=now) for j in everything if matches(j, search)]
        items = tuple(found[: search.limit])
        more = len(found) > search.limit
        return Page(items=items, next_cursor=items[-1].id if more else None)

    def counts(self) -> dict[JobStatus, int]:
        """See `JobStore.counts`."""
        tally = Tally(job.status for job in list(self._jobs.values()))
        return {status: tally[status] for status in JobStatus}

    def history(self, job_id: str) -> list[HistoryEntry]:
        """See `JobStore.history`."""
        self.get(job_id)
        return list(self._history[job_id])

    def attempts(self, job_id: str) -> list[Attempt]:
        """See `JobStore.attempts`."""
        self.get(job_id)
        return list(self._attempts[job_id])

    def log(self, job_id: str, *, after: int = 0, limit: int = 10_000) -> list[LogLine]:
        """See `JobStore.log`."""
        self.get(job_id)
        return [line for line in self._log[job_id] if line.seq > after][:limit]

    def rejections(self, job_id: str | None = None) -> list[Rejection]:
        """See `JobStore.rejections`."""
        found = [r for r in self._rejections if job_id in (None, r.job_id)]
        return found[-_MOST_REJECTIONS:]

    def queues(self) -> list[QueueInfo]:
        """See `JobStore.queues`."""
        with self._lock:
            jobs = list(self._jobs.values())
        names = sorted({job.queue for job in jobs} | set(self._paused))
        return [self._queue(name, jobs) for name in names]

    def _queue(self, name: str, jobs: list[Job]) -> QueueInfo:
        waiting = [j for j in jobs if j.queue == name and j.status is INITIAL]
        running = [j for j in jobs if j.queue == name and j.status is _CLAIM.target]
        return QueueInfo(
            name=name,
            paused=self._paused.get(name, False),
            pending=len(waiting),
            running=len(running),
            oldest_pending_at=min((j.created_at for j in waiting), default=None),
        )

    def _running(self, name: str) -> int:
        return sum(job.name == name for job in self._select(_CLAIM.target))

    def limits(self) -> dict[str, tuple[int, int]]:
        """See `JobStore.limits`."""
        return {n: (self._running(n), most) for n, most in self._limits.items()}

    def recent(self, limit: int) -> list[HistoryEntry]:
        """See `JobStore.recent`."""
        with self._lock:
            return [entry for _, entry in reversed(self._feed[-limit:])]

    def ended_jobs(self, since: datetime, *, limit: int) -> list[EndedJob]:
        """See `JobStore.ended_jobs`."""
        with self._lock:
            found = [
                (job.finished_at, job.id, job)
                for job in self._jobs.values()
                if job.finished_at is not None and job.finished_at >= since
            ]
        found.sort(reverse=True)
        return [
            EndedJob(
                name=job.name,
                status=job.status,
                created_at=job.created_at,
                started_at=job.started_at,
                finished_at=finished,
            )
            for finished, _, job in found[:limit]
        ]

    def totals(self) -> Totals:
        """See `JobStore.totals`."""
        with self._lock:
            leases = [
                job.lease_until_us
                for job in self._select(_CLAIM.target)
                if job.lease_until_us is not None
            ]
            now = round(self._clock.boot() * _US)
            return Totals(
                jobs=Tally((job.name, job.status) for job in self._jobs.values()),
                rejections=Tally(one.event for one in self._rejections),
                lease_slack_s=(min(leases) - now) / _US if leases else None,
            )

    def history_after(self, after: Mapping[str, int]) -> list[HistoryEntry]:
        """See `JobStore.history_after`."""
        with self._lock:
            return [
                entry
                for job_id in sorted(after)
                for entry in self._history.get(job_id, [])
                if entry.seq > after[job_id]
            ]

    def feed(
        self, after: FeedPosition, *, limit: int
    ) -> list[tuple[FeedPosition, HistoryEntry]]:
        """See `JobStore.feed`."""
        with self._lock:
            return [told for told in self._feed if told[0] > after][:limit]

    def feed_end(self) -> FeedPosition:
        """See `JobStore.feed_end`."""
        with self._lock:
            last = self._feed[-1][0].position if self._feed else 0
        return FeedPosition(last + 1, "", 0)

    def backlog(self, queue: str, *, limit: int) -> int:
        """See `JobStore.backlog`."""
        waiting = self._select(INITIAL)
        return min(limit, sum(job.queue == queue for job in waiting))

    def check(self) -> None:
        """See `JobStore.check`."""

    def workers(self) -> list[WorkerInfo]:
        """See `JobStore.workers`."""
        return sorted(self._workers.values(), key=lambda w: (w.started_at, w.id))

    def verify(self) -> list[Fault]:
        """See `JobStore.verify`."""
        with self._lock:
            return [
                fault
                for job in self._jobs.values()
                for fault in faults(job, self._history[job.id])
            ]


def as_running(job: Job) -> Running:
    """Return a worker's view of its job."""
    return Running(
        job_id=job.id,
        attempt=job.attempt,
        cancel_requested=job.cancel_requested_at is not None,
    )
