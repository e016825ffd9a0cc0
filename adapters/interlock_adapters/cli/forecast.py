"""`interlock forecast`: says when the queue is empty, also after a change."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Annotated, Final

import typer

from interlock.core.job import Job
from interlock_adapters.cli import (
    context,
    moments,
    show,
    snapshot,
    virtual_time,
    what_if,
)
from interlock_adapters.cli.context import AsJson, Database, out
from interlock_adapters.cli.snapshot import Snapshot
from interlock_adapters.cli.virtual_time import Course

_DAYS: Final = virtual_time.HORIZON.days


@dataclass(frozen=True, slots=True, kw_only=True)
class ByName:
    """What becomes of the jobs of one name."""

    name: str
    jobs: int
    running: int
    takes_s: float
    is_guess: bool  # no job of the name has ended lately
    last_start_at: datetime | None
    last_end_at: datetime | None
    never: int  # how many do not start


@dataclass(frozen=True, slots=True, kw_only=True)
class Never:
    """Jobs of one name that do not start, for one cause."""

    name: str
    jobs: int
    cause: str  # as `Explanation.reasons` names it; `full`: a full limit drops them
    why: str  # of the first of them


@dataclass(frozen=True, slots=True, kw_only=True)
class Forecast:
    """When the queue is empty, and what that rests on."""

    at: datetime
    empty_at: datetime | None  # None: it does not become empty
    empty_in_s: float | None
    last_end_at: datetime | None  # of the jobs that end
    lasting: int  # jobs that do not end within the horizon
    places: int  # jobs that the workers run at once
    workers: int
    left_out: int
    names: tuple[ByName, ...]
    never: tuple[Never, ...]
    assumptions: tuple[str, ...]


def forecast(
    changes: Annotated[
        list[str] | None,
        typer.Option("--if", metavar="KEY=NUMBER", help=what_if.HELP),
    ] = None,
    database: Database = None,
    as_json: AsJson = False,
) -> None:
    """Forecast when the queue is empty, from how long jobs took in the last 7 days.

    The jobs are copied, and run on virtual time with the limits, holds and workers of
    now. Nothing is changed.
    """
    with context.errors_as_exit_codes():
        with context.engine(database) as engine:
            now = snapshot.read(engine)
        then = what_if.changed(now, changes or ())
        found = judged(then, virtual_time.run(then))
        if as_json:
            show.print_json(asdict(found))
        else:
            _print(found)


def judged(start: Snapshot, course: Course) -> Forecast:
    """Return what the course of a snapshot means."""
    ended = {*course.ends, *course.lapses, *course.dropped}
    lasting = {job.id for job in start.jobs} - ended
    last_end_at = max(course.ends.values(), default=None)
    over = max([start.at, *course.ends.values(), *course.lapses.values()])
    empty_at = None if lasting else over
    return Forecast(
        at=start.at,
        empty_at=empty_at,
        empty_in_s=None if empty_at is None else (empty_at - start.at).total_seconds(),
        last_end_at=last_end_at,
        lasting=len(lasting),
        places=sum(worker.concurrency for worker in start.workers),
        workers=len(start.workers),
        left_out=start.left_out,
        names=tuple(_by_name(start, course)),
        never=tuple(_never(start.jobs, course)),
        assumptions=tuple(_assumptions(start)),
    )


def _by_name(start: Snapshot, course: Course) -> Iterator[ByName]:
    for name in sorted({job.name for job in start.jobs}):
        jobs = [job for job in start.jobs if job.name == name]
        starts = [course.starts[job.id] for job in jobs if job.id in course.starts]
        ends = [course.ends[job.id] for job in jobs if job.id in course.ends]
        yield ByName(
            name=name,
            jobs=len(jobs),
            running=sum(job.status is snapshot.RUNNING for job in jobs),
            takes_s=start.durations.of(name),
            is_guess=name not in start.durations.means,
            last_start_at=max(starts, default=None),
            last_end_at=max(ends, default=None),
            never=len(jobs) - len(starts),
        )


def _never(jobs: Iterable[Job], course: Course) -> Iterator[Never]:
    found: dict[tuple[str, str], list[str]] = {}
    for job in jobs:
        if job.id in course.dropped:
            dropped = f"A limit is full, and its when_full is {job.when_full!r}."
            found.setdefault((job.name, "full"), []).append(dropped)
        elif job.id in course.waits:
            explanation = course.waits[job.id]
            cause = explanation.reasons[0].cause
            found.setdefault((job.name, cause), []).append(str(explanation))
    for (name, cause), why in sorted(found.items()):
        yield Never(name=name, jobs=len(why), cause=cause, why=why[0])


def _assumptions(start: Snapshot) -> Iterator[str]:
    """Yield what a reader must know to trust the forecast."""
    names = sorted({job.name for job in start.jobs})
    guessed = [name for name in names if name not in start.durations.means]
    yield (
        "Each job takes the mean time of its name in the last "
        f"{snapshot.LATELY.days} days, and succeeds at once: no retries."
    )
    if guessed:
        basis = "the mean of all jobs" if start.durations.means else "a guess"
        yield (
            f"No job of these names has ended lately: {', '.join(guessed)}. "
            f"They take {start.durations.default_s:.3g} s, {basis}."
        )
    yield "No job is submitted, and no worker starts or stops."
    if any(limit.rate_limit for limit in start.limits):
        yield "Rates count no start from before now."
    if start.schedules:
        yield f"{_many(start.schedules, 'schedule')} left out: no tick submits a job."
    if start.left_out:
        yield (
            f"{_many(start.left_out, 'job')} left out, the oldest: at most "
            f"{snapshot.MOST_JOBS} are read. Expect a later end."
        )


def _print(found: Forecast) -> None:
    context.say(_headline(found))
    if found.names:
        heads = ("name", "jobs", "running", "each takes", "last start", "last end")
        show.print_rows(heads, list(_rows(found)))
    if found.never:
        out.print(f"Not started within {_DAYS} days:")
    for each in found.never:  # no table: commands are to be copied
        context.say(f"- {_many(each.jobs, 'job')} {each.name}: {each.why}")
    for sentence in found.assumptions if found.names else ():
        context.say(f"- {sentence}")


def _headline(found: Forecast) -> str:
    if not found.names:
        return "The queue is empty now."
    workers, places = _many(found.workers, "worker"), _many(found.places, "job")
    who = f"with {workers} for {places} at once"
    if not found.workers:
        who = (
            "because no worker is running. Start one: interlock worker MODULE. Or "
            "forecast one: --if workers=1"
        )
    if found.empty_at is not None:
        return f"The queue is empty {_moment(found.empty_at, found.at)}, {who}."
    if found.last_end_at is None:
        return f"No job ends within {_DAYS} days, {who}."
    if not found.workers:
        return f"No job starts, {who}."
    lasting = _many(found.lasting, "job")
    return f"All but {lasting} end {_moment(found.last_end_at, found.at)}, {who}."


def _many(number: int, noun: str) -> str:
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"


def _rows(found: Forecast) -> Iterator[Sequence[str]]:
    for each in found.names:
        takes = moments.span(each.takes_s) + (" (guess)" if each.is_guess else "")
        cells = [each.name, str(each.jobs), str(each.running), takes]
        last = (each.last_start_at, each.last_end_at)
        cells += ["" if m is None else _from_now(m, found.at) for m in last]
        yield cells


def _moment(moment: datetime, now: datetime) -> str:
    return f"{_from_now(moment, now)}, at {moment:%F %T} UTC"


def _from_now(moment: datetime, now: datetime) -> str:
    seconds = (moment - now).total_seconds()
    return f"in {moments.span(seconds)}" if seconds > 0 else "now"


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command()(forecast)
