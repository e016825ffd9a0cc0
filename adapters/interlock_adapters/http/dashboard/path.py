"""A job's way through the states as a short strip of steps."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from interlock.core.job import Attempt, HistoryEntry, Job
from interlock.core.lifecycle import INITIAL, Event, Reason, row_of
from interlock_adapters.http.dashboard import words
from interlock_adapters.http.dashboard.verdict import NAMES, name_of, sign_of

_RUNNING: Final = row_of(Event.CLAIM).target
_MOST: Final = 11  # steps that are shown
_FIRST: Final = 3
#: Why an attempt went back in line, in two or three words.
_BACK: Final = {
    Reason.SNOOZED: "Comes back later",
    Reason.SLEEPING: "Sleeps",
    Reason.WAITING: "Waits for a signal",
    Reason.CHILDREN: "Waits for its jobs",
    Reason.LOST: "Worker lost",
    Reason.SHUTDOWN: "Worker shut down",
    Reason.TOO_LONG: "Too long, to retry",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """One stop on the way. `kind` is the class of its colour, `at` when it came."""

    kind: str
    sign: str
    title: str
    note: str
    at: datetime | None
    seconds: float | None = None  # how long it took


def path(
    job: Job, history: Sequence[HistoryEntry], attempts: Sequence[Attempt]
) -> list[Step]:
    """Return the steps; of a long way, its beginning and its end."""
    by_number = {one.attempt: one for one in attempts}
    steps = []
    since = job.created_at
    for entry in history:
        if entry.source is entry.target:
            continue
        steps.append(_step(job, entry, since, by_number.get(entry.attempt)))
        since = entry.at
    if not job.is_terminal and job.status is INITIAL and len(steps) > 1:
        steps[-1:] = [_now(job, steps[-1])]
    if len(steps) <= _MOST:
        return steps
    left_out = len(steps) - _MOST + 1
    gap = Step(kind="pending", sign="", title=f"{left_out} more", note="", at=None)
    return [*steps[:_FIRST], gap, *steps[left_out + _FIRST :]]


def _now(job: Job, last: Step) -> Step:
    return Step(
        kind="pending",
        sign=sign_of(job),
        title=last.title,
        note=name_of(job).lower(),
        at=last.at,
    )


def _step(
    job: Job, entry: HistoryEntry, since: datetime, attempt: Attempt | None
) -> Step:
    if entry.source is None:
        title = "Submitted"
        note = f"by {job.submitted_by or entry.actor}"
    elif entry.target is _RUNNING:
        title = f"Attempt {entry.attempt}"
        ended = attempt.ended_at if attempt and attempt.ended_at else job.read_at
        return Step(
            kind="running",
            sign="running",
            title=title,
            note=f"waited {words.span(entry.at - since)}",
            at=entry.at,
            seconds=(ended - entry.at).total_seconds(),
        )
    elif entry.target is INITIAL:
        reason = entry.reason if entry.reason in set(Reason) else None
        title = _BACK.get(Reason(reason), "Failed, to retry") if reason else "Back"
        return Step(
            kind="pending", sign="retrying", title=title, note=_until(job), at=entry.at
        )
    else:
        title = NAMES[entry.target]
        note = _end(job)
    kind = entry.target.lower()
    return Step(kind=kind, sign=kind, title=title, note=note, at=entry.at)


def _until(job: Job) -> str:
    return "" if job.is_terminal else "back in line"


def _end(job: Job) -> str:
    if job.cancel_requested_by is not None and job.cancel_outcome == "canceled":
        return f"by {job.cancel_requested_by}"
    return "" if job.reason is None else job.reason.replace("_", " ")
