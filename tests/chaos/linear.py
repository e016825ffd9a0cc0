"""Whether what clients were told of a job fits one order of its events.

The history is the order in which the job changed. Each answer shows one of its states;
the answers are linearizable (Herlihy and Wing, 1990) if a state can be chosen for each
so that an answer that was complete before a call began never shows a later state than
that call's answer. What a cancel changed it shows itself.

Choosing the earliest state that fits, call by call, finds a choice if there is one: it
leaves the most to the calls that come after.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from interlock.core.job import HistoryEntry, Job
from interlock.core.lifecycle import Event, JobStatus

#: Status, attempt, and whether a cancel was requested.
View = tuple[JobStatus, int, bool]

_CANCELS = {Event.CANCEL, Event.REQUEST_CANCEL}


@dataclass(frozen=True, slots=True)
class Call:
    """One call of a client that was answered."""

    began: float
    ended: float
    seen: View
    by: str | None = None  # of a cancel that was accepted: nobody else has this name


def view(job: Job) -> View:
    """Return what an answer shows of a job."""
    return job.status, job.attempt, job.cancel_requested_at is not None


def unfit(entries: Sequence[HistoryEntry], calls: Sequence[Call]) -> Iterator[str]:
    """Yield each call whose answer fits no order."""
    states = list(_states(entries))
    done: list[tuple[float, int]] = []
    for call in sorted(calls, key=lambda call: call.began):
        earliest = max((at for ended, at in done if ended < call.began), default=0)
        fitting = [
            at
            for at, (state, by) in enumerate(states)
            if at >= earliest and state == call.seen and call.by in (None, by)
        ]
        if fitting:
            done.append((call.ended, fitting[0]))
        else:
            yield f"an answer that fits no order: {call.seen} after state {earliest}"


def _states(entries: Sequence[HistoryEntry]) -> Iterator[tuple[View, str]]:
    """Yield the state after each entry, and who brought it about."""
    is_requested = False
    for entry in entries:
        is_requested = is_requested or entry.event in _CANCELS
        yield (entry.target, entry.attempt, is_requested), entry.actor
