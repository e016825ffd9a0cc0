"""What operators look at: `interlock top`, `forecast`, a log that machines can read."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from interlock import Engine
from pace import deadline

from . import sample_jobs as jobs
from .processes import until

PROGRAM = (sys.executable, "-m", "interlock_adapters.cli.main")


def _top(url: str) -> str:
    done = subprocess.run(
        [*PROGRAM, "top", "--once", "--database", url],
        capture_output=True,
        text=True,
        check=True,
        env={**os.environ, "COLUMNS": "160"},
    )
    return done.stdout


def test_top_shows_states_queues_workers_and_what_runs(
    engine: Engine, tmp_path: Path
) -> None:
    url = f"sqlite:///{tmp_path}/jobs.db"
    engine.submit(jobs.add.options(queue="slow"), 1)
    engine.pause("slow")
    with engine.worker(concurrency=3):
        handle = engine.submit(jobs.journal, str(tmp_path / "j"), 60)
        until(lambda: engine.attempts(handle.id))
        screen = _top(url)
        (worker,) = engine.workers()
        engine.cancel(handle.id, wait=deadline(20))
    assert "PENDING 1" in screen
    assert "RUNNING 1" in screen
    assert "paused" in screen
    assert worker.id in screen
    assert handle.id in screen


def test_a_forecast_knows_the_jobs_and_places_of_a_worker(
    engine: Engine, tmp_path: Path
) -> None:
    command = [*PROGRAM, "forecast", "--json", "--if", "concurrency=5"]
    with engine.worker(concurrency=3):
        engine.submit(jobs.add, 1).result(timeout=deadline(20))
        running = engine.submit(jobs.journal, str(tmp_path / "j"), 60)
        until(lambda: engine.attempts(running.id))
        engine.pause("slow")
        engine.submit(jobs.add.options(queue="slow"), 1)
        before = engine.history(running.id)
        told = subprocess.run(
            [*command, "--database", f"sqlite:///{tmp_path}/jobs.db"],
            capture_output=True,
            text=True,
            check=True,
            cwd=tmp_path,
        )
        assert engine.history(running.id) == before
        engine.cancel(running.id, wait=deadline(20))
    found = json.loads(told.stdout)
    assert (found["workers"], found["places"], told.stderr) == (1, 5, "")
    names = {each["name"]: each for each in found["names"]}
    assert (names["t.add"]["is_guess"], names["t.add"]["never"]) == (False, 1)
    assert (names["t.journal"]["is_guess"], names["t.journal"]["running"]) == (True, 1)
    assert [each["cause"] for each in found["never"]] == ["paused:slow"]


def test_a_log_in_json_names_job_attempt_and_event(
    engine: Engine, tmp_path: Path
) -> None:
    options = ["--database", f"sqlite:///{tmp_path}/jobs.db", "--log-format", "json"]
    with (tmp_path / "log").open("w") as log:
        worker = subprocess.Popen(
            [*PROGRAM, "worker", "e2e.sample_jobs", *options],
            cwd=Path(__file__).parents[1],
            stderr=log,
        )
    handle = engine.submit(jobs.add, 1)
    handle.wait(deadline(20))
    worker.send_signal(signal.SIGTERM)
    assert worker.wait(deadline(20)) == 0
    lines = (tmp_path / "log").read_text().splitlines()
    records = [json.loads(line) for line in lines if line.startswith("{")]
    (ended,) = (record for record in records if "job_id" in record)
    assert (ended["job_id"], ended["attempt"], ended["event"]) == (
        handle.id,
        1,
        "succeed",
    )
    assert {"at", "level", "logger", "message"} <= ended.keys()


@pytest.mark.parametrize("is_terminal", ["0", "1"])
def test_top_ends_when_nobody_reads_it_any_more(
    engine: Engine, tmp_path: Path, is_terminal: str
) -> None:
    del engine
    url = f"sqlite:///{tmp_path}/jobs.db"
    top = subprocess.Popen(
        [*PROGRAM, "top", "--every", "0.1", "--database", url],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        env={**os.environ, "TTY_COMPATIBLE": is_terminal},
    )
    assert top.stdout is not None
    assert top.stdout.read(1)
    top.stdout.close()
    assert top.wait(deadline(20)) in {0, 1}
    assert top.stderr is not None
    with top.stderr as errors:
        assert errors.read() == b""
