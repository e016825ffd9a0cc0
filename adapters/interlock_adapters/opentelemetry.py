"""Spans of OpenTelemetry: `submit`, and below it a `run` for each attempt.

`instrument()` in the module of the jobs is all. The worker ends the span of an attempt
when its end is committed, so that also a job that was killed has one; the job's process
goes on below it. Stored in a job are `traceparent` and `tracestate` (W3C Trace Context)
alone: no baggage, whose values may be secrets. Likewise an error has its type in a
span, not its message.
"""

import dataclasses
import logging
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from typing import Final

from opentelemetry import context, trace
from opentelemetry.trace import SpanKind, StatusCode
from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

from interlock.job import Job, Move, NewJob
from interlock.lifecycle import Event
from interlock.retry import type_name
from interlock.tracing import Carrier, set_tracer

Provider = Callable[[], trace.TracerProvider]
Attributes = dict[str, str | int]

_FLUSH_MS: Final = 2000  # how long the end of a job's process waits for an exporter
_AS_WANTED: Final = frozenset(
    {Event.SUCCEED, Event.FINISH_CANCEL, Event.CANCEL_LOST, Event.RELEASE}
)
_log = logging.getLogger("interlock.tracing")
_propagator: Final = TraceContextTextMapPropagator()


def instrument(provider: Provider | None = None) -> None:
    """Follow the jobs of this process, and of the processes that it starts.

    Args:
        provider: makes the tracer provider, once in each process that has something to
            tell; it becomes the process's own if there is none. So it may start
            threads, which a module must not do when it is imported by a worker. None:
            whichever provider the process has.
    """
    set_tracer(_Tracer(provider))


class _Tracer:
    """See `interlock.tracing.Tracer`."""

    def __init__(self, provider: Provider | None) -> None:
        self._provider = provider
        self._lock = threading.Lock()
        self._tracer = trace.get_tracer("interlock")

    def _spans(self) -> trace.Tracer:
        with self._lock:
            provider, self._provider = self._provider, None
            if provider is not None and not _is_provided():
                try:
                    trace.set_tracer_provider(provider())
                except Exception:  # noqa: BLE001  (the application's: no job fails for it)
                    _log.exception("nothing is traced: there is no provider")
        return self._tracer

    @contextmanager
    def submitting(self, new: Sequence[NewJob]) -> Iterator[Sequence[NewJob]]:
        """Span what stores the jobs, and let them carry it."""
        names = {job.name for job in new}
        with self._spans().start_as_current_span(
            f"submit {names.pop()}" if len(names) == 1 else "submit",
            kind=SpanKind.PRODUCER,
            attributes=_about(new[0]) if len(new) == 1 else _about_batch(new),
            record_exception=False,
            set_status_on_exception=False,
        ) as span:
            told = self.carrier()
            try:
                yield [
                    dataclasses.replace(job, metadata={**job.metadata, **told})
                    for job in new
                ]
            except Exception as error:
                span.set_status(StatusCode.ERROR)
                span.set_attribute("error.type", type_name(type(error)))
                raise

    def running(self, job: Job) -> "_Attempt":
        """Begin the span of an attempt, below that of the job's submit."""
        span = self._spans().start_span(
            f"run {job.name}",
            _context(job.metadata),
            kind=SpanKind.CONSUMER,
            attributes={**_about(job), "interlock.attempt": job.attempt},
        )
        return _Attempt(span)

    def carrier(self) -> Carrier:
        """Return the headers that tell of the current span."""
        return _headers(None)

    @contextmanager
    def entered(self, carrier: Carrier) -> Iterator[None]:
        """Go on below the carrier's span, unless a span is entered already."""
        if not carrier or _is_inside():
            yield
            return
        self._spans()
        token = context.attach(_context(carrier))
        try:
            yield
        finally:
            context.detach(token)

    def flush(self) -> None:
        """Export what a processor keeps back, in this process's last moment."""
        flush = getattr(trace.get_tracer_provider(), "force_flush", None)
        if flush is not None:
            with suppress(Exception):
                flush(_FLUSH_MS)


class _Attempt:
    """See `interlock.tracing.Span`."""

    def __init__(self, span: trace.Span) -> None:
        self._span = span
        self.carrier = _headers(trace.set_span_in_context(span))

    def end(self, move: Move | None) -> None:
        """End the span."""
        if move is None:
            self._span.set_status(StatusCode.ERROR, "lost")
            self._span.end()
            return
        self._span.set_attribute("interlock.event", str(move.event))
        if move.reason is not None:
            self._span.set_attribute("interlock.reason", str(move.reason))
        if move.event not in _AS_WANTED:
            self._span.set_status(StatusCode.ERROR, move.reason and str(move.reason))
        if move.error is not None and move.error.type is not None:
            self._span.set_attribute("error.type", move.error.type)
        self._span.end()


def _context(carrier: Mapping[str, object]) -> context.Context:
    told = {name: value for name, value in carrier.items() if isinstance(value, str)}
    return _propagator.extract(told)


def _headers(at: context.Context | None) -> Carrier:
    told: dict[str, str] = {}
    _propagator.inject(told, at)
    return told


def _is_provided() -> bool:
    return not isinstance(trace.get_tracer_provider(), trace.ProxyTracerProvider)


def _is_inside() -> bool:
    return trace.get_current_span().get_span_context().is_valid


def _about_batch(new: Sequence[NewJob]) -> Attributes:
    return {"messaging.system": "interlock", "messaging.batch.message_count": len(new)}


def _about(job: NewJob | Job) -> Attributes:
    """Return what a span says (OpenTelemetry's conventions for messaging)."""
    return {
        "messaging.system": "interlock",
        "messaging.destination.name": job.queue,
        "messaging.message.id": job.id,
        "interlock.job": job.name,
    }
