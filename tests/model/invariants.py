"""What must never be true, named by the sentence that a counterexample contradicts."""

from collections.abc import Callable, Iterator, Mapping
from enum import StrEnum
from typing import Final

from interlock.core.lifecycle import (
    INITIAL,
    TERMINAL,
    Event,
    JobStatus,
    StopCause,
    Who,
    row_of,
)

from .moves import Step
from .state import MAX_ATTEMPTS, MAX_LOSSES, Exit, Parents, Row, State


class Promise(StrEnum):
    """What the protocol promises."""

    # Of every state.
    ONE_TREE = "a job never has two live process trees"
    DEAD_WHEN_SAID = "CANCELED and TIMEOUT mean that no process of the job is alive"
    NOTHING_BEHIND = "only a RUNNING job has live processes"
    BUDGETS = "failures and losses stay within their budgets"
    # Of every write.
    TERMINAL_IS_FINAL = "a terminal row accepts no write"
    STALE_IS_SILENT = "who speaks for a stale attempt writes nothing"
    CANCEL_HOLDS = "no attempt starts after an accepted cancel"
    CANCEL_IS_KEPT = "an accepted cancel does not end FAILED"
    STOP_BEATS_SUCCESS = "nothing SUCCEEDED after a committed stop"
    STOP_BEATS_FAILURE = "no worker reports FAILED after a committed stop"
    STOP_ONCE = "a stop cause is never overwritten within its attempt"
    HOLD_HOLDS = "no attempt starts while somebody holds the job"
    PARENTS_FIRST = "no attempt starts before what the job depends on has ended so"
    CHILDREN_FIRST = "no attempt starts before what the last one waits for has ended"
    ABANDONED_FOR_IT = "a job is abandoned only if what it depends on has failed"
    BORN_CLEAN = "an attempt is born without a stop cause"
    TIMEOUT_IS_TRUE = "what was stopped by timeout ends TIMEOUT or is retried for it"
    TIMEOUT_HAPPENED = "TIMEOUT was a stop by timeout"
    CANCEL_HAPPENED = "a RUNNING job is CANCELED only on request"
    SUCCESS_IS_TOLD = "what returned before any stop is reported SUCCEEDED"
    NO_FREE_RETURN = (
        "going back to PENDING spends a budget, but for a shutdown or snooze"
    )
    FAILURES_FAILED = "a failure is spent on failing or on an `on_timeout`"
    LOST_IS_LOST = "after its lease a worker renews, stops, fails and returns nothing"
    GIVE_UP_LAST = "a job is given up with its last loss only"
    # Of the whole space.
    ENDS = "without fault or client every job that nobody holds can end"


def _alive(state: State) -> int:
    return sum(holder.alive for holder in state.holders)


def _over_budget(row: Row) -> bool:
    spent = row.losses >= MAX_LOSSES and row.status is not JobStatus.FAILED
    return spent or row.losses > MAX_LOSSES or row.failures >= MAX_ATTEMPTS


_STATES: Final[Mapping[Promise, Callable[[State], bool]]] = {
    Promise.ONE_TREE: lambda state: _alive(state) > 1,
    Promise.DEAD_WHEN_SAID: lambda state: (
        state.row.status in (JobStatus.CANCELED, JobStatus.TIMEOUT)
        and _alive(state) > 0
    ),
    Promise.NOTHING_BEHIND: lambda state: not state.row.running and _alive(state) > 0,
    Promise.BUDGETS: lambda state: _over_budget(state.row),
}


def _by_worker(step: Step) -> bool:
    return step.event is not None and row_of(step.event).who is Who.WORKER


def _untrue_timeout(before: Row, after: Row, step: Step) -> bool:
    if before.stop is not StopCause.TIMEOUT or not _left(before, after):
        return False
    retried = after.failures > before.failures and before.on_timeout
    # The worker says TIMEOUT; the reaper of a lost one keeps the cancel instead.
    canceled = before.cancel and not _by_worker(step)
    match after.status:
        case JobStatus.TIMEOUT:
            return False
        case JobStatus.CANCELED:
            return not canceled
        case _:
            return after.status is not INITIAL or not retried


def _left(before: Row, after: Row) -> bool:
    return before.running and not after.running


