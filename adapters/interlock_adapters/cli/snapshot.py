"""Reads what a forecast starts from: jobs, limits, holds, workers, past durations."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from statistics import mean
from typing import Final

from interlock.api.engine import Engine
from interlock.core.job import Job
from interlock.core.lifecycle import INITIAL, Event, JobStatus, row_of
from interlock.core.records import EndedJob, Hold, LimitInfo, WorkerInfo
from interlock.jobs import published

RUNNING: Final = row_of(Event.CLAIM).target
_CANCELED: Final = row_of(Event.CANCEL).target
MOST_JOBS: Final = 5000
_PAGE: Final = 1000  # the most that a search returns
LATELY: Final = timedelta(days=7)
_MOST_ENDED: Final = 10_000
_NO_HISTORY_S: Final = 1.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Durations:
    """How long the jobs of each name take, by what has ended lately."""

    means: Mapping[str, float]  # in seconds
    default_s: float = _NO_HISTORY_S  # of other names: a guess

    def of(self, name: str) -> float:
        """Return the seconds that a job of a name takes."""
        return self.means.get(name, self.default_s)


@dataclass(frozen=True, slots=True, kw_only=True)
class Snapshot:
    """A database as it was at one time; only what decides when jobs start and end."""

    at: datetime
    jobs: tuple[Job, ...]  # that wait or run, the oldest first
    left_out: int  # jobs, older than these
    limits: tuple[LimitInfo, ...]
    paused: tuple[str, ...]  # queues
    holds: tuple[Hold, ...]  # of names, queues and keys
    workers: tuple[WorkerInfo, ...]  # that are alive
    schedules: int
    durations: Durations


def read(engine: Engine) -> Snapshot:
    """Read a snapshot; it writes nothing, and locks nobody out."""
    jobs = _jobs(engine)
    at = max((job.read_at for job in jobs), default=datetime.now(UTC))
    return Snapshot(
        at=at,
        jobs=tuple(sorted(jobs, key=lambda job: job.id)),
        left_out=_left_out(engine, len(jobs)),
        limits=tuple(engine.limits.list()),
        paused=tuple(queue.name for queue in engine.queues() if queue.paused),
        holds=tuple(h for h in engine.holds() if not h.target.startswith("job:")),
        workers=tuple(published.live(engine.workers(), at)),
        schedules=sum(not each.paused for each in engine.schedules.list()),
        durations=durations(
            engine.monitor.ended_jobs(since=at - LATELY, limit=_MOST_ENDED)
        ),
    )


def _jobs(engine: Engine) -> list[Job]:
    """Return the jobs that run, and the newest of those that wait; each once."""
    waiting, running = (_newest(engine, status) for status in (INITIAL, RUNNING))
    started = {job.id for job in running}  # read last: no start is missed
    found = [*running, *(job for job in waiting if job.id not in started)]
    return found[:MOST_JOBS]


def _left_out(engine: Engine, many: int) -> int:
    """Return how many jobs there are beside those that were read."""
    if many < MOST_JOBS:
        return 0
    counts = engine.counts()
    return max(0, counts[INITIAL] + counts[RUNNING] - many)


def _newest(engine: Engine, status: JobStatus) -> list[Job]:
    found: list[Job] = []
    cursor = None
    while len(found) < MOST_JOBS:
        page = engine.search(statuses=[status], limit=_PAGE, cursor=cursor)
        found += page.items
        cursor = page.next_cursor
        if cursor is None:
            break
    return found


def durations(ended: Iterable[EndedJob]) -> Durations:
    """Return the means of the jobs that have ended; canceled ones say nothing."""
    seconds: dict[str, list[float]] = {}
    for job in ended:
        if job.started_at is not None and job.status is not _CANCELED:
            took = (job.finished_at - job.started_at).total_seconds()
            seconds.setdefault(job.name, []).append(took)
    if not seconds:
        return Durations(means={})
    everything = [each for some in seconds.values() for each in some]
    return Durations(
        means={name: mean(some) for name, some in seconds.items()},
        default_s=mean(everything),
    )
