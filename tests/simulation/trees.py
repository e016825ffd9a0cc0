"""The process trees of jobs, as the world knows them whatever the engine believes."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from enum import Enum
from itertools import count

from .world import World


class End(Enum):
    """How the main process of a tree ended."""

    RETURNED = "returned"
    FAILED = "failed"
    GAVE_BACK = "gave itself back"
    KILLED = "killed"


@dataclass(slots=True, kw_only=True, eq=False)
class Tree:
    """Everything that one attempt started. Dead when its last process is."""

    job_id: str
    name: str
    attempt: int
    pid: int
    alive: bool = True
    end: End | None = None


@dataclass(slots=True)
class Forest:
    """All trees there ever were, and the journal that the jobs themselves write."""

    world: World
    stuck: bool = False  # whether the kernel keeps some killed processes for a while
    trees: dict[tuple[str, int], Tree] = field(default_factory=dict)
    journal: list[str] = field(default_factory=list)
    on_birth: Callable[[Tree], None] = lambda _tree: None
    _living: dict[str, list[Tree]] = field(default_factory=dict)
    _pids: count[int] = field(default_factory=lambda: count(100))

    def plant(self, job_id: str, name: str, attempt: int) -> Tree:
        """Start a tree."""
        pid = next(self._pids)
        tree = Tree(job_id=job_id, name=name, attempt=attempt, pid=pid)
        others = self._living.setdefault(job_id, [])
        what = "overlap" if others else "start"
        self.journal.append(f"{what} {job_id} {attempt}")
        others.append(tree)
        self.trees[job_id, attempt] = tree
        self.on_birth(tree)
        return tree

    def end(self, tree: Tree, how: End) -> None:
        """End a main process; what it started may live on."""
        tree.end = how
        what = {End.RETURNED: "end", End.GAVE_BACK: "snooze"}.get(how)
        if what is not None:
            self.journal.append(f"{what} {tree.job_id} {tree.attempt}")

    def fell(self, tree: Tree) -> None:
        """Let the last process of a tree be dead."""
        tree.alive = False
        self._living[tree.job_id].remove(tree)

    def living(self, job_id: str) -> list[Tree]:
        """Return the living trees of a job."""
        return self._living.get(job_id, [])

    def crowd(self, name: str) -> int:
        """Return how many trees of a name live."""
        return sum(t.name == name for ts in self._living.values() for t in ts)
