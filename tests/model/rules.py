"""The rules of the protocol, each of which a mutation can switch off.

Most are rows and guards of the table; what no row can say is a field here.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import NamedTuple, Self, assert_never

from interlock.core.lifecycle import TABLE, Counter, Event, Guard, StopCause, Transition

from .state import MAX_ATTEMPTS, MAX_LOSSES, Parents, Row


@dataclass(frozen=True, slots=True, kw_only=True)
class Rules:
    """What holds in one search."""

    table: tuple[Transition, ...] = TABLE
    compare_and_set: bool = True  # a write names the source status
    clear_stop: bool = True  # an edge into PENDING forgets the stop cause
    self_fencing: bool = True  # a shim kills its tree before the lease expires
    dies_with_supervisor: bool = True  # no tree outlives its shim
    prove_emptiness: bool = True  # a dead worker is not taken for a dead tree

    def without(self, guard: Guard, *events: Event) -> Self:
        """Return the rules without `guard` on these events; on all, if none is named.

        Raises:
            ValueError: no such row has the guard, so nothing would be tested.
        """
        table = tuple(
            replace(row, guards=tuple(kept for kept in row.guards if kept is not guard))
            if not events or row.event in events
            else row
            for row in self.table
        )
        if table == self.table:
            raise ValueError(f"{guard.name} guards none of {events}")
        return replace(self, table=table)

    def uncounted(self, event: Event) -> Self:
        """Return the rules under which `event` increments no column."""
        return self.counting(event, None)

    def counting(self, event: Event, counter: Counter | None) -> Self:
        """Return the rules under which `event` increments another column."""
        table = tuple(
            replace(row, counts=counter) if row.event is event else row
            for row in self.table
        )
        return replace(self, table=table)

    def lacking(self, event: Event) -> Self:
        """Return the rules of a table without the row of `event`."""
        table = tuple(row for row in self.table if row.event is not event)
        return replace(self, table=table)


class Facts(NamedTuple):
    """What a guard reads beside the row: the caller brings it."""

    attempt: int | None = None
    proved: bool = False
    failed: bool = False
    gave_back: bool = False
    domain_empty: bool = False


Predicate = Callable[[Row, Facts], bool]

#: Guards on what the model leaves out (`claiming` has them): they may hold or not at
#: any time, so each search takes both branches. What they forbid only removes
#: behaviour.
UNMODELLED = frozenset({
    Guard.DUE, Guard.FRESH, Guard.OVERDUE, Guard.QUEUE_OPEN, Guard.GROUP_FREE,
    Guard.SLOT_FREE, Guard.RATE_FREE, Guard.MAY_DROP, Guard.WAITS_FOR_IT,
    Guard.BEFORE_DEADLINE, Guard.DEADLINE_MISSED, Guard.RETRY_IN_TIME,
})  # fmt: skip


def predicate(guard: Guard) -> Predicate:  # noqa: PLR0911, PLR0912  (one arm a guard)
    """Return what `guard` means in the model; each guard has its arm here, once."""
    match guard:
        case (
            Guard.DUE | Guard.FRESH | Guard.OVERDUE | Guard.QUEUE_OPEN
            | Guard.GROUP_FREE | Guard.SLOT_FREE | Guard.RATE_FREE | Guard.MAY_DROP
            | Guard.BEFORE_DEADLINE | Guard.DEADLINE_MISSED | Guard.RETRY_IN_TIME
            | Guard.WAITS_FOR_IT
        ):  # fmt: skip
            return lambda _row, _facts: True
        case Guard.PARENTS_DONE:
            return lambda row, _: row.parents is Parents.DONE
        case Guard.CHILDREN_ENDED:
            return lambda row, _: not row.awaits
        case Guard.PARENT_FAILED:
            return lambda row, _: row.parents is Parents.FAILED and row.attempt == 0
        case Guard.NOT_ON_HOLD:
            return lambda row, _: not row.held
        case Guard.ON_HOLD:
            return lambda row, _: row.held
        case Guard.HELD:
            return lambda row, facts: facts.attempt == row.attempt
        case Guard.LEASED:
            return lambda row, _: row.leased
        case Guard.NOT_STOPPED:
            return lambda row, _: row.stop is None
        case Guard.STOPPED_BY_TIMEOUT:
            return lambda row, _: row.stop is StopCause.TIMEOUT
        case Guard.STOPPED_BY_SHUTDOWN:
            return lambda row, _: row.stop is StopCause.SHUTDOWN
        case Guard.STOPPED_OR_FAILED:
            return lambda row, facts: (
                row.stop in (StopCause.CANCEL, StopCause.SHUTDOWN)
                or (row.stop is None and facts.failed)
            )
        case Guard.GAVE_BACK:
            return lambda _, facts: facts.gave_back
        case Guard.MAY_RETRY:
            return lambda row, _: (
                row.stop is None or (row.stop is StopCause.TIMEOUT and row.on_timeout)
            )
        case Guard.NOT_BY_TIMEOUT:
            return lambda row, _: row.stop is not StopCause.TIMEOUT
        case Guard.CANCEL_REQUESTED:
            return lambda row, _: row.cancel
        case Guard.NO_CANCEL:
            return lambda row, _: not row.cancel
        case Guard.PROVED:
            return lambda _, facts: facts.proved
        case Guard.LOST:  # `kill_unconfirmed` only forbids more: it is never set here
            return lambda row, facts: facts.domain_empty or not row.leased
        case Guard.FAILURES_LEFT:
            return lambda row, _: row.failures + 1 < MAX_ATTEMPTS
        case Guard.LOSSES_LEFT:
            return lambda row, _: row.losses + 1 < MAX_LOSSES
        case Guard.LOSSES_SPENT:
            return lambda row, _: row.losses + 1 >= MAX_LOSSES
        case _:
            assert_never(guard)
