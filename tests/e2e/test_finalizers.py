"""What cleans up after jobs, with real workers, processes and kills."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

import postgres
from interlock import Engine, InvalidOption, JobStatus, job
from interlock.testing.inline import inline_engine
from pace import deadline

from . import finalized_jobs as jobs
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


def _notes(path: str) -> list[str]:
    file = Path(path)
    return file.read_text().splitlines() if file.exists() else []


def _have_ended(engine: Engine) -> Callable[[], bool]:
    return lambda: all(job.is_terminal for job in engine.search(limit=100).items)


@pytest.mark.parametrize(
    ("how", "notes"),
    [
        ("return", ["work 1", "clean 1 succeed"]),
        ("fail", ["work 1", "clean 1 retry", "work 2", "clean 2 fail"]),
        ("kill", ["work 1", "clean 1 fail"]),
        ("sleep", ["work 1", "work 2", "clean 2 succeed"]),
    ],
)
def test_each_attempt_is_cleaned_up(
    engine: Engine, path: str, how: str, notes: list[str]
) -> None:
    engine.submit(jobs.work, path, how)
    with engine.worker(concurrency=3):
        until(_have_ended(engine), deadline(30))
    assert _notes(path) == notes


def test_it_runs_when_a_canceled_job_is_dead(engine: Engine, path: str) -> None:
    handle = engine.submit(jobs.work.options(grace=0.2), path, "stubborn")
    with engine.worker(concurrency=3):
        until(lambda: "ready" in _notes(path), deadline(30))
        assert handle.cancel(wait=deadline(30)).status is C
        assert alive(handle.id) == []
        until(_have_ended(engine), deadline(30))
    assert _notes(path) == ["work 1", "ready", "clean 1 finish_cancel"]
    told = json.loads(Path(f"{path}.told").read_text())
    assert told["death"]["signals"] == ["SIGTERM", "SIGKILL"]
    assert told["death"]["killed"] == 2


def test_it_runs_after_its_worker_was_killed(url: str, path: str) -> None:
    """Whatever kills it: here the worker, and all that it has started."""
    with Engine.open(url) as engine:
        handle = engine.submit(jobs.works_long, path)
        worker = start_worker(url, "e2e.finalized_jobs", "--lease", "2")
        until(lambda: _notes(path) == ["work 1"], deadline(60))
        worker.kill()
        worker.wait()
        worker = start_worker(url, "e2e.finalized_jobs", "--lease", "2")
        until(_have_ended(engine), deadline(60))
        worker.terminate()
        worker.wait(deadline(30))
        expected = ["work 1", "clean 1 rescue", "work 2", "clean 2 succeed"]
        assert _notes(path) == expected
        assert handle.job().status is S
        assert engine.verify() == []


def test_a_finalizer_has_retries_of_its_own(engine: Engine, path: str) -> None:
    handle = engine.submit(jobs.work_once, path)
    with engine.worker(concurrency=1):
        assert handle.wait(deadline(30)).status is S
        until(_have_ended(engine), deadline(30))
    assert _notes(path) == ["work", "try 1", "try 2", "try 3"]
    (cleaner,) = engine.search(parent=handle.id).items
    assert (cleaner.name, cleaner.finalizes) == ("e2e.finalized_jobs.clean_at_last", 1)
    again = engine.rerun(cleaner.id)
    with engine.worker(concurrency=1):
        assert again.wait(deadline(30)).status is S


def test_a_process_that_does_not_import_the_job_submits_both(
    engine: Engine, url: str, path: str
) -> None:
    worker = start_worker(url, "e2e.published_finalized", "--lease", "2")
    name = "e2e.published_finalized.elsewhere"
    until(
        lambda: any(name in (w.jobs or {}) for w in engine._store.workers()),
        deadline(60),
    )
    engine.submit(name, {"path": path})
    until(lambda: len(engine.search(limit=10).items) == 2, deadline(30))
    until(_have_ended(engine), deadline(30))
    worker.terminate()
    worker.wait(deadline(30))
    assert _notes(path) == ["elsewhere", "cleaned elsewhere"]


def test_the_inline_engine_cleans_up(path: str) -> None:
    with inline_engine() as engine:
        engine.submit(jobs.work, path, "fail")
        engine.drain(scheduled=True)
    assert _notes(path) == ["work 1", "clean 1 retry", "work 2", "clean 2 fail"]


def needs_more(path: str, size: int) -> None:
    """Need a parameter that the job does not have."""


def shows(secret: str) -> None:
    """Do nothing with a secret."""


def test_what_a_finalizer_cannot_be_is_refused() -> None:
    def plain(path: str) -> None:
        """Do nothing."""

    plain.__qualname__ = "plain"
    with pytest.raises(InvalidOption, match="the job has no 'size'"):
        job(name="t.plain", finalizer=needs_more)(plain)
    with pytest.raises(InvalidOption, match="a function"):
        job(name="t.plain", finalizer="clean")(plain)  # type: ignore[call-overload]  # what is refused
    told = job(name="t.shows")(shows)

    def hides(secret: str) -> None:
        """Do nothing."""

    hides.__qualname__ = "hides"
    with pytest.raises(InvalidOption, match="keeps 'secret' secret too"):
        job(name="t.hides", secret=["secret"], finalizer=told)(hides)
