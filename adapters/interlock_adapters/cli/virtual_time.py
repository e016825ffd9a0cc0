"""Runs the jobs of a snapshot on virtual time: the store's own claims decide.

The jobs are copied into a temporary store. Nothing sleeps: the clock jumps from one
event to the next.
"""

import heapq
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass, fields, replace
from datetime import datetime, timedelta
from tempfile import TemporaryDirectory
from typing import Final

from interlock.api.engine import Engine
from interlock.core.job import Exit, Job, Move, NewJob
from interlock.core.lifecycle import INITIAL, Event, Proof, Reason
from interlock.core.records import ClaimRequest, Explanation, WorkerInfo
from interlock.ports import discovery
from interlock.ports.store import JobStore
from interlock.testing.clock import ManualClock
from interlock.worker.fit import Fit
from interlock_adapters.cli.snapshot import RUNNING, Snapshot

HORIZON: Final = timedelta(days=30)
_LEASE: Final = 2 * HORIZON  # longer than the run: no worker dies
_BATCH: Final = 500  # jobs of one insert
_LEAST_S: Final = 0.001  # between two events: nearer ones are one
_PAGE: Final = 1000
_BY: Final = "forecast"


@dataclass(frozen=True, slots=True, kw_only=True)
class Course:
    """What becomes of the jobs of a snapshot, by their ids."""

    starts: Mapping[str, datetime]  # also of those that run already
    ends: Mapping[str, datetime]  # up to the horizon
    waits: Mapping[str, Explanation]  # why jobs have not started
    lapses: Mapping[str, datetime]  # when some of these end without a start
    dropped: frozenset[str]  # ended by a full limit, without a start


def run(snapshot: Snapshot) -> Course:
    """Run the jobs of a snapshot until nothing happens any more, or the horizon."""
    clock = ManualClock(snapshot.at)
    with TemporaryDirectory(prefix="interlock-forecast-") as folder:
        url = f"sqlite:///{folder}/forecast.db?synchronous=NORMAL"
        with closing(discovery.open_store(url, clock)) as store:
            return _Run(snapshot, store, clock).course()


class _Worker:
    """A worker of the snapshot: what it may claim, and how many jobs it runs."""

    def __init__(self, info: WorkerInfo, jobs: Sequence[Job]) -> None:
        self.info = info
        names = {job.name for job in jobs}
        self.names = frozenset(names if info.jobs is None else names & set(info.jobs))
        self.queues = None if info.queues is None else frozenset(info.queues)
        fit = Fit(info.jobs or {})
        self.misfits = frozenset(job.id for job in jobs if not fit.fits(job))
        self.running = 0

    @property
    def free(self) -> int:
        """How many jobs it may claim now."""
        can_start = self.names and not self.info.trouble
        return self.info.concurrency - self.running if can_start else 0


