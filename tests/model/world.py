"""What happens without a write: processes end, shims kill, links break, leases expire.

Each holder is an attempt's worker, its shim and its process tree in one.
"""

from collections.abc import Iterator

from .moves import By, Step
from .rules import Rules
from .state import Exit, Holder, Link, Parents, Reading, State


class World:
    """All steps of processes, links, clocks and the reaper's eyes."""

    def __init__(self, rules: Rules) -> None:
        self._rules = rules

    def steps(self, state: State) -> Iterator[Step]:
        """Yield everything that may happen next beside a write."""
        for place, holder in enumerate(state.holders):
            for label, by, after in self._holder(state, holder):
                holders = list(state.holders)
                holders[place : place + 1] = [after] if after else []
                changed = state._replace(holders=tuple(holders))
                yield Step(label, by, changed, attempt=holder.attempt)
        yield from self._lease(state)
        yield from self._reaper(state)
        yield from self._children(state)
        if state.row.parents is Parents.AWAITED:
            for parents in (Parents.DONE, Parents.FAILED):
                row = state.row._replace(parents=parents)
                label = f"what it depends on is {parents}"
                yield Step(label, By.WORLD, state._replace(row=row))

    def _children(self, state: State) -> Iterator[Step]:
        if state.row.awaits:
            row = state.row._replace(awaits=False)
            label = "what its attempt waits for has ended"
            yield Step(label, By.WORLD, state._replace(row=row))

    def _holder(
        self, state: State, holder: Holder
    ) -> Iterator[tuple[str, By, Holder | None]]:
        if holder.alive:
            yield from self._tree(state, holder)
        elif _unwanted(state, holder):
            yield "the worker forgets its attempt", By.WORLD, None
        if holder.link is Link.DEAD:
            return
        # With its worker dead, nobody will ever read how the main process ends.
        dead = holder._replace(link=Link.DEAD, exit=Exit.NONE)
        yield "kill -9 of the worker", By.FAULT, dead
        if holder.link is Link.CUT:
            yield "the link heals", By.WORLD, holder._replace(link=Link.REACHABLE)
        else:
            yield "the link is cut", By.FAULT, holder._replace(link=Link.CUT)

    def _tree(
        self, state: State, holder: Holder
    ) -> Iterator[tuple[str, By, Holder | None]]:
        swept = holder._replace(alive=False)
        killed = swept._replace(exit=Exit.KILLED)
        after = killed if holder.exit is Exit.NONE else swept
        if holder.exit is Exit.NONE and holder.link is not Link.DEAD:
            for exit_ in (Exit.RETURNED, Exit.FAILED, Exit.GAVE_BACK):
                yield f"the job {exit_}", By.WORLD, holder._replace(exit=exit_)
            if holder.supervised:
                yield from self._ordered(state, holder, killed)
        else:
            # What the main process left behind ends or is swept; the shim of a dead
            # worker reads EOF and kills all.
            yield "the tree is gone", By.WORLD, swept
        if holder.supervised:
            if not self._rules.dies_with_supervisor:
                after = holder._replace(supervised=False)
            yield "kill -9 of the shim", By.FAULT, after

    def _ordered(
        self, state: State, holder: Holder, killed: Holder
    ) -> Iterator[tuple[str, By, Holder]]:
        """Yield the kills that a shim does by order: of its worker, or of its clock."""
        if holder.attempt == state.row.attempt and state.row.stop:
            yield "the shim kills: stopped", By.WORLD, killed
        if holder.link is Link.CUT and self._rules.self_fencing:
            yield "the shim kills: lease deadline", By.WORLD, killed

    def _lease(self, state: State) -> Iterator[Step]:
        if not (state.row.running and state.row.leased):
            return
        holder = state.current()
        if holder and holder.alive and holder.supervised:
            # Its worker renews, or its shim has not yet killed it, which it does first.
            renewed = holder.link is Link.REACHABLE
            if renewed or self._rules.self_fencing:
                return
        after = state._replace(row=state.row._replace(leased=False))
        yield Step("the lease expires", By.WORLD, after)

    def _reaper(self, state: State) -> Iterator[Step]:
        if state.reading:
            after = state._replace(reading=None)
            yield Step("the reaper drops what it read", By.WORLD, after)
        elif state.row.running:
            # It reads any RUNNING row, lost or not, and acts on it at any later time.
            for empty in {False, self._looks_empty(state)}:
                reading = Reading(state.row.attempt, empty)
                label = f"the reaper reads{' an empty kill domain' if empty else ''}"
                yield Step(label, By.WORLD, state._replace(reading=reading))

    def _looks_empty(self, state: State) -> bool:
        """Whether the host may tell the reaper that no process of the attempt lives."""
        holder = state.current()
        if holder is None or not holder.alive:
            return True
        return not self._rules.prove_emptiness and holder.link is Link.DEAD


def _unwanted(state: State, holder: Holder) -> bool:
    """Whether a worker has nothing to report: refused, or its tree was killed unasked.

    The second leaves the job to the reaper.
    """
    if holder.link is not Link.REACHABLE:
        return False
    row = state.row
    refused = holder.attempt != row.attempt or not row.running
    return refused or (holder.exit is Exit.KILLED and row.stop is None)
