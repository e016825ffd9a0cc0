"""Jobs that are followed; every process writes its spans to the end of one file."""

from __future__ import annotations

import os
import time
from collections.abc import Sequence
from pathlib import Path

from opentelemetry import trace
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import (
    BatchSpanProcessor,
    SpanExporter,
    SpanExportResult,
)

from interlock import Retry, TransientError, current_job, job
from interlock_adapters.opentelemetry import instrument


class _File(SpanExporter):
    def export(self, spans: Sequence[ReadableSpan]) -> SpanExportResult:
        if "COLLECTOR_HANGS" in os.environ:
            time.sleep(20)
        with Path(os.environ["SPANS"]).open("a") as file:
            file.write("".join(span.to_json(indent=None) + "\n" for span in spans))
        return SpanExportResult.SUCCESS


def provider() -> TracerProvider:
    tracer_provider = TracerProvider(resource=Resource({"pid": os.getpid()}))
    tracer_provider.add_span_processor(BatchSpanProcessor(_File()))
    return tracer_provider


instrument(provider)


@job(name="traced.work", secret=("password",))
def work(password: str) -> int:
    with trace.get_tracer("shop").start_as_current_span("cut"):
        return len(password)


@job(name="traced.flaky", retry=Retry(max_attempts=2, backoff=0.01))
def flaky() -> int:
    if current_job().attempt == 1:
        raise TransientError("s3cret")
    return 1


@job(name="traced.sleep")
def sleep() -> None:
    time.sleep(60)
