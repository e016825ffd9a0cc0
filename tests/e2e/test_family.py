"""A running job submits jobs by its worker, and finds them."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from interlock import Engine, JobFailed, JobStatus
from interlock.worker.settings import WorkerSettings
from pace import deadline

from . import family_jobs as jobs


@pytest.mark.parametrize("how", ["function", "name"])
def test_a_submit_of_a_job_says_which_job_made_it(working: Engine, how: str) -> None:
    parent = working.submit(jobs.parent, how)
    child = working.wait(str(parent.result(deadline(20))), deadline(20))
    assert (child.status, child.result) == (JobStatus.SUCCEEDED, 2)
    assert child.parent_id == parent.id
    if how == "function":
        assert (child.queue, child.priority) == ("small", 3)
    else:
        assert (child.submitted_by, child.metadata) == ("anna", {"a": 1})


def test_a_job_can_wait_for_the_job_that_it_submitted(working: Engine) -> None:
    assert working.submit(jobs.parent, "result").result(deadline(30)) == 5


def test_a_job_has_the_engine_of_its_worker(working: Engine) -> None:
    first = working.submit(jobs.child, 1)
    job_ids = working.submit(jobs.parent, "engine").result(deadline(30))
    assert job_ids == [child.id for child in working.search(name=jobs.CHILD).items]
    assert first.id in job_ids


def test_a_refusal_reaches_the_job_as_the_error_that_it_is(working: Engine) -> None:
    holder = str(working.submit(jobs.parent, "taken").result(deadline(30)))
    assert working.get(holder).unique_key == "one"


def test_a_job_submits_what_may_exist_once(working: Engine) -> None:
    first, second = working.submit(jobs.twice).result(deadline(30))
    assert first == second
    assert working.get(first).unique_key == f'{jobs.CHILD}:{{"number":7}}'


def _children(engine: Engine) -> set[str]:
    """Return their ids: those of an earlier test may still run and change."""
    return {child.id for child in engine.search(name=jobs.CHILD, limit=1000).items}


@pytest.mark.parametrize(
    ("how", "kind", "words"),
    [
        ("misfit", "InvalidParams", "numbre"),
        ("unknown", "UnknownJobName", "t.family.nobody"),
        ("too deep", "InvalidParams", "nested deeper than 64"),
        ("open", "InterlockError", "Engine.open() needs a URL inside a job"),
        ("elsewhere", "InterlockError", "only the job's main process can ask"),
    ],
)
def test_what_cannot_be_is_refused_in_the_job(
    working: Engine, home: Path, how: str, kind: str, words: str
) -> None:
    before = _children(working)
    with pytest.raises(JobFailed) as failed:
        working.submit(jobs.parent, how).result(deadline(30))
    error = failed.value.job.error
    assert error is not None
    assert error.type == f"interlock.{kind}"
    assert words in error.message
    assert _children(working) == before
    assert not (home / "interlock.db").exists()


def test_parameters_as_deep_as_possible_reach_the_store(working: Engine) -> None:
    job = working.submit(jobs.parent, "as deep as possible").wait(deadline(30))
    assert job.status is JobStatus.SUCCEEDED


def test_many_submits_of_one_job_are_all_there(working: Engine) -> None:
    parent = working.submit(jobs.many, 100)
    job_ids = parent.result(deadline(60))
    assert len(set(job_ids)) == 100
    assert {working.get(job_id).parent_id for job_id in job_ids} == {parent.id}


def test_a_worker_may_keep_its_database_to_itself(engine: Engine) -> None:
    settings = WorkerSettings(concurrency=1, job_engine=False)
    worker = engine.new_worker(settings=settings)
    handle = engine.submit(jobs.refused)
    while not handle.job().is_terminal:
        worker.turn()
    worker.stop()
    worker.run()
    assert "does not let its jobs open its database" in str(handle.result(0))


def test_the_command_line_can_tell_a_worker_so(engine: Engine, tmp_path: Path) -> None:
    program = [sys.executable, "-m", "interlock_adapters.cli.main", "worker"]
    url = f"sqlite:///{tmp_path}/jobs.db"
    options = ["--database", url, "--no-job-engine"]
    with subprocess.Popen(
        [*program, "e2e.family_jobs", *options], cwd=Path(__file__).parents[1]
    ) as worker:
        said = engine.submit(jobs.refused).result(deadline(30))
        worker.terminate()
    assert "does not let its jobs open its database" in str(said)
