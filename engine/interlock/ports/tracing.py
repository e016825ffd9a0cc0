"""The port `Tracer`: a no-op until `set_tracer()` is called.

A job module sets a tracer when it is imported, so that the application, the worker and
the process of each job have it. A carrier (such as the headers of W3C Trace Context)
passes from the submit to the worker in the job's metadata, and to the job at its start.
"""

from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from types import MappingProxyType
from typing import TYPE_CHECKING, Final, Protocol

if TYPE_CHECKING:  # the process of every job imports this module
    from interlock.core.job import Job, Move, NewJob

Carrier = Mapping[str, str]


class Span(Protocol):
    """The span of one attempt."""

    @property
    def carrier(self) -> Carrier:
        """The carrier for the job's own process."""
        ...

    def end(self, move: "Move | None") -> None:
        """End the span with the committed move; None: another worker ended the job."""
        ...


class Tracer(Protocol):
    """Makes the spans of jobs. Thread-safe; never raises."""

    def submitting(
        self, new: Sequence["NewJob"]
    ) -> AbstractContextManager[Sequence["NewJob"]]:
        """Trace a submit; yield the jobs to store, with a carrier in their metadata."""
        ...

    def running(self, job: "Job") -> Span:
        """Begin the span of an attempt that is about to start."""
        ...

    def carrier(self) -> Carrier:
        """Return a carrier of the current span, for another process."""
        ...

    def entered(self, carrier: Carrier) -> AbstractContextManager[None]:
        """Continue the carrier's trace inside the block."""
        ...

    def flush(self) -> None:
        """Send buffered spans: this process is about to end."""
        ...


class _Untraced:
    """The tracer that does nothing."""

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
        """Do nothing."""


class _UntracedSpan:
    carrier: Carrier = MappingProxyType({})

    def end(self, move: "Move | None") -> None:
        """Do nothing."""


_UNTRACED_SPAN: Final = _UntracedSpan()
_NO_SPAN: Final = nullcontext()
_tracer: Tracer = _Untraced()


def tracer() -> Tracer:
    """Return the tracer of this process."""
    return _tracer


def set_tracer(new: Tracer | None) -> None:
    """Set the tracer of this process; None: no tracing."""
    global _tracer  # noqa: PLW0603  (one for the process, as its jobs are)
    _tracer = new or _Untraced()
