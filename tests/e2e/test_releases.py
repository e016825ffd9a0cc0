"""Two releases of a program run side by side: no job fails because of that."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pytest

import postgres
from interlock import Engine, Job, JobStatus
from pace import deadline, some

from .processes import until

OLD = "def resize(width: int) -> str:\n    return f'old {width}'\n"
NEW = (
    "def resize(width: int, height: int) -> str:\n    return f'new {width}x{height}'\n"
)
ADDED = "@job(name='r.crop')\ndef crop() -> str:\n    return 'new'\n"
HEAD = "from interlock import job\n\n\n@job(name='r.resize')\n"
OF_OLD, OF_NEW = {"width": 1}, {"width": 1, "height": 2}


@pytest.fixture(params=["sqlite", "postgresql"])
def url(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    if request.param == "sqlite":
        yield f"sqlite:///{tmp_path}/jobs.db"
        return
    with postgres.database() as made:
        yield made


@pytest.fixture
def releases(tmp_path: Path) -> dict[str, Path]:
    """Return the folders of two releases of one module."""
    texts = {"old": HEAD + OLD, "new": f"{HEAD}{NEW}\n\n{ADDED}"}
    for name, text in texts.items():
        (tmp_path / name).mkdir()
        (tmp_path / name / "release_jobs.py").write_text(text)
    return {name: tmp_path / name for name in texts}


@contextmanager
def worker(folder: Path, url: str) -> Iterator[Path]:
    """Run a worker of a release; yield the file with what it says."""
    log = folder / "worker.log"
    program = [sys.executable, "-m", "interlock_adapters.cli.main", "worker"]
    with log.open("ab") as file:
        process = subprocess.Popen(
            [*program, "release_jobs", "--database", url, "--concurrency", "2"],
            cwd=folder,
            env={**os.environ, "PYTHONPATH": os.pathsep.join([str(folder), *sys.path])},
            stderr=file,
        )
        try:
            yield log
        finally:
            process.terminate()
            assert process.wait(deadline(60)) == 0, log.read_text()


def _insert(engine: Engine, params: dict[str, int], many: int) -> list[str]:
    """Submit jobs as a client of that release does: by name."""
    calls = [("r.resize", params)] * many
    return [handle.id for handle in engine.submit_many(calls)]


def _ended(engine: Engine, ids: list[str]) -> list[Job]:
    return [engine.wait(job_id, timeout=deadline(60)) for job_id in ids]


@pytest.mark.parametrize(("first", "second"), some([("old", "new"), ("new", "old")]))
def test_jobs_of_both_releases_wait_for_the_worker_whose_code_fits(
    url: str, releases: dict[str, Path], first: str, second: str
) -> None:
    params = {"old": OF_OLD, "new": OF_NEW}
    with ExitStack() as opened:
        engine = opened.enter_context(Engine.open(url))
        with worker(releases[second], url):  # so that it can be submitted by name
            until(engine.workers)
            engine.pause("default")
            others = _insert(engine, params[second], 30)
        engine.resume("default")
        log = opened.enter_context(worker(releases[first], url))
        until(engine.workers)
        mine = _insert(engine, params[first], 30)  # behind those that do not fit
        assert {job.result for job in _ended(engine, mine)} == {
            "old 1" if first == "old" else "new 1x2"
        }
        why = "height is unexpected" if first == "old" else "height is missing"
        waiting = engine.get(others[0])
        assert (waiting.status, waiting.attempt) == (JobStatus.PENDING, 0)
        told = engine.explain(others[0])
        assert f"no running worker fits its parameters ({why})" in told
        assert log.read_text().count("are left to other workers") == 1
        opened.enter_context(worker(releases[second], url))
        assert {job.result for job in _ended(engine, others)} == {
            "old 1" if second == "old" else "new 1x2"
        }
        assert engine.counts()[JobStatus.FAILED] == 0
        assert {job.attempt for job in engine.search(limit=100).items} == {1}
        assert engine.verify() == []


def test_a_name_that_only_the_new_release_has_waits_for_it(
    url: str, releases: dict[str, Path]
) -> None:
    with ExitStack() as opened:
        engine = opened.enter_context(Engine.open(url))
        with worker(releases["new"], url):
            until(engine.workers)
            engine.pause("default")
            crop = engine.submit("r.crop", {})
        engine.resume("default")
        opened.enter_context(worker(releases["old"], url))
        until(engine.workers)
        (mine,) = _insert(engine, OF_OLD, 1)
        assert _ended(engine, [mine])[0].status is JobStatus.SUCCEEDED
        assert "no running worker knows the job name" in engine.explain(crop.id)
        opened.enter_context(worker(releases["new"], url))
        assert crop.result(deadline(60)) == "new"
