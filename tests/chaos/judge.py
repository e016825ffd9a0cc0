"""The judge: reads the journal, the records and the process table, and no engine code.

What it asks for is written here once more, from the table alone.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from interlock.core.job import HistoryEntry, Job
from interlock.core.lifecycle import (
    SUBMIT,
    TABLE,
    TERMINAL,
    Event,
    JobStatus,
    Who,
    row_of,
)
from interlock.core.ticks import ScheduleInfo, Tick, TickOutcome

from .linear import Call, unfit

_EDGES = {(row.event.value, row.source, row.target) for row in TABLE}
_BY_ITS_WORKER = {row.event.value for row in TABLE if row.who is Who.WORKER}
_SUCCEEDED = row_of(Event.SUCCEED).target


@dataclass(frozen=True, slots=True, kw_only=True)
class Evidence:
    """What there is to judge."""

    acknowledged: Sequence[str]  # ids of jobs whose submit returned
    jobs: Mapping[str, Job]
    histories: Mapping[str, Sequence[HistoryEntry]]
    journal: Iterable[str]  # lines: what, id, attempt
    alive: Mapping[str, Sequence[int]]  # processes of each job, seen from outside
    calls: Mapping[str, Sequence[Call]] = field(default_factory=dict)
    rates: Mapping[str, tuple[int, float]] = field(default_factory=dict)  # by key
    parents: Mapping[str, Sequence[str]] = field(default_factory=dict)  # of each job
    schedules: Sequence[ScheduleInfo] = ()  # each every so many seconds
    ticks: Mapping[str, Sequence[Tick]] = field(default_factory=dict)  # newest first


def judge(evidence: Evidence) -> list[str]:
    """Return every violation, in words."""
    violations = [f"{i}: lost" for i in evidence.acknowledged if i not in evidence.jobs]
    lines: dict[str, list[tuple[str, int]]] = defaultdict(list)
    places: dict[str, list[int]] = defaultdict(list)  # of the lines of a job
    afters: dict[str, int] = {}  # where somebody first went on after a job
    for place, line in enumerate(evidence.journal):
        what, job_id, attempt = line.split()
        lines[job_id].append((what, int(attempt)))
        if what != "final":  # that is another job, which tells of this one
            places[job_id].append(place)
        if what.startswith("after:"):
            afters.setdefault(what.removeprefix("after:"), place)
    for job_id, job in evidence.jobs.items():
        entries = evidence.histories.get(job_id, ())
        faults = [
            *_of_the_end(job, entries, evidence.alive.get(job_id, ())),
            *_of_the_history(entries),
            *_of_the_journal(job, lines[job_id]),
            *_of_the_snoozes(entries, lines[job_id]),
            *_of_the_steps(lines[job_id]),
            *_of_the_finalizers(job, entries, lines[job_id], evidence),
            *_of_the_children(lines[job_id], evidence.jobs, places, afters),
            *_of_the_deadline(job, entries),
            *_of_the_parents(job, entries, evidence, places),
            *unfit(entries, evidence.calls.get(job_id, ())),
        ]
        violations += [f"{job_id}: {fault}" for fault in faults]
    for info in evidence.schedules:
        faults = [*_of_the_ticks(info, evidence.ticks[info.name], evidence.jobs)]
        violations += [f"{info.name}: {fault}" for fault in faults]
    return [*violations, *_of_the_rates(evidence)]


def _of_the_rates(evidence: Evidence) -> Iterable[str]:
    """Judge the starts of all jobs of a key, as their histories tell them."""
    starts: dict[str, list[datetime]] = defaultdict(list)
    for job_id, job in evidence.jobs.items():
        for key in set(job.keys or ()) & set(evidence.rates):
            entries = evidence.histories.get(job_id, ())
            starts[key] += [e.at for e in entries if e.event == Event.CLAIM]
    for key, (most, seconds) in evidence.rates.items():
        each = sorted(starts[key])
        for first, last in zip(each, each[most:], strict=False):
            if last - first < timedelta(seconds=seconds):
                yield f"{key}: {most + 1} starts from {first} to {last}"


def _of_the_ticks(
    info: ScheduleInfo, ticks: Sequence[Tick], jobs: Mapping[str, Job]
) -> Iterable[str]:
    due = [tick.due_at for tick in reversed(ticks)]
    every = timedelta(seconds=int((info.schedule.every or "").removesuffix("s")))
    expected = [info.anchor + n * every for n in range(1, len(due) + 1)]
    if due != expected:
        yield "a tick is missing, or is there twice"
    of_it = [job for job in jobs.values() if job.schedule == info.name]
    made = sorted((job.id, job.scheduled_for or info.anchor) for job in of_it)
    fired = [tick for tick in ticks if tick.outcome is TickOutcome.FIRED]
    if made != sorted((tick.job_id or "", tick.due_at) for tick in fired):
        yield "the jobs are not those of the ticks that were fired"


def _of_the_end(
    job: Job, entries: Sequence[HistoryEntry], alive: Sequence[int]
) -> Iterable[str]:
    if job.status not in TERMINAL:
        yield f"never ended: {job.status}"
    ends = sum(entry.target in TERMINAL for entry in entries)
    if ends != 1:
        yield f"{ends} terminal rows"
    if job.status in TERMINAL and alive:
        yield f"alive after its end: {list(alive)}"


def _of_the_history(entries: Sequence[HistoryEntry]) -> Iterable[str]:
    status: JobStatus | None = None
    is_requested = False
    attempt = 0
    holder: str | None = None
    for entry in entries:
        edge = (entry.event, entry.source, entry.target)
        if entry.source is not status:
            yield f"{entry.event} from {entry.source} while {status}"
        if edge not in _EDGES and (entry.event, status) != (SUBMIT, None):
            yield f"illegal edge {edge}"
        if is_requested and entry.event == Event.CLAIM:
            yield "a new attempt after an accepted cancel"
        if entry.attempt != attempt + (entry.event == Event.CLAIM):
            yield f"attempt {entry.attempt} after {attempt}"
        if entry.event == Event.CLAIM:
            holder = entry.actor
        elif entry.event in _BY_ITS_WORKER and entry.actor != holder:
            yield f"{entry.event} by {entry.actor} of an attempt that {holder} holds"
        is_requested = is_requested or entry.event == Event.REQUEST_CANCEL
        status, attempt = entry.target, entry.attempt


def _of_the_journal(job: Job, lines: Sequence[tuple[str, int]]) -> Iterable[str]:
    started = [attempt for what, attempt in lines if what == "start"]
    if any(what == "overlap" for what, _ in lines):
        yield "two attempts alive at once"
    if any(what == "excess" for what, _ in lines):
        yield "more ran at once than its limit allows"
    if len(set(started)) != len(started):
        yield "an attempt started twice"
    if any(attempt > job.attempt for attempt in started):
        yield "an attempt that nobody claimed"
    is_own = job.finalizes is None  # a finalizer writes for another job
    if is_own and job.status is _SUCCEEDED and ("end", job.result) not in lines:
        yield f"SUCCEEDED with {job.result!r}, which no journal knows"


def _of_the_snoozes(
    entries: Sequence[HistoryEntry], lines: Sequence[tuple[str, int]]
) -> Iterable[str]:
    for entry in entries:
        asked = ("snooze", entry.attempt) in lines
        if entry.event == Event.SNOOZE and not asked:
            yield f"attempt {entry.attempt} was snoozed, and did not ask for it"


def _of_the_steps(lines: Sequence[tuple[str, int]]) -> Iterable[str]:
    """Judge steps: one that is told to be done is not done again."""
    told: set[str] = set()
    for what, attempt in lines:
        kind, _, name = what.partition("-")
        if kind == "did":
            told.add(name)
        elif kind == "do" and name in told:
            yield f"attempt {attempt} did the step {name} again"
        elif what == "disorder":
            yield f"attempt {attempt} got a signal out of its order"


def _of_the_finalizers(
    job: Job,
    entries: Sequence[HistoryEntry],
    lines: Sequence[tuple[str, int]],
    evidence: Evidence,
) -> Iterable[str]:
    """Judge finalizers: one for each attempt that ended, after it, before the next."""
    if job.finalizer is None:
        return
    ended = [
        entry.attempt
        for entry in entries
        if entry.source is not None
        and entry.source is not entry.target
        and entry.source is row_of(Event.CLAIM).target
        and entry.event != Event.SNOOZE
    ]
    made = [j.finalizes for j in evidence.jobs.values() if j.parent_id == job.id]
    if sorted(number for number in made if number is not None) != sorted(ended):
        yield f"attempts {ended} have ended, and finalizers are for {made}"
    cleaned = 0
    begun = 0
    for what, attempt in lines:
        if what == "final":
            cleaned = max(cleaned, attempt)
            if begun > attempt:
                yield f"attempt {begun} began before {attempt} was cleaned up after"
            continue
        begun = max(begun, attempt)
        if attempt <= cleaned:
            yield f"attempt {attempt} wrote {what} after its finalizer"


def _of_the_children(
    lines: Sequence[tuple[str, int]],
    jobs: Mapping[str, Job],
    places: Mapping[str, Sequence[int]],
    afters: Mapping[str, int],
) -> Iterable[str]:
    """Judge what a job has submitted: once, and waited for to its end."""
    submitted = {what.partition(":")[2] for what, _ in lines if what[:6] == "child:"}
    if len(submitted) > 1:
        yield f"submitted {len(submitted)} jobs where one was asked for"
    for child_id in submitted:
        if child_id not in jobs:
            yield f"its child {child_id} is lost"
            continue
        after = afters.get(child_id)
        if after is not None and after < max(places[child_id], default=-1):
            yield f"went on before its child {child_id} had ended"


def _of_the_parents(
    job: Job,
    entries: Sequence[HistoryEntry],
    evidence: Evidence,
    places: Mapping[str, Sequence[int]],
) -> Iterable[str]:
    """Judge a job by those that it depends on: their ends, and what they wrote."""
    has_failed = False
    starts = [entry for entry in entries if entry.event == Event.CLAIM]
    first = min(places[job.id], default=None)
    for parent_id in evidence.parents.get(job.id, ()):
        parent = evidence.jobs[parent_id]
        has_failed |= parent.status is not _SUCCEEDED
        if first is not None and first < max(places[parent_id], default=-1):
            yield f"began before {parent_id}, which it depends on, had ended"
        must_not = job.on_parent_failure == "cancel"
        if starts and must_not and parent.status is not _SUCCEEDED:
            yield f"started, though {parent_id} is {parent.status}"
    was_abandoned = any(entry.event == Event.ABANDON for entry in entries)
    if was_abandoned and not (has_failed and job.on_parent_failure == "cancel"):
        yield "abandoned without a cause"


def _of_the_deadline(job: Job, entries: Sequence[HistoryEntry]) -> Iterable[str]:
    for entry in entries:
        is_claim = entry.event == Event.CLAIM
        if is_claim and job.deadline_at is not None and entry.at > job.deadline_at:
            yield f"attempt {entry.attempt} began after the deadline"
