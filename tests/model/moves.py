"""What clients, workers and the reaper write: exactly what the table's rows allow."""

from collections.abc import Iterator
from enum import StrEnum
from typing import NamedTuple

from interlock.core.lifecycle import (
    CANCELS,
    INITIAL,
    TERMINAL,
    Event,
    JobStatus,
    StopCause,
    Transition,
    Who,
)

from .rules import Facts, Predicate, Rules, predicate
from .state import WORKERS, Exit, Holder, Link, Row, State


class By(StrEnum):
    """Whose doing a step is. A job must be able to end without client and fault."""

    CLIENT = "client"
    WORKER = "worker"
    REAPER = "reaper"
    WORLD = "world"  # processes end, shims act, leases expire
    FAULT = "fault"


class Step(NamedTuple):
    """One step of somebody, and the world after it."""

    label: str
    by: By
    after: State
    event: Event | None = None
    attempt: int | None = None  # whom the writer speaks for
    exit: Exit = Exit.NONE  # of that attempt


_HOLDS = {Event.HOLD: True, Event.RELEASE_HOLD: False}
_Guarded = tuple[Transition, tuple[Predicate, ...]]


class Moves:
    """All writes that some rules allow."""

    def __init__(self, rules: Rules) -> None:
        self._rules = rules
        self._rows: dict[tuple[Who, JobStatus], list[_Guarded]] = {
            (who, status): [
                (row, tuple(predicate(guard) for guard in row.guards))
                for row in rules.table
                if row.who is who
                and (row.source is status or not rules.compare_and_set)
            ]
            for who in Who
            for status in JobStatus
        }

    def steps(self, state: State) -> Iterator[Step]:
        """Yield every write that may be the next one."""
        yield from self._client(state)
        yield from self._claim(state)
        for place, holder in enumerate(state.holders):
            if holder.link is Link.REACHABLE:
                yield from self._worker(state, place, holder)
        yield from self._reaper(state)

    def _allowed(self, who: Who, row: Row, facts: Facts) -> Iterator[Transition]:
        for transition, guards in self._rows[who, row.status]:
            if all(holds(row, facts) for holds in guards):
                yield transition

    def _client(self, state: State) -> Iterator[Step]:
        for transition in self._allowed(Who.CLIENT, state.row, Facts()):
            after = state._replace(row=self._moved(state.row, transition))
            yield Step(transition.event.value, By.CLIENT, after, transition.event)

    def _claim(self, state: State) -> Iterator[Step]:
        if len(state.holders) == WORKERS:
            return
        for transition in self._allowed(Who.WORKER, state.row, Facts()):
            if transition.source is INITIAL:
                row = self._moved(state.row, transition)
                holders = (*state.holders, Holder(row.attempt))
                after = state._replace(row=row, holders=holders)
                yield Step(transition.event.value, By.WORKER, after, transition.event)

    def _worker(self, state: State, place: int, holder: Holder) -> Iterator[Step]:
        facts = Facts(
            attempt=holder.attempt,
            proved=not holder.alive,
            failed=holder.exit in (Exit.FAILED, Exit.GAVE_BACK),
            gave_back=holder.exit is Exit.GAVE_BACK,
        )
        for transition in self._allowed(Who.WORKER, state.row, facts):
            event = transition.event
            if transition.source is INITIAL or not _honest(event, holder, state.row):
                continue
            holders = state.holders
            if not transition.is_internal and not holder.alive:
                holders = holders[:place] + holders[place + 1 :]
            for cause in _causes(event, state.row):
                row = self._moved(state.row, transition, cause)
                label = f"{event} {cause}" if cause else event.value
                after = state._replace(row=row, holders=holders)
                attempt = holder.attempt
                yield Step(label, By.WORKER, after, event, attempt, holder.exit)

    def _reaper(self, state: State) -> Iterator[Step]:
        reading = state.reading
        facts = Facts()
        if reading:
            facts = Facts(attempt=reading.attempt, domain_empty=reading.domain_empty)
        for transition in self._allowed(Who.REAPER, state.row, facts):
            event = transition.event
            row = self._moved(state.row, transition)
            if transition.source is INITIAL:  # expire: speaks for no attempt
                yield Step(event.value, By.REAPER, state._replace(row=row), event)
            elif reading:
                after = state._replace(row=row, reading=None)
                yield Step(event.value, By.REAPER, after, event, reading.attempt)

    def _moved(
        self, row: Row, transition: Transition, cause: StopCause | None = None
    ) -> Row:
        """Return the row after a write: what the table counts, and what it clears."""
        spent = transition.counts
        if transition.is_internal:
            leased = row.leased or transition.event is Event.RENEW
        else:
            leased = transition.event is Event.CLAIM
        back = transition.target is INITIAL and self._rules.clear_stop
        return row._replace(
            status=transition.target,
            cancel=row.cancel or transition.event in CANCELS,
            held=_HOLDS.get(transition.event, row.held),
            stop=None if back else cause or row.stop,
            leased=leased,
            awaits=transition.event is Event.SNOOZE
            or (row.awaits and transition.target not in TERMINAL),
            **({spent.value: getattr(row, spent.value) + 1} if spent else {}),
        )


def _honest(event: Event, holder: Holder, row: Row) -> bool:
    """Whether a correct worker may send `event`; what guards cannot know.

    It reports the exit that it read, and having read one it stops nothing more; that
    its shim killed the tree it may not have read yet. All other events it may send at
    any time, sensible or not: the guards must cope.
    """
    match event:
        case Event.SUCCEED:
            return holder.exit is Exit.RETURNED
        case Event.FAIL:
            return holder.exit is Exit.FAILED
        case Event.RETRY:
            return holder.exit is Exit.FAILED or row.stop is not None
        case Event.STOP:
            return holder.exit in (Exit.NONE, Exit.KILLED)
        case _:
            return True


def _causes(event: Event, row: Row) -> tuple[StopCause | None, ...]:
    """Return why a worker may stop its attempt: CANCEL only if somebody asked."""
    if event is not Event.STOP:
        return (None,)
    return tuple(
        cause for cause in StopCause if row.cancel or cause is not StopCause.CANCEL
    )
