"""One trace, from the application through the worker into the processes of its jobs."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from e2e.processes import until
from http_api.program import environment, served
from interlock import Engine, JobStatus

Told = dict[str, Any]


class Spans:
    """What every process has told."""

    def __init__(self, file: Path) -> None:
        spans: list[Told] = list(map(json.loads, file.read_text().splitlines()))
        self._all = {span["context"]["span_id"]: span for span in spans}

    def below(self, top: Told, name: str) -> list[Told]:
        """Return the spans of a name below another, in the order of their starts."""
        spans = [
            span
            for span in self._all.values()
            if span["name"] == name and top in self._above(span)
        ]
        return sorted(spans, key=lambda span: str(span["start_time"]))

    def _above(self, span: Told) -> Iterator[Told]:
        while (above := self._all.get(span["parent_id"])) is not None:
            yield above
            span = above

    def order(self) -> Told:
        (order,) = (span for span in self._all.values() if span["name"] == "order")
        return order


@pytest.fixture(scope="module", params=["in process", "over HTTP"])
def spans(
    tmp_path_factory: pytest.TempPathFactory, request: pytest.FixtureRequest
) -> Spans:
    """Run a shop and, in another process, what runs its jobs."""
    tmp_path = tmp_path_factory.mktemp("shop")
    file = tmp_path / "spans"
    database = f"sqlite:///{tmp_path}/jobs.db"
    own = {"module": "tracing.traced_jobs", "SPANS": str(file)}
    with (
        Engine.open(database) as engine,
        served(tmp_path, "--with-worker", **own) as (server, _),
    ):
        url = server if request.param == "over HTTP" else database
        shop = [sys.executable, "-m", "tracing.shop", url]
        subprocess.run(shop, env=environment(SPANS=str(file)), check=True)
        until(lambda: engine.counts()[JobStatus.SUCCEEDED] == 4)
    assert "s3cret" not in file.read_text()
    return Spans(file)


def test_spans_of_all_processes_are_one_tree(spans: Spans) -> None:
    order = spans.order()
    submit = spans.below(order, "submit traced.work")[0]
    (run,) = spans.below(submit, "run traced.work")
    (cut,) = spans.below(run, "cut")
    pids = [s["resource"]["attributes"]["pid"] for s in (order, submit, run, cut)]
    assert len(set(pids)) == 3  # the shop, the worker, the job
    assert run["kind"] == "SpanKind.CONSUMER"
    assert len(spans.below(order, "cut")) == 3


def test_each_attempt_has_a_span_with_its_outcome(spans: Spans) -> None:
    (submit,) = spans.below(spans.order(), "submit traced.flaky")
    first, second = spans.below(submit, "run traced.flaky")
    assert first["status"] == {"status_code": "ERROR", "description": "error"}
    assert first["attributes"]["error.type"] == "interlock.TransientError"
    assert second["status"]["status_code"] == "UNSET"
    events = [span["attributes"]["interlock.event"] for span in (first, second)]
    assert events == ["retry", "succeed"]


def test_a_killed_attempt_has_a_span_all_the_same(spans: Spans) -> None:
    (submit,) = spans.below(spans.order(), "submit traced.sleep")
    (run,) = spans.below(submit, "run traced.sleep")
    assert run["attributes"]["interlock.event"] == "time_out"
    assert run["status"]["status_code"] == "ERROR"
