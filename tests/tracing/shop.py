"""An application with spans of its own: `python -m tracing.shop DATABASE|SERVER`."""

from __future__ import annotations

import sys

from opentelemetry import trace

from interlock import Engine
from interlock_adapters.http.client import Client
from pace import deadline
from tracing import traced_jobs as jobs


def main(url: str) -> None:
    """Sell one of each."""
    trace.set_tracer_provider(own := jobs.provider())
    with (
        Client(url) if url.startswith("http:") else Engine.open(url) as engine,
        trace.get_tracer("shop").start_as_current_span("order"),
    ):
        engine.submit(jobs.work, "s3cret").wait(deadline(30))
        engine.submit(jobs.flaky).wait(deadline(30))
        engine.submit(jobs.sleep.options(timeout=0.2, grace=0)).wait(deadline(30))
        engine.submit_many([jobs.work.call("s3cret"), jobs.work.call("s3cret")])
    own.shutdown()


if __name__ == "__main__":
    main(sys.argv[1])
