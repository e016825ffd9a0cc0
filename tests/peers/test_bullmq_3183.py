"""bullmq#3183: the lock of a job that kept the event loop busy was not renewed.

Another worker took the job as stalled and ran it a second time while the first one,
which was only busy, went on with it.
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
from .race import nobody_writes

LEASE_S = 3


@pytest.mark.parametrize("url", ["sqlite"], indirect=True)
def test_a_job_that_lets_nothing_else_run_keeps_its_lease(
    engine: Engine, hire: Hire, tmp_path: Path
) -> None:
    worker = hire("--lease", f"{LEASE_S}")
    job_id = engine.submit(jobs.hostile, "stuck in C", str(tmp_path)).id
    until(Path(tmp_path, "started").exists)

    def leased_s() -> float:
        return (engine.get(job_id).lease_until_us or 0) / 1e6

    with engine.worker(concurrency=1, lease=LEASE_S):
        begin = leased_s()
        until(lambda: leased_s() > begin + LEASE_S)
        job = engine.cancel(job_id, wait=deadline(20))
    assert (job.status, job.attempt, job.losses) == (JobStatus.CANCELED, 1, 0)
    worker.terminate()
    assert worker.wait(deadline(20)) == 0


def test_a_stalled_worker_has_lost_its_job_before_another_runs_it(
    engine: Engine, url: str, hire: Hire, tmp_path: Path
) -> None:
    stalled = hire("--concurrency", "1", "--lease", f"{LEASE_S}")
    job_id = engine.submit(jobs.alone, str(tmp_path), seconds=600).id
    until(lambda: len(alive(job_id)) >= 2)
    before = set(alive(job_id))
    with engine.worker(concurrency=1, lease=LEASE_S):
        with nobody_writes(url):
            stalled.send_signal(signal.SIGSTOP)
        until(lambda: engine.get(job_id).attempt == 2)
        assert not before & set(alive(job_id))
        until(lambda: len(alive(job_id)) >= 2)
        job = engine.cancel(job_id, wait=deadline(20))
    stalled.send_signal(signal.SIGCONT)
    stalled.terminate()
    assert stalled.wait(deadline(20)) == 0
    assert list(tmp_path.glob("*.two-at-once")) == []
    assert (job.status, job.losses, alive(job_id)) == (JobStatus.CANCELED, 1, [])
    assert engine.get(job_id) == job
