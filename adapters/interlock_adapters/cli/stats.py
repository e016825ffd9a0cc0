"""`interlock stats`: one sheet of what waits, what runs, what has ended and how."""

import math
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from typing import Annotated, Final

import typer

from interlock.api.engine import Engine
from interlock.core.lifecycle import TERMINAL, Event, JobStatus, row_of
from interlock.core.records import EndedJob
from interlock_adapters.cli import context, moments, show
from interlock_adapters.cli.context import AsJson, Database, err

_RUNNING: Final = row_of(Event.CLAIM).target
_CANCELED: Final = row_of(Event.CANCEL).target
_FAILURES: Final = TERMINAL - {row_of(Event.SUCCEED).target, _CANCELED}
_MOST: Final = 100_000  # ends that are read
_HOUR_S: Final = 3600


@dataclass(frozen=True, slots=True, kw_only=True)
class ByName:
    """What the jobs of one name did."""

    name: str
    running: int
    ended: int
    ended_per_hour: float
    failed: int
    p50_s: float | None  # None: none ended that had started and was not canceled
    p95_s: float | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Stats:
    """All jobs by what they are now, and those that ended since a time."""

    at: datetime
    since: datetime
    jobs: Mapping[JobStatus, int]
    ready: int
    scheduled: int
    retrying: int
    running: int
    oldest_ready_wait_s: float | None  # None: none is ready
    ended: Mapping[JobStatus, int]
    failed_share: float | None  # of those that ended; None: none has
    is_whole: bool  # False: more ended since, and `since` is later than asked for
    names: tuple[ByName, ...]


def stats(
    since: Annotated[
        str,
        typer.Option(
            metavar="TIME",
            help="Count what ended since: a duration, such as 30m or 7d, or a time",
        ),
    ] = "1h",
    database: Database = None,
    as_json: AsJson = False,
) -> None:
    """Show on one sheet what waits, runs and has ended, and how long jobs take."""
    with context.errors_as_exit_codes(), context.engine(database) as engine:
        now = datetime.now(UTC)
        found = read(engine, moments.since("--since", since, now), now)
        if as_json:
            show.print_json(asdict(found))
            return
        show.print_facts(_facts(found))
        if found.names:
            show.print_rows(_HEADS, list(map(_row, found.names)))
        if not found.is_whole:
            err.print(
                f"only the newest {_MOST} ends are counted, since {found.since:%F %T} "
                "UTC; see less at once with a shorter --since"
            )


def read(engine: Engine, since: datetime, now: datetime) -> Stats:
    """Read the figures; it writes nothing."""
    ended = engine.monitor.ended_jobs(since=since, limit=_MOST)
    is_whole = len(ended) < _MOST
    since = since if is_whole else ended[-1].finished_at
    by_name = engine.monitor.totals().jobs
    jobs, running = Counter[JobStatus](), Counter[str]()
    for (name, status), many in by_name.items():
        jobs[status] += many
        running[name] += many if status is _RUNNING else 0
    queues = engine.queues()
    ready = [queue.oldest_ready_at for queue in queues if queue.oldest_ready_at]
    outcomes = Counter(job.status for job in ended)
    failed = sum(outcomes[status] for status in _FAILURES)
    return Stats(
        at=now,
        since=since,
        jobs={status: jobs[status] for status in JobStatus},
        ready=sum(queue.ready for queue in queues),
        scheduled=sum(queue.scheduled for queue in queues),
        retrying=sum(queue.retrying for queue in queues),
        running=jobs[_RUNNING],
        oldest_ready_wait_s=(now - min(ready)).total_seconds() if ready else None,
        ended={s: outcomes[s] for s in JobStatus if s in TERMINAL},
        failed_share=failed / len(ended) if ended else None,
        is_whole=is_whole,
        names=tuple(_names(running, ended, (now - since).total_seconds())),
    )


def _names(
    running: Mapping[str, int], ended: Iterable[EndedJob], seconds: float
) -> Iterator[ByName]:
    by_name: dict[str, list[EndedJob]] = {n: [] for n, many in running.items() if many}
    for job in ended:
        by_name.setdefault(job.name, []).append(job)
    for name, jobs in sorted(by_name.items()):
        took = sorted(_durations(jobs))
        yield ByName(
            name=name,
            running=running.get(name, 0),
            ended=len(jobs),
            ended_per_hour=len(jobs) * _HOUR_S / seconds if seconds else 0.0,
            failed=sum(job.status in _FAILURES for job in jobs),
            p50_s=_percentile(took, 50),
            p95_s=_percentile(took, 95),
        )


def _durations(ended: Iterable[EndedJob]) -> Iterator[float]:
    for job in ended:
        if job.started_at is not None and job.status is not _CANCELED:
            yield (job.finished_at - job.started_at).total_seconds()


def _percentile(ordered: Sequence[float], percent: int) -> float | None:
    """Return the least value that so many percent do not exceed: the nearest rank."""
    if not ordered:
        return None
    return ordered[math.ceil(len(ordered) * percent / 100) - 1]


def _facts(found: Stats) -> Iterator[tuple[str, str]]:
    yield "jobs", _counted(found.jobs)
    for name in ("ready", "scheduled", "retrying", "running"):
        yield name, str(getattr(found, name))
    if found.oldest_ready_wait_s is not None:
        yield "oldest ready", f"waits {moments.span(found.oldest_ready_wait_s)}"
    yield "ended", f"{_counted(found.ended)} since {found.since:%F %T} UTC"
    if found.failed_share is not None:
        yield "failed", f"{found.failed_share:.1%} of those that ended"


def _counted(counts: Mapping[JobStatus, int]) -> str:
    some = [f"{many} {status}" for status, many in counts.items() if many]
    return ", ".join(some) or "none"


_HEADS: Final = ("name", "running", "ended", "ended/h", "failed", "p50", "p95")


def _row(each: ByName) -> tuple[str, ...]:
    rate = f"{each.ended_per_hour:.3g}"
    took = ["" if s is None else moments.span(s) for s in (each.p50_s, each.p95_s)]
    counts = (each.running, each.ended, rate, each.failed)
    return (each.name, *map(str, counts), *took)


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command()(stats)
