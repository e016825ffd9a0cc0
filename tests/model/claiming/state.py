"""What the model knows: the committed rows, and what each open transaction holds."""

from collections.abc import Iterable
from enum import StrEnum
from typing import Any, NamedTuple

IDLE = "idle"
BARRIER = "barrier"


class Status(StrEnum):
    """How a job ends does not matter here."""

    ABSENT = "absent"  # it is submitted while the others run
    WAITING = "waiting"
    RUNNING = "running"
    ENDED = "ended"


class Job(NamedTuple):
    """A row. Jobs are numbered in the order of starts; `held` is `held_by`."""

    keys: tuple[str, ...] = ("a",)
    queue: str = "q"
    status: Status = Status.WAITING
    held: str | None = None
    is_early: bool = False
    is_late: bool = False
    parents: tuple[int, ...] = ()  # the jobs that it depends on

    @property
    def is_open(self) -> bool:
        """Whether a claim looks at it."""
        return self.status is Status.WAITING and self.held is None


class Slot(NamedTuple):
    """A row of `interlock_slot`."""

    key: str
    number: int
    job: int


class Rows(NamedTuple):
    """All that is stored."""

    jobs: tuple[Job, ...]
    slots: frozenset[Slot] = frozenset()
    limits: tuple[tuple[str, int], ...] = ()
    is_paused: bool = False  # the queue "q"

    def put(self, number: int, job: Job) -> "Rows":
        """Return the rows with another job in a place."""
        jobs = (*self.jobs[:number], job, *self.jobs[number + 1 :])
        return self._replace(jobs=jobs)

    def most(self, key: str) -> int | None:
        """Return the limit of a key, None without one."""
        return next((most for each, most in self.limits if each == key), None)

    def awaited(self, number: int) -> list[int]:
        """Return the jobs that one depends on and that have not ended."""
        parents = self.jobs[number].parents
        return [n for n in parents if self.jobs[n].status is not Status.ENDED]

    def running(self, key: str) -> int:
        """Return how many jobs of a key run."""
        return sum(key in j.keys and j.status is Status.RUNNING for j in self.jobs)

    def limited(self, number: int) -> list[str]:
        """Return the keys of a job that have a limit."""
        return [key for key in self.jobs[number].keys if self.most(key) is not None]

    def free(self, key: str) -> tuple[int, ...] | None:
        """Return the numbers that may be taken; None without a limit."""
        most = self.most(key)
        if most is None:
            return None
        taken = {slot.number for slot in self.slots if slot.key == key}
        numbers = [n for n in range(1, most + 1) if n not in taken]
        return tuple(numbers[: max(0, most - len(taken))])


class Actor(NamedTuple):
    """A connection; what it holds and has written is gone after a crash."""

    step: str = IDLE
    data: Any = None
    writes: tuple[tuple[str, Any, Any], ...] = ()
    locks: frozenset[str] = frozenset()
    rows: frozenset[int] = frozenset()
    todo: tuple[Any, ...] = ()  # what it is still to do

    def idle(self, *, is_done: bool = False) -> "Actor":
        """Return it outside of a transaction."""
        return Actor(todo=self.todo[1:] if is_done else self.todo)


class State(NamedTuple):
    """The committed rows, and everybody who changes them."""

    rows: Rows
    actors: tuple[Actor, ...]

    def put(self, place: int, actor: Actor) -> "State":
        """Return the state with another actor in a place."""
        some = (*self.actors[:place], actor, *self.actors[place + 1 :])
        return self._replace(actors=some)

    def seen_by(self, place: int) -> Rows:
        """Return what a new statement of an actor sees."""
        return after(self.rows, self.actors[place].writes)

    def is_locked(self, place: int, locks: Iterable[str]) -> bool:
        """Whether somebody else holds one of some locks."""
        return any(
            not actor.locks.isdisjoint(locks)
            for number, actor in enumerate(self.actors)
            if number != place
        )

    def locked_rows(self, place: int) -> set[int]:
        """Return the jobs that others have locked."""
        return {
            row
            for number, actor in enumerate(self.actors)
            if number != place
            for row in actor.rows
        }


def after(rows: Rows, writes: Iterable[tuple[str, Any, Any]]) -> Rows:
    """Return the rows after some writes."""
    for what, key, value in writes:
        match what:
            case "job":
                rows = rows.put(key, rows.jobs[key]._replace(**dict(value)))
            case "take":
                rows = rows._replace(slots=rows.slots | {value})
            case "free":
                rows = rows._replace(slots=rows.slots - {value})
            case "paused":
                rows = rows._replace(is_paused=value)
            case _:
                limits = tuple(sorted({**dict(rows.limits), key: value}.items()))
                rows = rows._replace(limits=limits)
    return rows
