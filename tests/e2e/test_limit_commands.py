"""Limits and holds, set by commands."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from http_api.server import serving
from interlock import Engine, JobStatus
from interlock_adapters.cli.main import app
from interlock_adapters.http import create_app
from pace import deadline

from . import sample_jobs as jobs
from .processes import until

Run = Callable[..., Any]


@pytest.fixture(params=["database", "server"])
def run(
    request: pytest.FixtureRequest,
    engine: Engine,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> Any:
    """Run a command on the database, or on a server of it; return its output."""
    monkeypatch.setenv("INTERLOCK_MODULES", "e2e.sample_jobs")

    def call(*arguments: str, code: int = 0) -> Any:
        done = CliRunner().invoke(app, [*arguments, *where])
        assert done.exit_code == code, (done.output, done.exception)
        if code:
            return done.stderr
        if "--json" in arguments:
            return [json.loads(line) for line in done.stdout.splitlines()]
        return done.stdout

    if request.param == "database":
        where = ["--database", f"sqlite:///{tmp_path}/jobs.db"]
        yield call
    else:
        with serving(create_app(engine)) as url:
            where = ["--server", url]
            yield call


def test_limits_are_set_listed_and_deleted(run: Run, engine: Engine) -> None:
    some = ("--max-running", "3", "--rate-limit", "100/m", "--by", "anna")
    run("limits", "set", "api:{customer}", *some)
    run("limits", "set", "queue:mail", "--max-running", "1")
    shown = run("limits", "list", "--json")
    assert [limit["key"] for limit in shown] == ["api:{customer}", "queue:mail"]
    (limit,) = shown[:1]
    assert (limit["max_running"], limit["rate_limit"]) == (3, "100/m")
    assert (limit["set_by"], limit["running"]) == ("anna", 0)
    assert "queue:mail" in run("limits", "list")
    assert run("limits", "delete", "api:{customer}").strip() == "deleted"
    assert run("limits", "delete", "api:{customer}", "--json") == [{"deleted": False}]
    assert "Nobody has set it." in run("limits", "delete", "api:{customer}")
    assert "rate_limit" in run("limits", "set", "k", "--rate-limit", "fast", code=2)
    run("limits", "set", "k", "--max-running", "0", code=2)
    assert [limit.key for limit in engine.limits.list()] == ["queue:mail"]


def test_jobs_and_queues_are_held_and_released(run: Run, engine: Engine) -> None:
    job_id = engine.submit(jobs.add, 1).id
    why = ("--reason", "the disk is full", "--by", "anna")
    run("hold", f"job:{job_id}", *why, "--until", "2100-01-01T00:00Z")
    run("hold", "queue:mail")
    job, queue = run("holds", "--json")
    assert (job["target"], job["by"]) == (f"job:{job_id}", "anna")
    assert (job["reason"], queue["target"]) == ("the disk is full", "queue:mail")
    assert engine.get(job_id).hold_until == datetime(2100, 1, 1, tzinfo=UTC)
    cells = [line.split("\t")[0] for line in run("holds").splitlines()[1:]]
    assert "".join(cells) == f"job:{job_id}queue:mail"  # to be copied: nothing is cut
    sheet = " ".join(run("show", job_id).split())
    assert "hold_reason the disk is full" in sheet
    assert f"interlock release-hold job:{job_id}" in sheet
    assert "hold" in run("history", job_id)
    assert "is held already" in run("hold", "queue:mail", code=2)
    run("hold", f"job:{job_id}", code=4)
    run("hold", "job:beef", code=3)
    assert "job:ID" in run("hold", "mail", code=2)
    for unclear in ("2100-01-01T00:00", "2100-01-01", "tomorrow"):
        assert "time zone" in run("hold", "name:t.add", "--until", unclear, code=2)
    run("release-hold", f"job:{job_id}", "--by", "bert")
    run("release-hold", "queue:mail")
    assert run("holds", "--json") == []
    assert engine.history(job_id)[-1].actor == "bert"
    run("release-hold", "queue:mail", code=2)
    run("release-hold", f"job:{job_id}", code=4)


def test_a_secret_in_a_reason_is_hidden(run: Run, engine: Engine) -> None:
    job_id = engine.submit("t.secret", {"password": "hunter2x"}).id
    run("hold", f"job:{job_id}", "--reason", "hunter2x leaked")
    (hold,) = run("holds", "--json")
    assert hold["reason"] == "*** leaked"
    assert "hunter2x" not in run("show", job_id) + run("history", job_id)


def test_a_submit_says_what_to_do_while_a_limit_is_full(
    run: Run, engine: Engine, tmp_path: Path
) -> None:
    engine.limits.set("name:t.journal", max_running=1)
    call = ("submit", "t.journal", f"path={tmp_path}/j", "seconds=60", "--when-full")
    with engine.worker(concurrency=2):
        running = engine.submit(jobs.journal, str(tmp_path / "j"), 60)
        until(lambda: engine.attempts(running.id))
        told = " ".join(run(*call, "raise", code=2).split())
        assert f"'name:t.journal' is full: 1 of 1 ({running.id})" in told
        dropped = engine.wait(run(*call, "cancel_new").strip(), deadline(20))
        assert (dropped.status, dropped.reason) == (JobStatus.CANCELED, "full")
        (event,) = run("history", dropped.id, "--json")[1:]
        assert (event["event"], event["actor"]) == ("drop", "limit")
        running.cancel(wait=deadline(20))
    assert "when_full" in run(*call, "never", code=2)
