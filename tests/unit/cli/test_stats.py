"""`interlock stats` counts as one does by hand."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from contextlib import closing
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from freezegun import freeze_time
from typer.testing import CliRunner

import interlock.jobs.codecs  # noqa: F401  (takes the real datetime before it is frozen)
from interlock import JobStatus
from interlock.core.lifecycle import Event, Proof, Reason
from interlock.ports import discovery
from interlock.testing.clock import ManualClock
from interlock.testing.scenario import Scenario
from interlock_adapters.cli.main import app

Run = Callable[..., str]


@pytest.fixture
def scene(tmp_path: Path) -> Iterator[Scenario]:
    clock = ManualClock()
    with closing(discovery.open_store(f"sqlite:///{tmp_path}/jobs.db", clock)) as store:
        yield Scenario(store, clock)


@pytest.fixture
def run(scene: Scenario, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Run:
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("INTERLOCK_MODULES", raising=False)

    def call(*words: str, code: int = 0) -> str:
        where = ("--database", f"sqlite:///{tmp_path}/jobs.db")
        with freeze_time(scene.clock.now()):
            done = CliRunner().invoke(app, ["stats", *words, *where])
        assert done.exit_code == code, (done.output, done.exception)
        return done.stderr if code else done.stdout

    return call


def _took(scene: Scenario, seconds: float, event: Event = Event.SUCCEED) -> None:
    job = scene.running(name="f")
    scene.clock.advance(seconds)
    reason = Reason.ERROR if event is Event.FAIL else None
    scene.apply(job, event, proof=Proof.CGROUP, reason=reason)


def test_a_sheet_has_what_waits_runs_and_has_ended(scene: Scenario, run: Run) -> None:
    _took(scene, 1)
    scene.clock.advance(1800)
    for seconds in (1, 2, 3):
        _took(scene, seconds)
    _took(scene, 9, Event.FAIL)
    canceled = scene.add(name="g")
    scene.apply(canceled, Event.CANCEL)
    scene.running(name="h")
    scene.add(name="h")
    scene.add(name="h", run_at=scene.clock.now() + timedelta(hours=1))
    scene.clock.advance(20)
    found: dict[str, Any] = json.loads(run("--since", "2m", "--json"))
    jobs = {"PENDING": 2, "RUNNING": 1, "SUCCEEDED": 4, "FAILED": 1, "CANCELED": 1}
    nothing: dict[str, int] = dict.fromkeys(JobStatus, 0)
    assert found["jobs"] == {**nothing, **jobs}
    queued = ("ready", "scheduled", "retrying", "running", "oldest_ready_wait_s")
    assert [found[name] for name in queued] == [1, 1, 0, 1, 20.0]
    assert found["ended"] == {"SUCCEEDED": 3, "FAILED": 1, "CANCELED": 1, "TIMEOUT": 0}
    assert (found["failed_share"], found["is_whole"]) == (0.2, True)
    f, g, h = found["names"]
    assert f == {
        "name": "f",
        "running": 0,
        "ended": 4,
        "ended_per_hour": 120.0,
        "failed": 1,
        "p50_s": 2.0,
        "p95_s": 9.0,
    }
    assert (g["ended"], g["p50_s"], h["running"], h["ended"]) == (1, None, 1, 0)
    assert json.loads(run("--json"))["names"][0]["ended"] == 5  # the last hour


def test_a_pipe_gets_the_sheet_with_tabs(scene: Scenario, run: Run) -> None:
    _took(scene, 2)
    facts = dict(line.split("\t")[:2] for line in run().splitlines())
    assert facts["jobs"] == "1 SUCCEEDED"
    assert facts["failed"] == "0.0% of those that ended"
    assert run().splitlines()[-2:] == [
        "name\trunning\tended\tended/h\tfailed\tp50\tp95",
        "f\t0\t1\t1\t0\t2.0 s\t2.0 s",
    ]


def test_an_empty_database_has_a_sheet_too(run: Run) -> None:
    assert "jobs\tnone" in run("--since", "2020-01-01T00:00Z")
    assert "a duration, such as 10m" in " ".join(run("--since", "1 h", code=2).split())
