"""Who follows a job from its submit through its attempts: nobody, until one is set.

A module of jobs sets a tracer when it is imported, so that the application, the worker
and the process of each job have it. Between them goes a carrier, headers of the W3C
Trace Context for instance: in the job's metadata, then in the order to start it.
"""

from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from types import MappingProxyType
from typing import TYPE_CHECKING, Final, Protocol

if TYPE_CHECKING:  # the process of every job imports this module
    from interlock.core.job import Job, Move, NewJob

Carrier = Mapping[str, str]


class Span(Protocol):
    """One attempt, as it is followed."""

    @property
    def carrier(self) -> Carrier:
        """What the job's own process is to be told."""
        ...

    def end(self, move: "Move | None") -> None:
        """End it with the move that was committed; None: somebody else has ended it."""
        ...


class Tracer(Protocol):
    """Follows jobs. Thread-safe; whatever it meets, it raises nothing."""

    def submitting(
        self, new: Sequence["NewJob"]
    ) -> AbstractContextManager[Sequence["NewJob"]]:
        """Follow a submit; what it yields is stored, with a carrier in its metadata."""
        ...

    def running(self, job: "Job") -> Span:
        """Begin to follow an attempt, which is about to start."""
        ...

    def carrier(self) -> Carrier:
        """Return what another process is to be told of where we are."""
        ...

    def entered(self, carrier: Carrier) -> AbstractContextManager[None]:
        """Go on where the carrier says, inside of the block."""
        ...

    def flush(self) -> None:
        """Send away what is kept back: this process is about to end."""
        ...


class _Untraced:
    """Nobody follows."""

    def submitting(
        self, new: Sequence["NewJob"]
    ) -> AbstractContextManager[Sequence["NewJob"]]:
        return nullcontext(new)

    def running(self, job: "Job") -> Span:
        del job
        return _UNTRACED_SPAN

    def carrier(self) -> Carrier:
        return {}

    def entered(self, carrier: Carrier) -> AbstractContextManager[None]:
        del carrier
        return _NO_SPAN

    def flush(self) -> None:
        """Nothing is kept."""


class _UntracedSpan:
    carrier: Carrier = MappingProxyType({})

    def end(self, move: "Move | None") -> None:
        """Nothing was begun."""


_UNTRACED_SPAN: Final = _UntracedSpan()
_NO_SPAN: Final = nullcontext()
_tracer: Tracer = _Untraced()


def tracer() -> Tracer:
    """Return who follows the jobs of this process."""
    return _tracer


def set_tracer(new: Tracer | None) -> None:
    """Let `new` follow all jobs of this process from now on; None: nobody."""
    global _tracer  # noqa: PLW0603  (one for the process, as its jobs are)
    _tracer = new or _Untraced()
