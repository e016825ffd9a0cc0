"""What the store in memory keeps, under one lock; its parts share it."""

import threading
from collections import defaultdict
from collections.abc import Iterator
from contextlib import contextmanager
from copy import copy
from dataclasses import dataclass
from datetime import datetime, timedelta

from interlock.core.causes import Remark
from interlock.core.dependencies import Dependency
from interlock.core.job import Attempt, HistoryEntry, Job, Rejection
from interlock.core.lifecycle import Event, JobStatus, row_of
from interlock.core.limits import Key, Rate, keys_of
from interlock.core.records import (
    Answer,
    FeedPosition,
    GroupInfo,
    Hold,
    LogLine,
    SignalInfo,
    Step,
    WorkerInfo,
)
from interlock.core.ticks import ScheduleEdit, ScheduleInfo, Tick
from interlock.ports.clock import Clock
from interlock_adapters.memory.wakeup import MemoryWakeup

_RUNNING = row_of(Event.CLAIM).target
_US = 1_000_000
_UNDOABLE = (
    *("jobs", "unfinished", "history", "attempts", "log", "rejections", "lines"),
    *(
        "feed",
        "answers",
        "starts",
        "keys",
        "schedules",
        "ticks",
        "edits",
        "edges",
        "groups",
        "steps",
        "signals",
    ),
)


@dataclass(frozen=True, slots=True)
class Setting:
    """A limit. What was set at run time keeps beside it what the code declares."""

    max_running: int | None
    rate: Rate | None
    set_by: str | None = None
    set_at: datetime | None = None
    declared: "Setting | None" = None


class Records:
    """Dicts and lists, and what all parts of `MemoryStore` need of them."""

    def __init__(self, clock: Clock) -> None:
        self.clock = clock
        self.lock = threading.RLock()
        self.jobs: dict[str, Job] = {}
        self.unfinished: dict[str, Job] = {}  # of these, those that are not terminal
        self.history: dict[str, list[HistoryEntry]] = {}
        self.attempts: dict[str, list[Attempt]] = defaultdict(list)
        self.log: dict[str, list[LogLine]] = defaultdict(list)
        self.edges: dict[str, tuple[Dependency, ...]] = {}  # of jobs that wait
        self.groups: dict[str, GroupInfo] = {}
        self.steps: dict[tuple[str, str, str, str], Step] = {}
        self.signals: list[SignalInfo] = []
        self.rejections: list[Rejection] = []
        self.paused: dict[str, bool] = {}
        self.limits: dict[str, Setting] = {}
        self.starts: dict[str, list[datetime]] = defaultdict(list)  # of rates
        self.holds: dict[str, Hold] = {}
        self.remarks: list[Remark] = []
        self.workers: dict[str, WorkerInfo] = {}
        self.wakeups: list[MemoryWakeup] = []
        self.lines = 0
        self.last_position = 0  # that an entry was given
        self.feed: list[tuple[FeedPosition, HistoryEntry]] = []
        self.answers: dict[str, Answer] = {}
        self.keys: dict[str, tuple[str, datetime]] = {}  # who keeps a unique key
        self.schedules: dict[str, ScheduleInfo] = {}
        self.ticks: dict[tuple[str, datetime], Tick] = {}
        self.edits: list[ScheduleEdit] = []

    @contextmanager
    def together(self) -> Iterator[None]:
        """See `JobStore.together`. An error puts everything back as it was."""
        with self.lock:
            before = {name: copy(getattr(self, name)) for name in _UNDOABLE}
            for name in ("history", "attempts", "log", "starts"):
                lists = before[name]
                for job_id in lists:
                    lists[job_id] = list(lists[job_id])
            try:
                yield
            except BaseException:
                vars(self).update(before)
                raise

    def put(self, job: Job) -> None:
        """Store a new version of a job."""
        self.jobs[job.id] = job
        if job.is_terminal:
            self.unfinished.pop(job.id, None)
        else:
            self.unfinished[job.id] = job

    def select(self, status: JobStatus) -> list[Job]:
        """Return the jobs with a status that is not terminal."""
        with self.lock:
            return [job for job in self.unfinished.values() if job.status is status]

    def lease_end_us(self, lease: timedelta) -> int:
        """Return the end of a lease that begins now, in microseconds of boot time."""
        return round((self.clock.boot() + lease.total_seconds()) * _US)

    def is_leased(self, job: Job) -> bool:
        """Whether a job's lease is not over."""
        return (job.lease_until_us or 0) > round(self.clock.boot() * _US)

    def limit_of(self, key: Key) -> Setting | None:
        """Return what limits a key: its own limit, else that of its template."""
        return self.limits.get(key.key) or self.limits.get(key.base)

    def running(self, key: str) -> list[tuple[Job, int]]:
        """Return the RUNNING jobs of a key or template, with their weights."""
        return [
            (job, each.weight)
            for job in self.select(_RUNNING)
            for each in keys_of(job.name, job.queue, job.keys)
            if key in (each.key, each.base)
        ]

    def remove(self, job_id: str) -> None:
        """Delete a job with all its records."""
        self.feed = [
            (position, entry) for position, entry in self.feed if entry.job_id != job_id
        ]
        group_id = self.jobs[job_id].group_id
        self.steps = {key: s for key, s in self.steps.items() if s.job_id != job_id}
        self.signals = [s for s in self.signals if s.job_id != job_id]
        for by_job in (self.jobs, self.history, self.attempts, self.log, self.edges):
            by_job.pop(job_id, None)
        self.rejections = [r for r in self.rejections if r.job_id != job_id]
        info = self.groups.get(group_id or "")
        others = {job.group_id for job in self.jobs.values()}
        if info is not None and info.closed_at and info.id not in others:
            del self.groups[info.id]

    def wake(self) -> None:
        """Wake everyone who waits for a change."""
        for wakeup in self.wakeups:
            wakeup.wake()