def _became(status: JobStatus, before: Row, after: Row) -> bool:
    return after.status is status and before.status is not status


def _free_return(before: Row, after: Row, step: Step) -> bool:
    spent = (before.failures, before.losses) != (after.failures, after.losses)
    went_back = before.running and after.status is INITIAL
    was_given = step.exit is Exit.GAVE_BACK and before.stop is None
    is_free = was_given or before.stop is StopCause.SHUTDOWN
    return went_back and not spent and not is_free


def _failed_or_timed_out(before: Row, step: Step) -> bool:
    if before.stop is None:
        return step.exit is Exit.FAILED
    return before.stop is StopCause.TIMEOUT and before.on_timeout


_S = JobStatus
_LOST_AFTER = frozenset(
    {
        *(Event.RENEW, Event.STOP, Event.FAIL, Event.RETRY, Event.SNOOZE),
    }
)
_MOVES: Final[Mapping[Promise, Callable[[Row, Row, Step], bool]]] = {
    Promise.TERMINAL_IS_FINAL: lambda old, _new, _step: old.status in TERMINAL,
    Promise.STALE_IS_SILENT: lambda old, _, step: (
        step.attempt is not None and step.attempt != old.attempt
    ),
    Promise.CANCEL_HOLDS: lambda old, _, step: step.event is Event.CLAIM and old.cancel,
    Promise.HOLD_HOLDS: lambda old, _, step: step.event is Event.CLAIM and old.held,
    Promise.PARENTS_FIRST: lambda old, _, step: (
        step.event is Event.CLAIM and old.parents is not Parents.DONE
    ),
    Promise.CHILDREN_FIRST: lambda old, _, step: (
        step.event is Event.CLAIM and old.awaits
    ),
    Promise.ABANDONED_FOR_IT: lambda old, _, step: (
        step.event is Event.ABANDON and old.parents is not Parents.FAILED
    ),
    Promise.CANCEL_IS_KEPT: lambda old, new, _: (
        _became(_S.FAILED, old, new) and old.cancel
    ),
    Promise.STOP_BEATS_SUCCESS: lambda old, new, _: (
        _became(_S.SUCCEEDED, old, new) and old.stop is not None
    ),
    Promise.STOP_BEATS_FAILURE: lambda old, new, step: (
        _became(_S.FAILED, old, new) and old.stop is not None and _by_worker(step)
    ),
    Promise.STOP_ONCE: lambda old, new, _: (
        old.running and new.running and old.stop not in (None, new.stop)
    ),
    Promise.BORN_CLEAN: lambda _, new, step: (
        step.event is Event.CLAIM and new.stop is not None
    ),
    Promise.TIMEOUT_IS_TRUE: _untrue_timeout,
    Promise.TIMEOUT_HAPPENED: lambda old, new, _: (
        _became(_S.TIMEOUT, old, new) and old.stop is not StopCause.TIMEOUT
    ),
    Promise.CANCEL_HAPPENED: lambda old, new, _: (
        old.running and _became(_S.CANCELED, old, new) and not old.cancel
    ),
    Promise.SUCCESS_IS_TOLD: lambda old, new, step: (
        _left(old, new)
        and step.exit is Exit.RETURNED
        and old.stop is None
        and new.status is not _S.SUCCEEDED
    ),
    Promise.NO_FREE_RETURN: _free_return,
    Promise.FAILURES_FAILED: lambda old, new, step: (
        new.failures > old.failures and not _failed_or_timed_out(old, step)
    ),
    Promise.LOST_IS_LOST: lambda old, _, step: (
        step.event in _LOST_AFTER and not old.leased
    ),
    Promise.GIVE_UP_LAST: lambda old, new, step: (
        _became(_S.FAILED, old, new)
        and not _by_worker(step)
        and new.losses < MAX_LOSSES
    ),
}


def broken_by_state(state: State) -> Iterator[Promise]:
    """Yield what a state breaks."""
    return (promise for promise, breaks in _STATES.items() if breaks(state))


def broken_by_step(before: State, step: Step) -> Iterator[Promise]:
    """Yield what a write breaks; steps that write nothing break nothing here."""
    old, new = before.row, step.after.row
    if step.event is None:
        return iter(())
    return (promise for promise, breaks in _MOVES.items() if breaks(old, new, step))
