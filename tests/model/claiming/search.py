"""Breadth first through a world, so that each counterexample is a shortest one."""

from collections import defaultdict, deque
from collections.abc import Iterator
from dataclasses import dataclass, field

from .claims import Claims
from .openers import Openers
from .promises import Promise, broken_by_commit, is_forgotten
from .rules import Rules
from .state import IDLE, State, Status
from .worlds import Kind, World

FAULT = "fault: "
#: What a job cannot count on: faults, and what clients begin; a resume is counted on.
_NO_HELP = (FAULT, "cancel: will cancel", "pause: pause", "limit: limit")
Trace = tuple[str, ...]


@dataclass(slots=True, kw_only=True)
class Found:
    """What a search saw."""

    states: int = 0
    steps: set[str] = field(default_factory=set[str])
    broken: dict[Promise, Trace] = field(default_factory=dict[Promise, Trace])


def search(world: World, rules: Rules, *, until: Promise | None = None) -> Found:
    """Explore all that can happen; stop early where `until` is broken."""
    return _Search(world, rules).run(until)


class _Search:
    def __init__(self, world: World, rules: Rules) -> None:
        self._world = world
        self._claims, self._openers = Claims(rules), Openers(world, rules)
        self._reopens = rules.reopens
        self._came_from: dict[State, tuple[State, str] | None] = {}
        self._helped: defaultdict[State, list[State]] = defaultdict(list)
        self._found = Found()

    def run(self, until: Promise | None) -> Found:
        found, came_from = self._found, self._came_from
        first = self._world.start()
        queue = deque([first])
        came_from[first] = None
        while queue and until not in found.broken:
            before = queue.popleft()
            for label, step in self._steps(before):
                after = self._canonical(step)
                found.steps.add(label)
                for promise in self._broken(before, label, after):
                    if promise not in found.broken:
                        found.broken[promise] = (*self._trace(before), label)
                if not label.startswith(_NO_HELP):
                    self._helped[after].append(before)
                if after not in came_from:
                    came_from[after] = (before, label)
                    queue.append(after)
        found.states = len(came_from)
        if until in (None, Promise.ENDS):
            self._find_stuck()
        return found

    def _steps(self, state: State) -> Iterator[tuple[str, State]]:
        for place, kind in enumerate(self._world.actors):
            actor = state.actors[place]
            if kind is Kind.CLAIM:
                steps = self._claims.steps(state, place)
            elif kind is Kind.REOPEN and not self._reopens:
                continue
            else:
                steps = self._openers.steps(state, place, kind)
            for label, after in steps:
                yield f"{kind}: {label}", after
            if actor.step != IDLE:
                yield f"{FAULT}kill -9 of {kind}", state.put(place, actor.idle())
        for number, job in enumerate(state.rows.jobs):
            if job.status is Status.ABSENT:
                rows = state.rows.put(number, job._replace(status=Status.WAITING))
                yield "world: a job is submitted", state._replace(rows=rows)
        yield from self._time(state)
        yield from self._hints(state)

    def _time(self, state: State) -> Iterator[tuple[str, State]]:
        """Let a moment come. A claim has one clock reading: it comes between claims."""
        if any(self._at_work(state)):
            return
        for number, job in enumerate(state.rows.jobs):
            if job.is_early:
                rows = state.rows.put(number, job._replace(is_early=False))
                yield "world: a job becomes due", state._replace(rows=rows)
            may_expire = number in self._world.expiring and not job.is_late
            if may_expire and job.status is Status.WAITING:
                rows = state.rows.put(number, job._replace(is_late=True))
                yield "world: a job expires", state._replace(rows=rows)

    def _at_work(self, state: State) -> Iterator[bool]:
        for actor, kind in zip(state.actors, self._world.actors, strict=True):
            yield kind in (Kind.CLAIM, Kind.REOPEN) and actor.step != IDLE

    def _hints(self, state: State) -> Iterator[tuple[str, State]]:
        locked = state.locked_rows(-1)
        for number, job in enumerate(state.rows.jobs):
            if job.status is Status.WAITING and number not in locked:
                for hint in self._world.wrong_hints:
                    if hint != job.held:
                        rows = state.rows.put(number, job._replace(held=hint))
                        yield f"{FAULT}a wrong hint", state._replace(rows=rows)

    def _canonical(self, state: State) -> State:
        """Sort the claims, which have no names."""
        claims = [k is Kind.CLAIM for k in self._world.actors].count(True)
        some = sorted(state.actors[:claims], key=hash)
        return state._replace(actors=(*some, *state.actors[claims:]))

    def _broken(self, before: State, label: str, after: State) -> Iterator[Promise]:
        if after.rows != before.rows:
            yield from broken_by_commit(before.rows, after.rows)
        if label.endswith("refused by the trigger"):
            yield Promise.NO_REFUSAL
        if is_forgotten(after):
            yield Promise.NOT_FORGOTTEN

    def _trace(self, state: State) -> Trace:
        lines: list[str] = []
        while origin := self._came_from[state]:
            state, label = origin
            lines.append(label)
        return tuple(reversed(lines))

    def _find_stuck(self) -> None:
        """Walk back from all ends; a state that is not met cannot end."""
        met = {s for s in self._came_from if _has_ended(s)}
        queue = list(met)
        while queue:
            for before in self._helped[queue.pop()]:
                if before not in met:
                    met.add(before)
                    queue.append(before)
        for state in self._came_from:
            if state not in met:
                self._found.broken[Promise.ENDS] = self._trace(state)
                return


def _has_ended(state: State) -> bool:
    return all(job.status is Status.ENDED for job in state.rows.jobs)
