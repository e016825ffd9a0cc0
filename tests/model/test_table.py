"""Every guard of every row is there for a promise, and the rows leave no gap."""

from itertools import product
from typing import Final

import pytest

from interlock.core.lifecycle import TABLE, Event, Guard, JobStatus, StopCause, Who

from .invariants import Promise
from .moves import By, Moves
from .mutations import MUTATIONS
from .rules import UNMODELLED, Facts, Rules, predicate
from .search import search
from .state import Exit, Holder, Row, State

_E, _G, _P = Event, Guard, Promise

#: What breaks without this one guard in this one row.
NEEDED: Final = {
    _E.CLAIM: {
        _G.NOT_ON_HOLD: _P.HOLD_HOLDS,
        _G.PARENTS_DONE: _P.PARENTS_FIRST,
        _G.CHILDREN_ENDED: _P.CHILDREN_FIRST,
    },
    _E.ABANDON: {_G.PARENT_FAILED: _P.ABANDONED_FOR_IT},
    _E.SUCCEED: {
        _G.HELD: _P.STALE_IS_SILENT,
        _G.NOT_STOPPED: _P.STOP_BEATS_SUCCESS,
        _G.PROVED: _P.NOTHING_BEHIND,
    },
    _E.FAIL: {
        _G.HELD: _P.STALE_IS_SILENT,
        _G.LEASED: _P.LOST_IS_LOST,
        _G.NOT_STOPPED: _P.STOP_BEATS_FAILURE,
        _G.NO_CANCEL: _P.CANCEL_IS_KEPT,
        _G.PROVED: _P.NOTHING_BEHIND,
    },
    _E.RETRY: {
        _G.HELD: _P.ONE_TREE,
        _G.LEASED: _P.LOST_IS_LOST,
        _G.FAILURES_LEFT: _P.BUDGETS,
        _G.NO_CANCEL: _P.CANCEL_HOLDS,
        _G.MAY_RETRY: _P.FAILURES_FAILED,
        _G.PROVED: _P.ONE_TREE,
    },
    _E.SNOOZE: {
        _G.HELD: _P.ONE_TREE,
        _G.LEASED: _P.LOST_IS_LOST,
        _G.NOT_STOPPED: _P.TIMEOUT_IS_TRUE,
        _G.NO_CANCEL: _P.CANCEL_HOLDS,
        _G.GAVE_BACK: _P.NO_FREE_RETURN,
        _G.PROVED: _P.ONE_TREE,
    },
    _E.TIME_OUT: {
        _G.HELD: _P.DEAD_WHEN_SAID,
        _G.STOPPED_BY_TIMEOUT: _P.TIMEOUT_HAPPENED,
        _G.PROVED: _P.DEAD_WHEN_SAID,
    },
    _E.FINISH_CANCEL: {
        _G.HELD: _P.DEAD_WHEN_SAID,
        _G.CANCEL_REQUESTED: _P.CANCEL_HAPPENED,
        _G.STOPPED_OR_FAILED: _P.SUCCESS_IS_TOLD,
        _G.PROVED: _P.DEAD_WHEN_SAID,
    },
    _E.RELEASE: {
        _G.HELD: _P.ONE_TREE,
        _G.STOPPED_BY_SHUTDOWN: _P.NO_FREE_RETURN,
        _G.NO_CANCEL: _P.CANCEL_HOLDS,
        _G.PROVED: _P.ONE_TREE,
    },
    _E.RESCUE: {
        _G.HELD: _P.ONE_TREE,
        _G.LOST: _P.ONE_TREE,
        _G.NO_CANCEL: _P.CANCEL_HOLDS,
        _G.NOT_BY_TIMEOUT: _P.TIMEOUT_IS_TRUE,
        _G.LOSSES_LEFT: _P.BUDGETS,
    },
    _E.GIVE_UP: {
        _G.HELD: _P.NOTHING_BEHIND,
        _G.LOST: _P.NOTHING_BEHIND,
        _G.NO_CANCEL: _P.CANCEL_IS_KEPT,
        _G.NOT_BY_TIMEOUT: _P.TIMEOUT_IS_TRUE,
        _G.LOSSES_SPENT: _P.GIVE_UP_LAST,
    },
    _E.TIME_OUT_LOST: {
        _G.HELD: _P.DEAD_WHEN_SAID,
        _G.LOST: _P.DEAD_WHEN_SAID,
        _G.STOPPED_BY_TIMEOUT: _P.TIMEOUT_HAPPENED,
    },
    _E.CANCEL_LOST: {
        _G.HELD: _P.DEAD_WHEN_SAID,
        _G.LOST: _P.DEAD_WHEN_SAID,
        _G.CANCEL_REQUESTED: _P.CANCEL_HAPPENED,
    },
    _E.STOP: {
        _G.HELD: _P.STALE_IS_SILENT,
        _G.LEASED: _P.LOST_IS_LOST,
        _G.NOT_STOPPED: _P.STOP_ONCE,
    },
    _E.RENEW: {
        _G.HELD: _P.STALE_IS_SILENT,
        _G.LEASED: _P.LOST_IS_LOST,
    },
}  # fmt: skip

