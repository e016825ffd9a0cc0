"""Small worlds that are searched to the end."""

from enum import StrEnum
from typing import Any, Final, NamedTuple

from .causes import DUE
from .state import Actor, Job, Rows, State, Status


class Kind(StrEnum):
    """What an actor does, again and again; or as long as it has something to do."""

    CLAIM = "claim"
    END = "end"  # ends, retries and expires jobs
    CANCEL = "cancel"
    PAUSE = "pause"
    LIMIT = "limit"
    REOPEN = "reopen"


class World(NamedTuple):
    """Who acts on what."""

    jobs: tuple[Job, ...]
    actors: tuple[Kind, ...]
    limits: tuple[tuple[str, int], ...] = (("a", 1),)
    todo: tuple[tuple[Kind, tuple[Any, ...]], ...] = ()
    retried: tuple[int, ...] = ()
    expiring: tuple[int, ...] = ()
    wrong_hints: tuple[str | None, ...] = ()  # what `held_by` may say for no reason
    batch: int = 99  # the most jobs of a cause that are opened at once

    def start(self) -> State:
        """Return the first state."""
        todo = dict(self.todo)
        actors = tuple(Actor(todo=todo.get(kind, ())) for kind in self.actors)
        return State(Rows(self.jobs, limits=self.limits), actors)

    def with_reopen(self) -> "World":
        """Return the same world with the duty that opens what can start."""
        return self._replace(actors=(*self.actors, Kind.REOPEN))


_A, _B = Job(), Job(("b",), "other")
_AB, _BA = Job(("a", "b")), Job(("b", "a"))
_LATER_AB = Job(("a", "b"), status=Status.ABSENT)
_OTHER = Job(queue="other")
_LATER = Job(status=Status.ABSENT)
_K = Kind
_TWO: Final = (_K.CLAIM, _K.CLAIM, _K.END)

WORLDS: Final = {
    "limit 1, 3 jobs": World((_A, _A, _LATER), _TWO),
    "limit 1, the best comes last": World((_LATER, _A, _A), _TWO),
    "limit 2, 3 jobs": World((_A, _A, _LATER), _TWO, (("a", 2),)),
    "two names": World((_A, _B, _LATER, _B), _TWO, (("a", 1), ("b", 1))),
    "two keys": World((_A, _B, _AB, _A), (_K.CLAIM, _K.END), (("a", 1), ("b", 1))),
    "two keys, one of them taken": World(
        (_LATER_AB, _B, _A), _TWO, (("a", 1), ("b", 1))
    ),
    "two keys, in any order": World((_LATER_AB, _BA), _TWO, (("a", 1), ("b", 1))),
    "a retry comes back": World((_A, _A), _TWO, retried=(0,)),
    "a cancel": World((_A, _A, _A), (*_TWO, _K.CANCEL), todo=((_K.CANCEL, (1,)),)),
    "a pause": World(
        (_A, _OTHER),
        (*_TWO, _K.PAUSE),
        todo=((_K.PAUSE, ("pause", "resume")),),
    ),
    "a pause of one in three": World(
        (_OTHER, _A, _OTHER),
        (_K.CLAIM, _K.END, _K.PAUSE),
        todo=((_K.PAUSE, ("pause", "resume")),),
    ),
    "a job depends on another": World(
        (_A, Job((), parents=(0,), status=Status.ABSENT)), _TWO
    ),
    "a job depends on two": World(
        (_A, _B, Job((), parents=(0, 1))), (_K.CLAIM, _K.END, _K.END), ()
    ),
    "a job depends on one that is canceled": World(
        (_A, Job((), parents=(0,))),
        (*_TWO, _K.CANCEL),
        todo=((_K.CANCEL, (0,)),),
    ),
    "small batches": World(
        (_A, _A, _A),
        (_K.CLAIM, _K.END, _K.PAUSE, _K.REOPEN),
        (),
        ((_K.PAUSE, ("pause", "resume")),),
        batch=1,
    ),
    "a due job": World(
        (Job(is_early=True, held=DUE), _A), (*_TWO, _K.REOPEN)
    ),
    "a due job is canceled": World(
        (Job(is_early=True, held=DUE), _A, _A),
        (_K.CLAIM, _K.END, _K.CANCEL, _K.REOPEN),
        todo=((_K.CANCEL, (0,)),),
    ),
    "a job expires": World((_A, _A), _TWO, expiring=(1,)),
    "a lower limit": World(
        (_A, _A, _A), (_K.CLAIM, _K.END, _K.LIMIT), (("a", 2),), ((_K.LIMIT, (1,)),)
    ),
    "a raised limit": World(
        (_A, _A, _A), (_K.CLAIM, _K.END, _K.LIMIT), todo=((_K.LIMIT, (2,)),)
    ),
    "a first limit": World(
        (_A, _A), (*_TWO, _K.LIMIT, _K.REOPEN), (), ((_K.LIMIT, (1,)),)
    ),
    "wrong hints": World(
        (_A, _A),
        (_K.CLAIM, _K.END, _K.REOPEN),
        wrong_hints=(None, "paused:q", "key:a", "key:gone"),
    ),
}  # fmt: skip
