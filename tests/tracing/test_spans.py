"""What a span tells and what it does not, in one process."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from opentelemetry import baggage, context, trace
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

from e2e import sample_jobs as jobs
from interlock import DuplicateJob, Engine
from interlock.ports.tracing import set_tracer, tracer
from interlock.testing.inline import inline_engine
from interlock_adapters.opentelemetry import instrument

_SPANS = InMemorySpanExporter()


def _provider() -> TracerProvider:
    provider = TracerProvider()
    provider.add_span_processor(SimpleSpanProcessor(_SPANS))
    return provider


@pytest.fixture
def spans() -> Iterator[InMemorySpanExporter]:
    instrument(_provider)
    yield _SPANS
    _SPANS.clear()
    set_tracer(None)


@pytest.fixture
def engine() -> Iterator[Engine]:
    with Engine.open("memory:") as opened:
        yield opened


def test_nothing_is_stored_while_nobody_follows(engine: Engine) -> None:
    assert dict(engine.submit(jobs.add, 1).job().metadata) == {}


def test_a_job_carries_its_submit_beside_its_own_metadata(
    engine: Engine, spans: InMemorySpanExporter
) -> None:
    token = context.attach(baggage.set_baggage("password", "s3cret"))
    try:
        job = engine.submit(jobs.add.options(metadata={"team": "a"}), 1).job()
    finally:
        context.detach(token)
    (span,) = spans.get_finished_spans()
    assert set(job.metadata) == {"team", "traceparent"}
    assert format(span.context.span_id, "016x") in str(job.metadata["traceparent"])
    assert span.attributes is not None
    assert span.attributes["messaging.message.id"] == job.id


def test_a_refused_submit_tells_its_type_and_no_message(
    engine: Engine, spans: InMemorySpanExporter
) -> None:
    keyed = jobs.add.options(unique_key="s3cret")
    engine.submit(keyed, 1)
    with pytest.raises(DuplicateJob):
        engine.submit(keyed, 1)
    refused = spans.get_finished_spans()[1]
    assert refused.status.is_unset  # whoever asks for a key asks for this answer
    assert refused.attributes is not None
    assert refused.attributes["error.type"] == "interlock.DuplicateJob"
    assert "s3cret" not in refused.to_json()


def test_a_batch_is_one_span(engine: Engine, spans: InMemorySpanExporter) -> None:
    engine.submit_many([jobs.add.call(1), jobs.secret.call("x")])
    assert engine.submit_many([]) == []
    (span,) = spans.get_finished_spans()
    assert span.name == "submit"
    assert span.attributes is not None
    assert span.attributes["messaging.batch.message_count"] == 2


def test_a_rerun_is_followed_from_its_own_submit(spans: InMemorySpanExporter) -> None:
    with inline_engine() as engine:
        own = {"tracestate": "a=b\nc"}
        first = engine.submit(jobs.add.options(metadata=own), 1).job()
        second = engine.rerun(first.id).job()
        engine.drain()
    assert first.metadata["traceparent"] != second.metadata["traceparent"]
    assert "tracestate" not in second.metadata
    names = [span.name for span in spans.get_finished_spans()]
    assert names == ["submit t.add", "run t.add"] * 2


def test_a_span_that_is_entered_already_stays(spans: InMemorySpanExporter) -> None:
    """As in an application whose web framework has read the headers itself."""
    del spans
    carrier = {"traceparent": f"00-{1:032x}-{2:016x}-01"}
    with tracer().entered(carrier):
        assert trace.get_current_span().get_span_context().span_id == 2
        with tracer().entered({"traceparent": f"00-{1:032x}-{3:016x}-01"}):
            assert trace.get_current_span().get_span_context().span_id == 2
    assert not trace.get_current_span().get_span_context().is_valid


def _run(folder: Path, program: str, **environment: str) -> str:
    """Run a program in a process of its own; return its log."""
    opened = f'Engine.open("sqlite:///{folder}/jobs.db") as engine, engine.worker()'
    done = subprocess.run(
        [sys.executable, "-c", program.replace("AN_ENGINE", opened)],
        cwd=Path(__file__).parents[1],
        env={**os.environ, "SPANS": str(folder / "spans"), **environment},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stderr


BROKEN = """
from e2e import sample_jobs as jobs
from interlock import Engine
from interlock_adapters.opentelemetry import instrument
from opentelemetry.sdk.trace import SpanProcessor, TracerProvider

class Broken(SpanProcessor):
    def on_start(self, span, parent_context=None):
        raise OSError("at its start")
    def on_end(self, span):
        raise OSError("at its end")

def provider():
    HOW
    made = TracerProvider()
    made.add_span_processor(Broken())
    return made

instrument(provider)
with AN_ENGINE:
    for _ in range(2):
        assert engine.submit(jobs.add, 1).result(20) == 2
"""


@pytest.mark.parametrize(
    ("how", "told"),
    [
        (
            "raise OSError('no collector')",
            "nothing is traced: the provider cannot be made",
        ),
        ("del Broken.on_end", "run t.add is not traced"),
        ("del Broken.on_start", "the end of a span is not traced"),
    ],
)
def test_an_sdk_that_fails_stops_no_job(tmp_path: Path, how: str, told: str) -> None:
    assert told in _run(tmp_path, BROKEN.replace("HOW", how))


def test_a_collector_that_hangs_holds_up_no_job(tmp_path: Path) -> None:
    program = """
from interlock import Engine
from tracing import traced_jobs as jobs
with AN_ENGINE:
    timed = jobs.work.options(timeout=5)
    assert engine.submit(timed, "x").result(10) == 1
import os
os._exit(0)  # the application's own spans hang as well
"""
    _run(tmp_path, program, COLLECTOR_HANGS="1")
