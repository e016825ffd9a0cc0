"""Jobs that submit jobs and wait for them, with real workers, processes and kills."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
from typer.testing import CliRunner

import postgres
from http_api.server import serving
from interlock import Engine, Event, JobHandle, JobStatus, Phase, Reason
from interlock.testing.inline import inline_engine
from interlock_adapters.cli.main import app
from interlock_adapters.http import create_app
from pace import THOROUGH, deadline

from . import child_jobs as jobs
from .processes import alive, start_worker, until

S, C = JobStatus.SUCCEEDED, JobStatus.CANCELED


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


def _notes(path: str) -> Counter[str]:
    return Counter(Path(path).read_text().splitlines())


def _children(engine: Engine, handle: JobHandle[object]) -> list[str]:
    return [job.id for job in engine.search(parent=handle.id, limit=1000).items]


def _waits(handle: JobHandle[object]) -> bool:
    return handle.job().reason is Reason.CHILDREN


def test_jobs_that_wait_for_jobs_need_no_slot(engine: Engine, path: str) -> None:
    """Two trees of three levels on one slot: whoever kept it would wait for ever."""
    trees = [engine.submit(jobs.tree, path, 3) for _ in range(2)]
    days = [["2026-01-01", "2026-01-02"], ["2026-01-02", "2026-01-03"]]
    with engine.worker(concurrency=1):
        for tree in trees:
            assert tree.result(deadline(60))[:2] == days
    assert _notes(path) == {"leaf 0": 2, "leaf 1": 4, "leaf 2": 4, "leaf 3": 2}
    ended = trees[0].job()
    assert (ended.attempt, ended.failures, ended.losses) == (2, 0, 0)
    assert [entry.reason for entry in engine.history(ended.id)][2] == "children"


def test_a_job_has_many_children(engine: Engine) -> None:
    many = 1200 if THOROUGH else 300
    with engine.worker(concurrency=4):
        handle = engine.submit(jobs.total, many)
        until(lambda: _waits(handle) or handle.job().is_terminal, deadline(60))
        assert handle.result(deadline(300)) == many * (many - 1)
    (info,) = engine.list_groups()
    assert (info.name, len(_children(engine, handle))) == ("numbers", min(many, 1000))


def test_a_child_that_fails_raises(engine: Engine) -> None:
    handle = engine.submit(jobs.minds)
    with engine.worker(concurrency=1):
        assert "failed (error): no" in handle.result(deadline(30))


def test_a_job_submits_once(engine: Engine) -> None:
    handle = engine.submit(jobs.submits_once)
    changed = engine.submit(jobs.submits_another)
    with engine.worker(concurrency=1):
        assert sorted(handle.result(deadline(30))) == sorted(_children(engine, handle))
        ended = changed.wait(deadline(30))
    assert (ended.reason, ended.attempt) == (Reason.STEP_MISMATCH, 2)
    assert len(_children(engine, changed)) == 1


def test_children_are_canceled_with_the_job(engine: Engine) -> None:
    waits, runs = engine.submit(jobs.waits), engine.submit(jobs.runs)
    with engine.worker(concurrency=4):
        until(lambda: _waits(waits), deadline(30))
        assert waits.job().phase is Phase.BLOCKED
        assert "1 job(s) that it waits for" in str(engine.explain(waits.id))
        until(lambda: _children(engine, runs) != [], deadline(30))
        for handle in (waits, runs):
            assert handle.cancel(wait=deadline(30)).status is C
        long, kept = _children(engine, waits)
        assert engine.wait(kept, deadline(30)).status is S
        for child in (long, *_children(engine, runs)):
            ended = engine.wait(child, deadline(30))
            assert ended.status is C
            assert "which submitted it, is canceled" in str(ended.cancel_reason)
            assert not alive(child)


def test_a_job_is_not_told_of_the_jobs_of_others(engine: Engine) -> None:
    group = engine.map(jobs.double, [1, 2])
    (other, _) = group.members()
    handle = engine.submit(jobs.spies, other, group.id)
    with engine.worker(concurrency=2):
        refused = handle.result(deadline(30))
    assert len(refused) == 4
    assert all("that this job has submitted" in why for why in refused)


def test_jobs_may_share_a_child(engine: Engine) -> None:
    handles = [engine.submit(jobs.shares) for _ in range(2)]
    with engine.worker(concurrency=2):
        assert [each.result(deadline(30)) for each in handles] == [[14, 14]] * 2
    assert len(engine.search(name="e2e.child_jobs.double").items) == 1


def test_threads_and_tasks(engine: Engine) -> None:
    thread, task = engine.submit(jobs.asks_from_a_thread), engine.submit(jobs.awaits)
    with engine.worker(concurrency=2):
        assert "main thread" in thread.result(deadline(30))
        assert task.result(deadline(30)) == 10


def test_a_job_does_not_wait_for_one_that_waits_for_it(engine: Engine) -> None:
    handle = engine.submit(jobs.circle)
    with engine.worker(concurrency=1):
        ended = handle.wait(deadline(30))
        assert ended.error is not None
        assert "none of the two could go on" in ended.error.message
        (child,) = _children(engine, handle)
        assert engine.wait(child, deadline(30)).reason is Reason.PARENT


def test_children_outlive_the_workers(url: str, path: str) -> None:
    """Workers are killed again and again: each job is submitted once, none is lost."""
    with Engine.open(url) as engine:
        handle = engine.submit(jobs.tree, path, 3)
        for _ in range(3):
            worker = start_worker(url, "e2e.child_jobs", "--lease", "2")
            before = engine.counts()[S]
            until(
                lambda: engine.counts()[S] > before or handle.job().is_terminal,  # noqa: B023  (at once)
                deadline(60),
            )
            worker.kill()
            worker.wait()
        worker = start_worker(url, "e2e.child_jobs", "--lease", "2")
        assert len(handle.result(deadline(120))) == 3
        worker.terminate()
        worker.wait(deadline(30))
        events = Counter(entry.event for entry in engine.history(handle.id))
        assert events[Event.SNOOZE] >= 1
        names = Counter(job.name for job in engine.search(limit=1000).items)
        assert names["e2e.child_jobs.pair"] == 3
        assert names["e2e.child_jobs.leaf"] == 6
        assert engine.verify() == []


def test_children_are_shown(engine: Engine) -> None:
    handle = engine.submit(jobs.waits)
    with serving(create_app(engine)) as server, engine.worker(concurrency=2):
        until(lambda: _waits(handle), deadline(30))
        url = f"{server}/v1/jobs/{handle.id}/children"
        first = httpx.get(url, params={"limit": 1}).json()
        rest = httpx.get(url, params={"cursor": first["next_cursor"]}).json()
        ids = _children(engine, handle)
        assert [each["id"] for each in (*first["items"], *rest["items"])] == ids
        assert httpx.get(f"{server}/v1/jobs/none/children").status_code == 404
        page = httpx.get(f"{server}/jobs/{handle.id}").text
        assert "goes on if this job is canceled" in page
        for child in ids:
            assert f"/jobs/{child}" in page
        where = ["list", "--parent", handle.id, "--json", "--server", server]
        shown = CliRunner().invoke(app, where).stdout.splitlines()
        assert [json.loads(line)["id"] for line in shown] == ids
        handle.cancel()


def test_the_inline_engine_runs_children(path: str) -> None:
    with inline_engine() as engine:
        assert engine.submit(jobs.tree, path, 2).result(0)[0][0] == "2026-01-01"
        assert engine.submit(jobs.total, 10).result(0) == 90
        assert "no" in engine.submit(jobs.minds).result(0)
        once = engine.submit(jobs.submits_once)
        engine.drain(scheduled=True)
        assert sorted(once.result(0)) == sorted(_children(engine, once))
