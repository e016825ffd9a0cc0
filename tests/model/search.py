"""Breadth first through all states, so that each counterexample is a shortest one."""

from collections import defaultdict, deque
from collections.abc import Iterator
from dataclasses import dataclass, field

from interlock.core.lifecycle import TERMINAL, Event

from .invariants import Promise, broken_by_state, broken_by_step
from .moves import By, Moves, Step
from .rules import Rules
from .state import Parents, Row, State, canonical
from .world import World

Trace = tuple[str, ...]


@dataclass(slots=True, kw_only=True)
class Found:
    """What a search saw: also which events were accepted, with a live lease or not."""

    states: int = 0
    writes: set[tuple[Event, bool]] = field(default_factory=set[tuple[Event, bool]])
    broken: dict[Promise, Trace] = field(default_factory=dict[Promise, Trace])


def search(rules: Rules, *, until: Promise | None = None) -> Found:
    """Explore all that can happen; stop early where `until` is broken."""
    return _Search(rules).run(until)


class _Search:
    def __init__(self, rules: Rules) -> None:
        self._moves, self._world = Moves(rules), World(rules)
        self._came_from: dict[State, tuple[State, Step] | None] = {}
        self._helped: defaultdict[State, list[State]] = defaultdict(list)
        self._found = Found()

    def run(self, until: Promise | None) -> Found:
        found, came_from = self._found, self._came_from
        queue = deque(
            State(Row(on_timeout=on, parents=parents))
            for on in (False, True)
            for parents in (Parents.DONE, Parents.AWAITED)
        )
        came_from.update(dict.fromkeys(queue))
        while queue and until not in found.broken:
            before = queue.popleft()
            for step in self._steps(before):
                after = canonical(step.after)
                if step.event:
                    found.writes.add((step.event, before.row.leased))
                for promise in broken_by_step(before, step):
                    self._break(promise, before, step)
                if _helps(step):
                    self._helped[after].append(before)
                if after not in came_from:
                    came_from[after] = (before, step)
                    queue.append(after)
                    for promise in broken_by_state(step.after):
                        self._break(promise, before, step)
        found.states = len(came_from)
        if until in (None, Promise.ENDS):
            self._find_stuck()
        return found

    def _steps(self, state: State) -> Iterator[Step]:
        yield from self._moves.steps(state)
        yield from self._world.steps(state)

    def _break(self, promise: Promise, before: State, step: Step) -> None:
        if promise not in self._found.broken:
            trace = (*self._trace(before), _told(before, step))
            self._found.broken[promise] = trace

    def _trace(self, state: State) -> Trace:
        lines: list[str] = []
        while origin := self._came_from[state]:
            state, step = origin
            lines.append(_told(state, step))
        return tuple(reversed(lines))

    def _find_stuck(self) -> None:
        """Walk back from all ends; a state that is not met cannot end."""
        met = {state for state in self._came_from if state.row.status in TERMINAL}
        queue = list(met)
        while queue:
            for before in self._helped[queue.pop()]:
                if before not in met:
                    met.add(before)
                    queue.append(before)
        for state in self._came_from:
            if state not in met and not state.row.held:
                self._found.broken[Promise.ENDS] = self._trace(state)
                return


def _helps(step: Step) -> bool:
    """Whether a job may count on it: nobody need cancel it, nor end it unstarted."""
    is_given = step.event in (Event.EXPIRE, Event.MISS_DEADLINE, Event.DROP)
    return step.by not in (By.CLIENT, By.FAULT) and not is_given


def _told(before: State, step: Step) -> str:
    stale = step.attempt is not None and step.attempt != before.row.attempt
    return f"{step.by}: {step.label}{' (stale attempt)' if stale else ''}"
