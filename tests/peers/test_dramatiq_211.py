"""dramatiq#211: a time limit did not end an actor that was inside a C function.

The exception for its thread waited until the call returned, an hour later, and the
worker had one thread less until then.
"""

from __future__ import annotations

from pathlib import Path

import pytest

from e2e import sample_jobs as jobs
from e2e.processes import alive
from interlock import Engine, JobStatus
from pace import deadline

pytestmark = pytest.mark.parametrize("url", ["sqlite"], indirect=True)  # any store


def test_a_timeout_ends_a_call_that_does_not_return(
    engine: Engine, tmp_path: Path
) -> None:
    with engine.worker(concurrency=1):
        asked = jobs.hostile.options(timeout=2)
        job = engine.submit(asked, "stuck in C", str(tmp_path)).wait(deadline(20))
        assert (job.status, alive(job.id)) == (JobStatus.TIMEOUT, [])
        assert Path(tmp_path, "started").exists(), "it was not inside of the call yet"
        assert engine.submit(jobs.add, 1).result(deadline(20)) == 2, (
            "its slot is free again"
        )
