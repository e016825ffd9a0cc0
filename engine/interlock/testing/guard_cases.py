"""The cases of the store contract: each guard of the table, met and not met.

Derived from the table: a new row, or a guard more on an old one, is tested without a
line here; a guard that nobody knows how to meet is a KeyError.
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import timedelta
from itertools import product
from typing import Any, Final

from interlock.core.guards import CANCEL, RUN
from interlock.core.job import Failure
from interlock.core.lifecycle import Event, Guard, Proof, Reason, StopCause, Transition

LEASE: Final = timedelta(seconds=30)
_LEASE_S: Final = LEASE.total_seconds()
_SOON_S: Final = 10.0  # within the lease
_ERROR: Final = Failure(reason=Reason.ERROR, message="boom", type="builtins.OSError")


@dataclass(frozen=True, slots=True, kw_only=True)
class Situation:
    """A job's past, and what the sender of an event brings."""

    run_in_s: float = 0.0
    expires_in_s: float | None = None
    deadline_in_s: float | None = None
    again_in_s: float = 0.0  # the next attempt, as the sender says
    max_attempts: int = 1
    on_timeout: bool = False
    max_losses: int = 5
    paused: bool = False
    on_hold: bool = False  # the job itself
    group_held: bool = False  # its queue is held
    used_up: bool = False  # the starts of its key are used
    when_full: str | None = None
    waits: bool = False  # it has given itself back for a signal
    awaits: Event | None = None  # what a job had that an attempt waits for; None: none
    come: str = "signal:go"  # what wakes it
    parent: Event | None = None  # that the job it depends on had; None: on none
    on_parent_failure: str = CANCEL
    full: bool = False  # another job of its name runs, and one may
    cancel_requested: bool = False
    stop_cause: StopCause | None = None
    unconfirmed: bool = False
    wait_s: float = 0.0  # after all of the above
    stale: bool = False  # the sender speaks for the attempt before
    proof: Proof | None = None
    error: Failure | None = None
    gave_back: bool = False
    domain_empty: bool = False

    @property
    def parent_failed(self) -> bool:
        """Whether the job that it depends on has ended, but not SUCCEEDED."""
        return self.parent in (Event.FAIL, Event.CANCEL)

    @property
    def children_ended(self) -> bool:
        """Whether all have ended that its last attempt waits for."""
        return self.awaits in (None, Event.SUCCEED, Event.FAIL)

    @property
    def parents_done(self) -> bool:
        """Whether all that it depends on has ended as it needs."""
        is_fine = self.parent_failed and self.on_parent_failure == RUN
        return self.parent in (None, Event.SUCCEED) or is_fine


Change = Callable[[Situation], Situation]


def _with(**changes: Any) -> Change:  # Any: as `dataclasses.replace` takes it
    return lambda situation: replace(situation, **changes)


_STOPPED: Final = {cause: _with(stop_cause=cause) for cause in (None, *StopCause)}


def _stopped_but_by(*causes: StopCause | None) -> tuple[Change, ...]:
    return tuple(change for cause, change in _STOPPED.items() if cause not in causes)


#: Each way to meet a guard.
MET: Final[Mapping[Guard, tuple[Change, ...]]] = {
    Guard.DUE: (_with(run_in_s=0.0), _with(run_in_s=_SOON_S, wait_s=_SOON_S)),
    Guard.FRESH: (
        _with(expires_in_s=None),
        _with(expires_in_s=_SOON_S, wait_s=_SOON_S),
    ),
    Guard.QUEUE_OPEN: (_with(paused=False),),
    Guard.NOT_ON_HOLD: (_with(on_hold=False),),
    Guard.ON_HOLD: (_with(on_hold=True),),
    Guard.WAITS_FOR_IT: (_with(waits=True),),
    Guard.GROUP_FREE: (_with(group_held=False),),
    Guard.SLOT_FREE: (_with(full=False),),
    Guard.RATE_FREE: (_with(used_up=False),),
    Guard.MAY_DROP: (_with(when_full="cancel_new"), _with(when_full="replace")),
    Guard.PARENTS_DONE: (
        _with(parent=None),
        _with(parent=Event.SUCCEED),
        _with(parent=Event.FAIL, on_parent_failure=RUN),
    ),
    Guard.CHILDREN_ENDED: (
        _with(awaits=None),
        _with(awaits=Event.SUCCEED),
        _with(awaits=Event.FAIL),
    ),
    Guard.PARENT_FAILED: (_with(parent=Event.FAIL), _with(parent=Event.CANCEL)),
    Guard.OVERDUE: (_with(expires_in_s=_SOON_S, wait_s=_SOON_S + 0.001),),
    Guard.BEFORE_DEADLINE: (
        _with(deadline_in_s=None),
        _with(deadline_in_s=_SOON_S, wait_s=_SOON_S),
    ),
    Guard.DEADLINE_MISSED: (_with(deadline_in_s=_SOON_S, wait_s=_SOON_S + 0.001),),
    Guard.RETRY_IN_TIME: (
        _with(deadline_in_s=None),
        _with(deadline_in_s=2 * _LEASE_S, again_in_s=0.0),
        _with(deadline_in_s=_SOON_S, wait_s=_SOON_S - 1.0, again_in_s=1.0),
    ),
    Guard.GAVE_BACK: (_with(gave_back=True),),
    Guard.HELD: (_with(stale=False),),
    Guard.LEASED: (_with(wait_s=0.0), _with(wait_s=_LEASE_S - 0.001)),
    Guard.NOT_STOPPED: (_STOPPED[None],),
    Guard.STOPPED_BY_TIMEOUT: (_STOPPED[StopCause.TIMEOUT],),
    Guard.STOPPED_BY_SHUTDOWN: (_STOPPED[StopCause.SHUTDOWN],),
    Guard.STOPPED_OR_FAILED: (
        _STOPPED[StopCause.CANCEL],
        _STOPPED[StopCause.SHUTDOWN],
        _with(stop_cause=None, error=_ERROR),
    ),
    Guard.MAY_RETRY: (
        _STOPPED[None],
        _with(stop_cause=StopCause.TIMEOUT, on_timeout=True),
    ),
    Guard.NOT_BY_TIMEOUT: _stopped_but_by(StopCause.TIMEOUT),
    Guard.CANCEL_REQUESTED: (_with(cancel_requested=True),),
    Guard.NO_CANCEL: (_with(cancel_requested=False),),
    Guard.PROVED: tuple(_with(proof=proof) for proof in Proof),
    Guard.LOST: (_with(wait_s=_LEASE_S), _with(domain_empty=True)),
    Guard.FAILURES_LEFT: (_with(max_attempts=2),),
    Guard.LOSSES_LEFT: (_with(max_losses=2),),
    Guard.LOSSES_SPENT: (_with(max_losses=1),),
}