#: Guards that the promises of the model do not need.
REDUNDANT: Final = (
    # Who asked first stays; the model has no names, and there a repeat changes nothing.
    (_E.REQUEST_CANCEL, _G.NO_CANCEL),
    (_E.HOLD, _G.NOT_ON_HOLD),
    (_E.RELEASE_HOLD, _G.ON_HOLD),
    # Of a canceled and timed-out job both ends are true; the guard makes it one.
    (_E.TIME_OUT_LOST, _G.NO_CANCEL),
)

_PAIRS: Final = [
    pytest.param(event, guard, promise, id=f"{event} {guard.name}")
    for event, guards in NEEDED.items()
    for guard, promise in guards.items()
]


@pytest.mark.parametrize(("event", "guard", "promise"), _PAIRS)
def test_each_guard_of_each_row_keeps_a_promise(
    event: Event, guard: Guard, promise: Promise
) -> None:
    assert promise in search(Rules().without(guard, event), until=promise).broken


def test_without_the_redundant_guards_no_promise_is_broken() -> None:
    rules = Rules()
    for event, guard in REDUNDANT:
        rules = rules.without(guard, event)
    assert search(rules).broken == {}


def test_every_guard_of_the_table_is_judged() -> None:
    judged = {(event, guard) for event, guards in NEEDED.items() for guard in guards}
    unmodelled = {
        (row.event, guard) for row in TABLE for guard in row.guards
    } - judged.union(REDUNDANT)
    assert judged.isdisjoint(REDUNDANT)
    assert {guard for _, guard in unmodelled} == UNMODELLED


def test_every_promise_can_be_broken() -> None:
    named = {promise for _, promise, _ in MUTATIONS.values()}
    named |= {promise for guards in NEEDED.values() for promise in guards.values()}
    assert named == set(Promise)


@pytest.mark.parametrize("losses", [0, 1])
@pytest.mark.parametrize("cancel", [False, True])
@pytest.mark.parametrize("stop", [None, *StopCause])
def test_a_lost_job_has_exactly_one_end(
    stop: StopCause | None, *, cancel: bool, losses: int
) -> None:
    row = Row(JobStatus.RUNNING, 1, losses=losses, cancel=cancel, stop=stop)
    facts = Facts(attempt=1)
    accepted = [
        each.event
        for each in TABLE
        if each.who is Who.REAPER
        and each.source is row.status
        and all(predicate(guard)(row, facts) for guard in each.guards)
    ]
    assert len(accepted) == 1


def test_every_end_of_an_attempt_has_a_report_that_is_accepted() -> None:
    moves = Moves(Rules())
    assert [end for end in _ends() if not _reported(moves, end)] == []


def _ends() -> list[State]:
    """Return all proved ends of a leased attempt that its worker has to report."""
    bools = (False, True)
    exits = (Exit.RETURNED, Exit.FAILED, Exit.GAVE_BACK, Exit.KILLED)
    row = Row(JobStatus.RUNNING, 1, leased=True)
    return [
        State(
            row._replace(failures=failures, cancel=cancel, stop=stop, on_timeout=on),
            (Holder(1, exit_, alive=False),),
        )
        for failures, cancel, stop, on, exit_ in product(
            (0, 1), bools, (None, *StopCause), bools, exits
        )
        if (stop, exit_) != (None, Exit.KILLED)  # killed unasked: left to the reaper
        and (stop, cancel) != (StopCause.CANCEL, False)
    ]


def _reported(moves: Moves, end: State) -> bool:
    return any(
        step.by is By.WORKER and not step.after.row.running for step in moves.steps(end)
    )
