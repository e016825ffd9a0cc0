"""Durable steps, sleeps and signals, with real workers, processes and kills."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import httpx
import pytest
from typer.testing import CliRunner

import postgres
from http_api.server import serving
from interlock import (
    Engine,
    Event,
    IllegalTransition,
    InvalidOption,
    InvalidToken,
    Job,
    JobHandle,
    JobStatus,
    Phase,
    Reason,
    StoreUnavailable,
)
from interlock.api.job_requests import JobRequests
from interlock.jobs import signal_tokens
from interlock.testing.inline import inline_engine
from interlock_adapters.cli.main import app
from interlock_adapters.http import create_app
from interlock_adapters.http.client import Client
from interlock_adapters.http.settings import Settings, Token
from pace import deadline

from . import sample_jobs
from . import step_jobs as jobs
from .processes import start_worker, until

S, F = JobStatus.SUCCEEDED, JobStatus.FAILED


@pytest.fixture(params=["sqlite", "postgresql"])
def url(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    if request.param == "sqlite":
        yield f"sqlite:///{tmp_path}/jobs.db"
        return
    with postgres.database() as made:
        yield made


@pytest.fixture
def engine(url: str) -> Iterator[Engine]:
    with Engine.open(url) as opened:
        yield opened
        assert opened.verify() == []


@pytest.fixture
def path(tmp_path: Path) -> str:
    return str(tmp_path / "notes")


def _notes(path: str) -> list[str]:
    return Path(path).read_text().splitlines()


def _waits(handle: JobHandle[object]) -> bool:
    return handle.job().phase is Phase.WAITING


def test_a_step_is_not_done_again_after_a_failure(engine: Engine, path: str) -> None:
    handle = engine.submit(jobs.fail_between, path)
    with engine.worker(concurrency=1):
        assert handle.result(deadline(30)) == "7 ['a', 'b']"
    assert _notes(path) == ["order", "ship"]
    assert [(step.name, step.attempt) for step in engine.steps(handle.id)] == [
        ("order", 1),
        ("ship", 2),
    ]


def test_a_step_is_not_done_again_after_a_kill(url: str, path: str) -> None:
    """A worker is killed after each step, with all that it has started."""
    with Engine.open(url) as engine:
        handle = engine.submit(jobs.killed_between, path, 3)
        for many in range(1, 4):
            worker = start_worker(url, "e2e.step_jobs", "--lease", "2")
            until(lambda: len(engine.steps(handle.id)) == many, deadline(60))  # noqa: B023  (at once)
            worker.kill()
            worker.wait()
        worker = start_worker(url, "e2e.step_jobs", "--lease", "2")
        expected = [f"item {number}" for number in range(3)]
        assert handle.result(deadline(60)) == expected
        worker.terminate()
        worker.wait(deadline(30))
        assert _notes(path) == expected
        assert (handle.job().attempt, handle.job().losses) == (4, 3)
        assert engine.verify() == []


def test_steps_in_threads_and_of_async_functions(engine: Engine, path: str) -> None:
    threads = engine.submit(jobs.in_threads, path)
    awaited = engine.submit(jobs.awaited, path)
    with engine.worker(concurrency=1):
        assert threads.result(deadline(30)) == list("abcd")
        assert awaited.result(deadline(30)) == "first"
    assert sorted(_notes(path)) == [*"abcd", "first"]


def test_a_job_that_does_other_steps_fails_for_good(engine: Engine, path: str) -> None:
    changed = engine.submit(jobs.changed, path)
    no_json = engine.submit(jobs.no_json, path)
    with engine.worker(concurrency=2):
        ended = changed.wait(deadline(30))
        assert (ended.reason, ended.attempt) == (Reason.STEP_MISMATCH, 2)
        assert ended.error is not None
        assert "same order" in ended.error.message
        ended = no_json.wait(deadline(30))
        assert (ended.reason, ended.attempt) == (Reason.BAD_RESULT, 1)
    assert _notes(path) == ["attempt 1"]


def test_a_sleep_gives_the_slot_back_and_spends_nothing(
    engine: Engine, path: str
) -> None:
    handle = engine.submit(jobs.sleep, path, 1.0)
    other = engine.submit(jobs.save, 3)
    with engine.worker(concurrency=1):
        until(lambda: handle.job().phase is Phase.SNOOZED, deadline(30))
        assert "Sleeping" in engine.explain(handle.id)
        assert other.result(deadline(30)) == 3  # in the only slot, meanwhile
        ended = handle.wait(deadline(30))
    assert (ended.status, ended.attempt, ended.failures) == (S, 2, 0)
    first, cleaned, second, again = _notes(path)
    assert float(second) - float(first) >= 1.0
    assert cleaned == again == "cleaned"


def test_what_leaves_a_job_may_be_wrapped_but_not_swallowed(engine: Engine) -> None:
    wrapped, swallowed = engine.submit(jobs.wrapped), engine.submit(jobs.swallow)
    thread = engine.submit(jobs.in_thread)
    with engine.worker(concurrency=2):
        assert wrapped.result(deadline(30)) == "awake"
        ended = swallowed.wait(deadline(30))
        assert (ended.status, ended.reason) == (F, Reason.BAD_RESULT)
        assert "main thread" in thread.result(deadline(30))


def test_a_signal_lets_a_job_go_on(engine: Engine, path: str) -> None:
    handle = engine.submit(jobs.approve, path)
    second = engine.submit(jobs.approve, path)
    with engine.worker(concurrency=1):
        until(lambda: _waits(handle) and _waits(second), deadline(30))
        assert "interlock signal" in engine.explain(handle.id)
        engine.signal(handle.id, "approved", {"who": "anna"}, by="anna")
        assert handle.result(deadline(30)) == {"who": "anna"}
        assert _waits(second)
        engine.cancel(second.id)
    assert _notes(path) == ["asked", "asked", "shipped"]
    events = [entry.event for entry in engine.history(handle.id)]
    assert events[-3:] == [Event.WAKE, Event.CLAIM, Event.SUCCEED]
    with pytest.raises(IllegalTransition):
        engine.signal(handle.id, "approved")


def test_signals_that_come_early_wait_and_keep_their_order(engine: Engine) -> None:
    handle = engine.submit(jobs.two_signals)
    for payload in (1, 2):
        engine.signal(handle.id, "go", payload)
    with engine.worker(concurrency=1):
        until(lambda: _waits(handle), deadline(30))
        engine.signal(handle.id, "go", 3)
        engine.signal(handle.id, "stop", None)
        assert handle.result(deadline(30)) == [1, 2, None]
    assert [each.read_by for each in engine.signals(handle.id)] == [1, 1, None, 2]
    with pytest.raises(InvalidOption):
        engine.signal(handle.id, "", 1)


def test_a_wait_may_be_over_before_its_signal(engine: Engine, path: str) -> None:
    handle = engine.submit(jobs.approve, path, timeout=0.3)
    with engine.worker(concurrency=1):
        assert handle.result(deadline(30)) == "too late"
    assert _notes(path) == ["asked", "too late"]


def test_a_signal_over_http_and_by_command(engine: Engine, path: str) -> None:
    first, second = (engine.submit(jobs.approve, path) for _ in range(2))
    with serving(create_app(engine)) as server, engine.worker(concurrency=2):
        until(lambda: _waits(first) and _waits(second), deadline(30))
        with Client(server) as client:
            client.signal(first.id, "approved", [1], by="bo")
            assert client.result(first.id, deadline(30)) == [1]
            assert client.steps(first.id) == engine.steps(first.id)
            assert client.signals(first.id) == engine.signals(first.id)
            with pytest.raises(IllegalTransition):
                client.signal(first.id, "approved")
        where = ["--server", server]
        arguments = ["signal", second.id, "approved", "--payload", '{"ok": true}']
        done = CliRunner().invoke(app, [*arguments, *where])
        assert done.exit_code == 0, done.output
        assert second.result(deadline(30)) == {"ok": True}
        shown = CliRunner().invoke(app, ["steps", second.id, "--json", *where]).stdout
        names = [json.loads(line)["name"] for line in shown.splitlines()]
        assert names == ["ask", "approved", "approved", "ship"]


def test_a_token_sends_one_signal(engine: Engine, path: str) -> None:
    handle = engine.submit(jobs.asks_by_mail, path)
    settings = Settings(tokens=(Token(name="ops", secret="s" * 32, may_write=True),))
    app_ = create_app(engine, settings=settings)
    with serving(app_) as server, engine.worker(concurrency=1):
        until(lambda: _waits(handle), deadline(30))
        (token,) = _notes(path)
        url = f"{server}/v1/signals/{token}"
        other = signal_tokens.parsed(token)
        assert other is not None
        forged = other._replace(secret="guess").text()
        assert httpx.post(f"{server}/v1/signals/{forged}", json={}).status_code == 404
        assert httpx.post(f"{server}/v1/signals/no.token", json={}).status_code == 404
        assert httpx.get(url).status_code == 401
        assert httpx.post(f"{server}/v1/jobs/{handle.id}/cancel").status_code == 401
        with ThreadPoolExecutor(4) as pool:
            posts = [
                pool.submit(httpx.post, url, json={"payload": n}) for n in range(4)
            ]
            codes = [post.result().status_code for post in posts]
        assert sorted(codes) == [204, 404, 404, 404]
        assert handle.result(deadline(30)) == codes.index(204)
        with Client(server) as client, pytest.raises(InvalidToken):
            client.use_token(token)
    with pytest.raises(InvalidToken):
        engine.use_token("no token")
    assert [step.value for step in engine.steps(handle.id) if step.kind == "token"] == [
        None
    ]
    (signal,) = engine.signals(handle.id)
    assert signal.by.startswith("token:")
    assert token not in str(engine.history(handle.id))
    ended = engine.submit(jobs.asks_by_mail, path)
    ended.cancel()
    unused = other._replace(job_id="none").text()
    with pytest.raises(InvalidToken):
        engine.use_token(unused)


def test_the_inline_engine_travels_through_sleeps_and_signals(path: str) -> None:
    with inline_engine() as engine:
        handle = engine.submit(jobs.sleep, path, 3600.0)
        assert handle.job().phase is Phase.SNOOZED
        engine.travel(3599)
        assert handle.job().status is JobStatus.PENDING
        engine.travel(2)
        assert handle.job().status is S
        asked = engine.submit(jobs.approve, path, timeout=60.0)
        assert _waits(asked)
        engine.signal(asked.id, "approved", 1)
        engine.drain()
        assert asked.result(0) == 1
        late = engine.submit(jobs.approve, path, timeout=60.0)
        engine.travel(61)
        assert late.result(0) == "too late"


def test_a_worker_that_waits_for_signals_is_idle(engine: Engine) -> None:
    handles = [engine.submit(jobs.two_signals) for _ in range(20)]
    with engine.worker(concurrency=2):
        until(lambda: all(map(_waits, handles)), deadline(60))
        began = time.process_time()
        time.sleep(2)
        assert time.process_time() - began < 1.0
        for handle in handles:
            engine.cancel(handle.id)


def _deaf(patch: pytest.MonkeyPatch, times: float) -> list[str]:
    """Let the store not answer so many requests to keep a step; return those asked."""
    asked: list[str] = []
    real = JobRequests.answer

    def answer(self: JobRequests, job: Job, request: Any) -> dict[str, object]:
        if request["do"] == "keep":
            asked.append(str(request["name"]))
            if len(asked) <= times:
                raise StoreUnavailable("nobody answers")
        return real(self, job, request)

    patch.setattr(JobRequests, "answer", answer)
    return asked


def test_a_step_waits_for_a_store_that_does_not_answer(
    engine: Engine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = _deaf(monkeypatch, times=2)
    with engine.worker(concurrency=2):
        handle = engine.submit(jobs.in_threads, str(tmp_path / "notes"))
        assert handle.result(deadline(30)) == ["a", "b", "c", "d"]
    assert len(asked) == 6
    assert sorted((tmp_path / "notes").read_text().split()) == ["a", "b", "c", "d"]


def test_a_request_that_never_gets_through_fails_the_job_and_no_neighbor(
    engine: Engine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    _deaf(monkeypatch, times=float("inf"))
    with engine.worker(concurrency=2, lease=3):
        failed = engine.submit(jobs.in_threads, str(tmp_path / "notes"))
        quiet = engine.submit(sample_jobs.add, 1)
        assert quiet.result(deadline(30)) == 2
        job = failed.wait(deadline(60))
    assert (job.status, job.reason, job.losses) == (F, Reason.ERROR, 0)
    assert job.error is not None
    assert (job.error.type, job.error.message) == (
        "interlock.StoreUnavailable",
        "nobody answers",
    )
