"""kubernetes#123775: a Job was reported as finished while its pods were terminating.

Whoever started the next one then had both at once.
"""

from __future__ import annotations

from pathlib import Path

import pytest

from e2e.processes import alive, until
from interlock import Engine, JobStatus
from interlock.core.job import Phase
from pace import deadline

from . import peer_jobs as jobs

pytestmark = pytest.mark.parametrize("url", ["sqlite"], indirect=True)  # any store


def _end(engine: Engine, job_id: str) -> JobStatus:
    """Return the status of its end, at which nothing of it may be alive."""
    until(lambda: engine.get(job_id).is_terminal)
    assert alive(job_id) == []
    return engine.get(job_id).status


@pytest.mark.parametrize("why", [JobStatus.CANCELED, JobStatus.TIMEOUT])
def test_a_job_that_winds_down_has_not_ended(
    engine: Engine, containment: str, tmp_path: Path, why: JobStatus
) -> None:
    seconds = 1.5 if why is JobStatus.TIMEOUT else None
    with engine.worker(concurrency=1, containment=containment):
        asked = jobs.winds_down.options(timeout=seconds)
        job_id = engine.submit(asked, str(tmp_path)).id
        until(Path(tmp_path, "started").exists)
        if why is JobStatus.CANCELED:
            engine.cancel(job_id)
        until(Path(tmp_path, "stopping").exists)
        following = engine.submit(jobs.nap, 0.0)
        winding_down = engine.get(job_id)
        assert (winding_down.status, winding_down.phase) == (
            JobStatus.RUNNING,
            Phase.STOPPING,
        )
        assert len(alive(job_id)) >= 2
        assert following.job().attempt == 0, "it keeps its slot, too"
        Path(tmp_path, "let-go").touch()
        assert _end(engine, job_id) is why
        assert following.result(deadline(20)) == 0.0


def test_a_failed_job_has_left_nothing_behind(engine: Engine, containment: str) -> None:
    with engine.worker(concurrency=1, containment=containment):
        job_id = engine.submit(jobs.fails_and_leaves_a_daemon).id
        assert _end(engine, job_id) is JobStatus.FAILED
