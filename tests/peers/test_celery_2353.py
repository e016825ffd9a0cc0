"""celery#2353: what tasks had started outlived their time limit and their worker.

Browsers that the tasks drove went on below init, hours after both were gone.
"""

from __future__ import annotations

import signal
from pathlib import Path

import pytest

from e2e import sample_jobs as jobs
from e2e.processes import alive, until
from interlock import Engine, JobStatus
from pace import deadline

from .conftest import Hire

pytestmark = pytest.mark.parametrize("url", ["sqlite"], indirect=True)  # any store


def test_what_a_job_started_ends_with_its_time(
    engine: Engine, containment: str, tmp_path: Path
) -> None:
    with engine.worker(concurrency=1, containment=containment):
        asked = jobs.hostile.options(timeout=1)
        job = engine.submit(asked, "family", str(tmp_path)).wait(deadline(20))
        assert (job.status, alive(job.id)) == (JobStatus.TIMEOUT, [])


@pytest.mark.parametrize("containment", ["subreaper"], indirect=True)  # the weaker one
@pytest.mark.parametrize("end", [signal.SIGTERM, signal.SIGKILL])
def test_what_a_job_started_ends_with_its_worker(
    engine: Engine, hire: Hire, containment: str, tmp_path: Path, end: signal.Signals
) -> None:
    worker = hire("--containment", containment, "--shutdown-grace", "0")
    job_id = engine.submit(jobs.hostile, "family", str(tmp_path)).id
    until(lambda: len(alive(job_id)) >= 4)
    worker.send_signal(end)
    code = worker.wait(deadline(20))
    if end is signal.SIGKILL:
        until(lambda: not alive(job_id))
        return
    assert (code, alive(job_id)) == (0, [])
    job = engine.get(job_id)
    assert (job.status, job.failures, job.losses) == (JobStatus.PENDING, 0, 0)