#: Each way not to meet a guard.
UNMET: Final[Mapping[Guard, tuple[Change, ...]]] = {
    Guard.DUE: (_with(run_in_s=_SOON_S),),
    Guard.FRESH: (_with(expires_in_s=_SOON_S, wait_s=_SOON_S + 0.001),),
    Guard.QUEUE_OPEN: (_with(paused=True),),
    Guard.NOT_ON_HOLD: (_with(on_hold=True),),
    Guard.ON_HOLD: (_with(on_hold=False),),
    Guard.WAITS_FOR_IT: (
        _with(waits=False),
        _with(waits=True, come="signal:other"),
    ),
    Guard.GROUP_FREE: (_with(group_held=True),),
    Guard.SLOT_FREE: (_with(full=True),),
    Guard.RATE_FREE: (_with(used_up=True),),
    Guard.MAY_DROP: (_with(when_full=None), _with(when_full="raise")),
    Guard.CHILDREN_ENDED: (_with(awaits=Event.CLAIM), _with(awaits=Event.HOLD)),
    Guard.PARENTS_DONE: (
        _with(parent=Event.CLAIM),
        _with(parent=Event.CLAIM, on_parent_failure=RUN),
    ),
    Guard.PARENT_FAILED: (
        _with(parent=None),
        _with(parent=Event.CLAIM),
        _with(parent=Event.SUCCEED),
        _with(parent=Event.FAIL, on_parent_failure=RUN),
    ),
    Guard.OVERDUE: (
        _with(expires_in_s=None),
        _with(expires_in_s=_SOON_S, wait_s=_SOON_S),
    ),
    Guard.BEFORE_DEADLINE: (_with(deadline_in_s=_SOON_S, wait_s=_SOON_S + 0.001),),
    Guard.DEADLINE_MISSED: (
        _with(deadline_in_s=None),
        _with(deadline_in_s=_SOON_S, wait_s=_SOON_S),
    ),
    Guard.RETRY_IN_TIME: (
        _with(deadline_in_s=_SOON_S, again_in_s=_SOON_S + 0.001),
        _with(deadline_in_s=_SOON_S, wait_s=_SOON_S + 0.001),
    ),
    Guard.GAVE_BACK: (
        _with(gave_back=False),
        _with(gave_back=False, error=_ERROR),
    ),
    Guard.HELD: (_with(stale=True),),
    Guard.LEASED: (_with(wait_s=_LEASE_S),),
    Guard.NOT_STOPPED: _stopped_but_by(None),
    Guard.STOPPED_BY_TIMEOUT: _stopped_but_by(StopCause.TIMEOUT),
    Guard.STOPPED_BY_SHUTDOWN: _stopped_but_by(StopCause.SHUTDOWN),
    Guard.STOPPED_OR_FAILED: (
        _with(stop_cause=None, error=None),
        _STOPPED[StopCause.TIMEOUT],
        _with(stop_cause=StopCause.TIMEOUT, error=_ERROR),
    ),
    Guard.MAY_RETRY: (
        _STOPPED[StopCause.TIMEOUT],
        _with(stop_cause=StopCause.CANCEL, on_timeout=True),
        _with(stop_cause=StopCause.SHUTDOWN, on_timeout=True),
    ),
    Guard.NOT_BY_TIMEOUT: (_STOPPED[StopCause.TIMEOUT],),
    Guard.CANCEL_REQUESTED: (_with(cancel_requested=False),),
    Guard.NO_CANCEL: (_with(cancel_requested=True),),
    Guard.PROVED: (_with(proof=None),),
    Guard.LOST: (
        _with(wait_s=_LEASE_S - 0.001, domain_empty=False),
        _with(wait_s=_LEASE_S, unconfirmed=True),
        _with(domain_empty=True, unconfirmed=True),
    ),
    Guard.FAILURES_LEFT: (_with(max_attempts=1),),
    Guard.LOSSES_LEFT: (_with(max_losses=1),),
    Guard.LOSSES_SPENT: (_with(max_losses=2),),
}


def met(row: Transition) -> Iterator[Situation]:
    """Yield every situation in which all guards of a row are met."""
    for changes in product(*(MET[guard] for guard in row.guards)):
        yield _after(changes)


def unmet(row: Transition) -> Iterator[tuple[Guard, Situation]]:
    """Yield every situation in which exactly one guard of a row is not met."""
    for guard in row.guards:
        met_by_others = [MET[other][0] for other in row.guards if other is not guard]
        for spoil in UNMET[guard]:
            yield guard, _after([*met_by_others, spoil])


def _after(changes: "tuple[Change, ...] | list[Change]") -> Situation:
    situation = Situation()
    for change in changes:
        situation = change(situation)
    return situation
