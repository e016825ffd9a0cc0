"""Whatever a job says, or how much: its worker goes on, and no neighbor is lost."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

from interlock import Engine, JobStatus
from interlock.core.lifecycle import GAVE_BACK, Reason
from interlock.jobs.registry import JobFunction
from pace import deadline, some
from postgres import database
from workers import worker_of

from . import greedy_jobs as jobs
from . import sample_jobs, starved_jobs
from .processes import alive, parent_of, start_worker, until

#: What only the engine says of a job.
ENGINES_OWN = set(Reason) - {
    Reason.ERROR,
    Reason.EXIT_CODE,
    Reason.OUT_OF_MEMORY,
    Reason.BAD_RESULT,
    Reason.STEP_MISMATCH,
    *GAVE_BACK,
}


@pytest.fixture(scope="module", params=some(["sqlite", "postgres"]))
def crowded(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Engine]:
    """Return an engine with a worker of short leases, on each store."""
    with ExitStack() as stack:
        url = f"sqlite:///{tmp_path_factory.mktemp('crowded')}/jobs.db"
        if request.param == "postgres":
            url = stack.enter_context(database())
        engine = stack.enter_context(Engine.open(url))
        with engine.worker(concurrency=4, lease=5):
            yield engine
        assert engine.verify() == []


@pytest.mark.parametrize("greedy", [jobs.reports, jobs.asks, jobs.prints])
def test_a_job_that_says_too_much_costs_no_neighbor_its_lease(
    crowded: Engine, greedy: JobFunction[..., Any]
) -> None:
    loud = [crowded.submit(greedy, 7.0) for _ in range(3)]
    quiet = crowded.submit(jobs.sleeps, 8.0)
    assert quiet.result(deadline(60)) == "slept"
    for handle in loud:
        job = handle.wait(deadline(60))
        assert (job.status, job.losses) == (JobStatus.SUCCEEDED, 0)


def test_the_last_report_of_many_is_the_one_that_stays(working: Engine) -> None:
    job = working.submit(jobs.reports, 0.3).wait(deadline(20))
    assert job.progress is not None
    assert job.progress.completed == job.result


@pytest.mark.parametrize("reason", sorted(ENGINES_OWN))
def test_a_job_cannot_say_of_itself_what_only_the_engine_says(
    working: Engine, reason: Reason
) -> None:
    body = {"reason": reason, "message": "forged", "transient": True}
    job = working.submit(jobs.says, "FAILURE", body).wait(deadline(20))
    assert (job.status, job.reason) == (JobStatus.FAILED, Reason.EXIT_CODE)
    assert job.error is not None
    assert job.error.message == "the process ended with exit code 1"


def test_a_job_cannot_speak_for_its_supervisor(working: Engine) -> None:
    body = {"reason": "lost", "message": "forged"}
    job = working.submit(jobs.says, "VERDICT", body).wait(deadline(20))
    assert (job.status, job.reason) == (JobStatus.FAILED, Reason.EXIT_CODE)


@pytest.mark.parametrize(
    "body",
    [
        {"completed": 10**400},
        {"completed": 10**300, "total": -(10**300)},
        {"message": "x" * 5000},
        {"completed": [1]},
        {"number": 1},
    ],
    ids=str,
)
def test_a_report_that_is_none_costs_only_itself(
    crowded: Engine, body: dict[str, Any], caplog: pytest.LogCaptureFixture
) -> None:
    assert crowded.submit(jobs.reports_raw, body).result(deadline(20)) == "done"
    assert "refuses" not in caplog.text  # it is not even sent to the database


def test_a_number_beyond_every_double_is_no_progress(working: Engine) -> None:
    """Pages divide it."""
    handle = working.submit(jobs.reports_raw, {"completed": 10**400})
    assert handle.wait(deadline(20)).progress is None


def test_a_failure_with_odd_fields_is_cut_to_what_a_store_can_keep(
    crowded: Engine,
) -> None:
    body = {
        "reason": "error",
        "message": "m" * 200_000,
        "type": "t" * 200_000,
        "traceback": "b" * 200_000,
        "exit_code": 10**30,
    }
    job = crowded.submit(jobs.says, "FAILURE", body).wait(deadline(20))
    assert (job.status, job.reason) == (JobStatus.FAILED, Reason.ERROR)
    assert job.error is not None
    assert job.error.exit_code is None
    assert len(job.error.message) == len(job.error.traceback or "") == 65_536
    assert len(job.error.type or "") == 500


def _supervisor(job_id: str) -> int:
    """Return the pid of a job's shim, as this process sees it."""
    until(lambda: alive(job_id))
    return parent_of(min(alive(job_id)))


def test_a_supervisor_that_is_stopped_does_not_keep_a_job_from_ending(
    contained: Engine,
) -> None:
    handle = contained.submit(jobs.waits)
    os.kill(_supervisor(handle.id), signal.SIGSTOP)
    job = contained.cancel(handle.id, wait=deadline(40))
    assert (job.status, alive(handle.id)) == (JobStatus.CANCELED, [])


def test_a_supervisor_that_is_stopped_does_not_outlast_its_worker(
    tmp_path: Path, containment: str
) -> None:
    url = f"sqlite:///{tmp_path}/jobs.db"
    with Engine.open(url) as engine:
        worker = start_worker(url, "--containment", containment)
        handle = engine.submit(sample_jobs.hostile, "ignores SIGTERM", str(tmp_path))
        os.kill(_supervisor(handle.id), signal.SIGSTOP)
        worker.kill()
        worker.wait(deadline(10))
        until(lambda: not alive(handle.id), 40)


def test_a_supervisor_that_is_stopped_does_not_outlast_the_timeout(
    contained: Engine,
) -> None:
    handle = contained.submit(jobs.waits.options(timeout=2, grace=0))
    os.kill(_supervisor(handle.id), signal.SIGSTOP)
    job = handle.wait(deadline(40))
    assert (job.status, alive(handle.id)) == (JobStatus.TIMEOUT, [])


@pytest.mark.parametrize(
    "left", [1, 3, 6], ids=["for no link", "for no supervisor", "for no job"]
)
def test_a_job_whose_process_cannot_be_started_says_why(
    tmp_path: Path, left: int
) -> None:
    environment = {"DESCRIPTORS_LEFT": str(left)}
    module = starved_jobs.__name__
    with worker_of(module, tmp_path, environment=environment) as worker:
        (job,) = worker.ended([starved_jobs.starved.call()])
        assert (job.status, job.reason, job.losses) == (
            JobStatus.FAILED,
            Reason.SPAWN_ERROR,
            0,
        ), worker.said()
        assert job.error is not None
        assert "could not be started: [Errno 24] Too many" in job.error.message
        assert "Traceback" not in worker.said()
