"""OpenTelemetry spans: `submit`, and below it a `run` for each attempt.

`instrument()` in the module of the jobs is all. The worker ends the span of an attempt
when its end is committed, so that also a job that was killed has one; the job's process
goes on below it. Stored in a job are `traceparent` and `tracestate` (W3C Trace Context)
alone: no baggage, whose values may be secrets. Likewise an error has its type in a
span, not its message.
"""

import atexit
import dataclasses
import logging
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Final

from opentelemetry import context, trace
from opentelemetry.trace import SpanKind, StatusCode
from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

from interlock.core.errors import DuplicateJob
from interlock.core.job import Job, Move, NewJob
from interlock.core.lifecycle import Event
from interlock.core.retry import type_name
from interlock.ports.tracing import Carrier, set_tracer

Provider = Callable[[], trace.TracerProvider]
Attributes = dict[str, str | int]

_FLUSH_S: Final = 1.0  # how long the end of a job's process waits for an exporter
_AS_WANTED: Final = frozenset(
    {
        *(Event.SUCCEED, Event.FINISH_CANCEL, Event.CANCEL_LOST, Event.RELEASE),
        Event.SNOOZE,
    }
)
_log = logging.getLogger("interlock.tracing")
_SYSTEM: Final = {"messaging.system": "interlock"}
_propagator: Final = TraceContextTextMapPropagator()


def instrument(provider: Provider | None = None) -> None:
    """Trace the jobs of this process, and of the processes that it starts.

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
                    _log.exception("nothing is traced: the provider cannot be made")
        return self._tracer

    def _begun(
        self,
        name: str,
        at: context.Context | None,
        kind: SpanKind,
        attributes: Attributes,
    ) -> trace.Span:
        """Return a new span; an invalid one if the application's SDK fails."""
        try:
            spans = self._spans()
            return spans.start_span(name, at, kind=kind, attributes=attributes)
        except Exception:  # noqa: BLE001  (a processor's or sampler's)
            _log.exception("%s is not traced", name)
            return trace.INVALID_SPAN

    @contextmanager
    def submitting(self, new: Sequence[NewJob]) -> Iterator[Sequence[NewJob]]:
        """Make a span around the submit, and add its carrier to the jobs."""
        names = {job.name for job in new}
        name = f"submit {names.pop()}" if len(names) == 1 else "submit"
        span = self._begun(name, None, SpanKind.PRODUCER, _of_submit(new))
        try:
            with trace.use_span(
                span, record_exception=False, set_status_on_exception=False
            ):
                carrier = self.carrier()
                yield [_carrying(job, carrier) for job in new]
        except Exception as error:
            span.set_attribute("error.type", type_name(type(error)))
            if not isinstance(error, DuplicateJob):  # an answer that was asked for
                span.set_status(StatusCode.ERROR)
            raise
        finally:
            _end(span)

    def running(self, job: Job) -> "_Attempt":
        """Begin the span of an attempt, below that of the job's submit."""
        attributes = {**_about(job), "interlock.attempt": job.attempt}
        at = _context(job.metadata)
        return _Attempt(
            self._begun(f"run {job.name}", at, SpanKind.CONSUMER, attributes)
        )

    def carrier(self) -> Carrier:
        """Return the headers of the current span."""
        return _headers(None)

    @contextmanager
    def entered(self, carrier: Carrier) -> Iterator[None]:
        """Continue below the carrier's span, unless a span is entered already."""
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
        """Export the spans that a processor buffers, before this process ends.

        In a thread, which ends with the process: an SDK may wait for its collector as
        long as it likes (issue 4568 of opentelemetry-python).
        """
        provider = trace.get_tracer_provider()
        shutdown = getattr(provider, "shutdown", None)
        if shutdown is not None:
            atexit.unregister(shutdown)  # it waits as long
        flush = getattr(provider, "force_flush", None)
        if flush is not None:
            thread = threading.Thread(target=flush, daemon=True)
            thread.start()
            thread.join(_FLUSH_S)


class _Attempt:
    """See `interlock.tracing.Span`."""

    def __init__(self, span: trace.Span) -> None:
        self._span = span
        self.carrier = _headers(trace.set_span_in_context(span))

    def end(self, move: Move | None) -> None:
        """End the span."""
        span = self._span
        if move is None:
            span.set_status(StatusCode.ERROR, "lost")
        else:
            span.set_attribute("interlock.event", move.event.value)
            reason = None if move.reason is None else move.reason.value
            if reason is not None:
                span.set_attribute("interlock.reason", reason)
            if move.event not in _AS_WANTED:
                span.set_status(StatusCode.ERROR, reason)
            if move.error is not None and move.error.type is not None:
                span.set_attribute("error.type", move.error.type)
        _end(span)


def _end(span: trace.Span) -> None:
    try:
        span.end()
    except Exception:  # noqa: BLE001  (likewise)
        _log.exception("the end of a span is not traced")


def _carrying(job: NewJob, carrier: Carrier) -> NewJob:
    """Return the job with a carrier, without parts of an older carrier."""
    metadata = {
        name: value
        for name, value in job.metadata.items()
        if name not in _propagator.fields
    }
    return dataclasses.replace(job, metadata={**metadata, **carrier})


def _context(carrier: Mapping[str, object]) -> context.Context:
    texts = {name: value for name, value in carrier.items() if isinstance(value, str)}
    return _propagator.extract(texts)


def _headers(at: context.Context | None) -> Carrier:
    headers: dict[str, str] = {}
    _propagator.inject(headers, at)
    return headers


def _is_provided() -> bool:
    return not isinstance(trace.get_tracer_provider(), trace.ProxyTracerProvider)


def _is_inside() -> bool:
    return trace.get_current_span().get_span_context().is_valid


def _of_submit(new: Sequence[NewJob]) -> Attributes:
    if len(new) > 1:
        return {**_SYSTEM, "messaging.batch.message_count": len(new)}
    about = _about(new[0])
    if new[0].idempotency_key is not None:  # which may mean a job that is there already
        del about["messaging.message.id"]
    return about


def _about(job: NewJob | Job) -> Attributes:
    """Return the attributes of a span (OpenTelemetry's messaging conventions)."""
    return {
        **_SYSTEM,
        "messaging.destination.name": job.queue,
        "messaging.message.id": job.id,
        "interlock.job": job.name,
    }
