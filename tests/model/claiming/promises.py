"""What must never be true of claiming, named by the sentence that is contradicted."""

from collections.abc import Callable, Mapping
from enum import StrEnum
from typing import Final

from .causes import DUE, EXPIRED, PAUSED, is_on_job, parent_of, slots_of
from .state import IDLE, Rows, State, Status


class Promise(StrEnum):
    """What claiming promises."""

    # Of every commit.
    LIMIT = "no job starts beyond the limit of a key"
    PAUSED = "no job of a queue starts after its pause has returned"
    MOMENT = "no job starts before it is due, or after it has expired"
    PARENTS = "no job starts before those have ended that it depends on"
    NO_REFUSAL = "the trigger of the slots never refuses a claim of the engine"
    # Of every state.
    NO_LEAK = "every slot is held by a running job"
    HELD = "every running job holds one slot of each limited key"
    NOT_FORGOTTEN = "with nobody at work, every parked job has its cause"
    # Of the whole space.
    ENDS = "without fault or client every job can end"


def _starts(old: Rows, new: Rows) -> list[int]:
    """Return the jobs that a commit has started."""
    return [
        number
        for number, (before, after) in enumerate(zip(old.jobs, new.jobs, strict=True))
        if after.status is Status.RUNNING and before.status is not Status.RUNNING
    ]


def _beyond_limit(old: Rows, new: Rows) -> bool:
    keys = {key for number in _starts(old, new) for key in new.jobs[number].keys}
    limits = [(key, most) for key, most in new.limits if key in keys]
    return any(new.running(key) > most for key, most in limits)


def _while_paused(old: Rows, new: Rows) -> bool:
    return old.is_paused and any(new.jobs[n].queue == "q" for n in _starts(old, new))


def _at_a_wrong_moment(old: Rows, new: Rows) -> bool:
    jobs = [new.jobs[number] for number in _starts(old, new)]
    return any(job.is_early or job.is_late for job in jobs)


def _before_parents(old: Rows, new: Rows) -> bool:
    return any(new.awaited(number) for number in _starts(old, new))


def _leaks(rows: Rows) -> bool:
    return any(rows.jobs[s.job].status is not Status.RUNNING for s in rows.slots)


def _runs_without_slot(rows: Rows) -> bool:
    return any(
        [slot.key for slot in slots_of(rows, [number])] != sorted(rows.limited(number))
        for number, job in enumerate(rows.jobs)
        if job.status is Status.RUNNING
    )


_COMMITS: Final[Mapping[Promise, Callable[[Rows, Rows], bool]]] = {
    Promise.LIMIT: _beyond_limit,
    Promise.PAUSED: _while_paused,
    Promise.MOMENT: _at_a_wrong_moment,
    Promise.PARENTS: _before_parents,
}
_ROWS: Final[Mapping[Promise, Callable[[Rows], bool]]] = {
    Promise.NO_LEAK: _leaks,
    Promise.HELD: _runs_without_slot,
}


def broken_by_commit(old: Rows, new: Rows) -> list[Promise]:
    """Return what a commit breaks."""
    broken = [promise for promise, breaks in _COMMITS.items() if breaks(old, new)]
    return broken + [promise for promise, breaks in _ROWS.items() if breaks(new)]


def is_forgotten(state: State) -> bool:
    """Whether a parked job has lost its cause, and no transaction is under way.

    A free slot need not open a job for which another one is open.
    """
    rows = state.rows
    if any(actor.step != IDLE for actor in state.actors):
        return False
    parked = [job for job in rows.jobs if job.status is Status.WAITING and job.held]
    for job in parked:
        if job.held == PAUSED and not rows.is_paused:
            return True
        if is_on_job(job.held):
            if rows.jobs[parent_of(str(job.held))].status is Status.ENDED:
                return True
            continue
        if job.held in (DUE, EXPIRED, PAUSED):
            continue  # who is due is promoted by the next claim, an expired one expires
        key = str(job.held).partition(":")[2]
        waiting = sum(each.held == job.held for each in parked)
        is_open = sum(each.is_open and key in each.keys for each in rows.jobs)
        free = rows.free(key)
        if free is None or is_open < min(len(free), waiting):
            return True
    return False