class _Run:
    """One run."""

    def __init__(self, snapshot: Snapshot, store: JobStore, clock: ManualClock) -> None:
        self._snapshot = snapshot
        self._until = snapshot.at + HORIZON
        self._store = store
        self._clock = clock
        self._engine = Engine(store, clock=clock)
        workers = [_Worker(info, snapshot.jobs) for info in snapshot.workers]
        self._workers = {worker.info.id: worker for worker in workers}
        self._may_replace = any(job.when_full == "replace" for job in snapshot.jobs)
        self._running: dict[str, Job] = {}
        self._agenda: list[tuple[datetime, str]] = []  # when which job ends
        self._starts: dict[str, datetime] = {}
        self._ends: dict[str, datetime] = {}

    def course(self) -> Course:
        self._copy()
        wait_s: float | None = 0.0
        while wait_s is not None:
            self._clock.advance(wait_s)
            self._end()
            self._claim()
            wait_s = self._idle_s()
        waiting = self._waiting()
        gone = {job.id for job in self._snapshot.jobs} - set(self._starts)
        return Course(
            starts=self._starts,
            ends=self._ends,
            waits=self._explained(waiting),
            lapses=dict(self._lapses(waiting)),
            dropped=frozenset(gone - {job.id for job in waiting}),
        )

    def _copy(self) -> None:
        """Put everything into the store as it was at the snapshot.

        What runs comes first: it has its slots, also if they are more than a limit.
        """
        jobs = self._snapshot.jobs
        running = [job for job in jobs if job.status is RUNNING]
        for worker_id in sorted({job.worker_id or "" for job in running}):
            mine = [job for job in running if (job.worker_id or "") == worker_id]
            self._start_again(worker_id or _BY, mine)
        waiting = [job for job in jobs if job.status is not RUNNING]
        for first in range(0, len(waiting), _BATCH):
            self._store.add(list(map(_copied, waiting[first : first + _BATCH])))
        for limit in self._snapshot.limits:
            self._engine.limits.set(
                limit.key, max_running=limit.max_running, rate_limit=limit.rate_limit
            )
        for queue in self._snapshot.paused:
            self._engine.pause(queue)
        for hold in self._snapshot.holds:
            self._hold(hold.target, hold.by, hold.until, hold.reason)
        for job in waiting:
            if job.hold_by is not None:  # its reason may repeat its parameters
                self._hold(f"job:{job.id}", job.hold_by, job.hold_until)

    def _start_again(self, worker_id: str, jobs: list[Job]) -> None:
        """Start what runs at the snapshot; it ends after what is left of its time."""
        self._store.add(list(map(_unconditional, jobs)))
        names = frozenset(job.name for job in jobs)
        request = self._request(worker_id, names, len(jobs))
        before = {job.id: job for job in jobs}
        for job in self._store.claim(request):
            was = before[job.id]
            self._begin(job, self._takes(job) - (was.duration or timedelta()))
            self._starts[job.id] = was.started_at or self._snapshot.at

    def _hold(
        self, target: str, by: str, until: datetime | None, reason: str | None = None
    ) -> None:
        if until is None or until > self._snapshot.at:
            self._engine.hold(target, by=by, reason=reason, until=until)

    def _request(
        self,
        worker_id: str,
        names: frozenset[str],
        limit: int,
        queues: frozenset[str] | None = None,
        without: frozenset[str] = frozenset(),
    ) -> ClaimRequest:
        return ClaimRequest(
            worker_id=worker_id,
            names=names,
            limit=limit,
            lease=_LEASE,
            now=self._clock.now(),
            queues=queues,
            without=without,
        )

    def _takes(self, job: Job) -> timedelta:
        return timedelta(seconds=self._snapshot.durations.of(job.name))

    def _begin(self, job: Job, left: timedelta) -> None:
        self._running[job.id] = job
        heapq.heappush(self._agenda, (self._clock.now() + left, job.id))
        worker = self._workers.get(job.worker_id or "")
        if worker is not None:
            worker.running += 1

    def _end(self) -> None:
        """End the jobs whose time is over, and those that others replace."""
        now = self._clock.now()
        over = set(self._replaced()) if self._may_replace else set[str]()
        while self._agenda and self._agenda[0][0] <= now:
            over.add(heapq.heappop(self._agenda)[1])
        ended = [self._running.pop(i) for i in sorted(over) if i in self._running]
        for job in ended:
            self._ends[job.id] = now
            worker = self._workers.get(job.worker_id or "")
            if worker is not None:
                worker.running -= 1
        if ended:
            self._store.commit([_end_of(job, now) for job in ended])

    def _replaced(self) -> Iterable[str]:
        workers = {job.worker_id or "" for job in self._running.values()}
        for worker_id in sorted(workers):
            yield from (each.job_id for each in self._store.cancels(worker_id))

    @property
    def _has_place(self) -> bool:
        return any(worker.free > 0 for worker in self._workers.values())

    def _claim(self) -> None:
        """Let each worker claim as many jobs as it has free places for."""
        if self._has_place:
            self._reopen()
        for worker in self._workers.values():
            while worker.free > 0:
                request = self._request(
                    worker.info.id,
                    worker.names,
                    worker.free,
                    worker.queues,
                    worker.misfits,
                )
                claimed = self._store.claim(request)
                for job in claimed:
                    self._starts[job.id] = self._clock.now()
                    self._begin(job, self._takes(job))
                if not claimed:
                    break

    def _reopen(self) -> None:
        now = self._clock.now()
        after, is_more = "", self._store.needs(now=now).reopen
        while is_more:
            after, is_more = self._store.reopen(after, now=now)

    def _idle_s(self) -> float | None:
        """Return the seconds until something happens, None if nothing more does."""
        now = self._clock.now()
        if self._may_replace and any(self._replaced()):
            return _LEAST_S
        waits = [(self._agenda[0][0] - now).total_seconds()] if self._agenda else []
        due_in_s = self._store.needs(now=now).due_in_s if self._has_place else None
        if due_in_s is not None and due_in_s > 0:
            waits.append(due_in_s)
        if not waits or now + timedelta(seconds=min(waits)) > self._until:
            return None
        return max(_LEAST_S, min(waits))

    def _waiting(self) -> list[Job]:
        found: list[Job] = []
        cursor = None
        while True:
            page = self._engine.search(statuses=[INITIAL], limit=_PAGE, cursor=cursor)
            found += page.items
            cursor = page.next_cursor
            if cursor is None:
                return found

    def _lapses(self, waiting: Iterable[Job]) -> Iterator[tuple[str, datetime]]:
        for job in waiting:
            moments = [at for at in (job.expires_at, job.deadline_at) if at is not None]
            if moments and min(moments) <= self._until:
                yield job.id, min(moments)

    def _explained(self, waiting: Iterable[Job]) -> dict[str, Explanation]:
        """Return why jobs wait, as the engine explains it; once for equal ones."""
        now = self._clock.now()
        for worker in self._workers.values():
            self._store.see_worker(replace(worker.info, seen_at=now))
        found: dict[object, Explanation] = {}
        told = {}
        for job in waiting:
            like = (
                *(job.name, job.queue, str(job.keys), frozenset(job.params)),
                *(job.hold_by, job.run_at > now),
                job.expires_at is not None and job.expires_at < now,
                job.deadline_at is not None and job.deadline_at < now,
            )
            if like not in found:
                found[like] = self._engine.explain(job.id)
            told[job.id] = found[like]
        return told


def _copied(job: Job) -> NewJob:
    """Return a job as it is copied: with the names of its parameters only."""
    values = {field.name: getattr(job, field.name) for field in fields(NewJob)}
    for name in ("unique_key", "idempotency_key", "submitted_by", "rerun_of"):
        values[name] = None
    for name in ("parent_id", "schedule", "scheduled_for"):
        values[name] = None
    values |= {"params": dict.fromkeys(job.params), "metadata": {}}
    if job.attempt:  # what has had an attempt does not expire
        values["expires_at"] = None
    return NewJob(**values)


def _unconditional(job: Job) -> NewJob:
    """Return a job that runs already: nothing keeps it from its start."""
    return replace(
        _copied(job),
        run_at=min(job.run_at, job.started_at or job.created_at),
        expires_at=None,
        deadline_at=None,
        when_full=None,
        fair_key=None,
        aging_s=None,
    )


def _end_of(job: Job, now: datetime) -> Move:
    return Move(
        job_id=job.id,
        event=Event.SUCCEED,
        now=now,
        actor=job.worker_id or _BY,
        attempt=job.attempt,
        reason=Reason.RETURNED,
        proof=Proof.INLINE,
        exit=Exit(code=0),
    )
