"""procrastinate#1131: a job that failed while it was `aborting` could not be retried.

The error of that stopped the worker, and the job stayed `aborting` for ever.
"""

from __future__ import annotations

import pytest

from interlock import Engine, Event, IllegalTransition, JobStatus, Reason, Retry
from interlock.core.job import Failure
from interlock.core.lifecycle import Proof
from interlock.testing.scenario import Scenario
from pace import deadline

from . import peer_jobs as jobs

PASSING = Failure(reason=Reason.ERROR, message="no network", transient=True)


def test_a_failure_after_a_requested_cancel_ends_as_canceled(
    here: Scenario, there: Scenario
) -> None:
    job = here.running(retry=Retry(max_attempts=3))
    there.apply(job, Event.REQUEST_CANCEL)
    for event in (Event.RETRY, Event.FAIL):
        with pytest.raises(IllegalTransition, match="no cancel is requested"):
            here.apply(job, event, proof=Proof.NAMESPACE, error=PASSING)
    facts = {"proof": Proof.NAMESPACE, "error": PASSING}
    ended = here.apply(job, Event.FINISH_CANCEL, **facts)
    assert (ended.status, ended.attempt, ended.error) == (
        JobStatus.CANCELED,
        1,
        PASSING,
    )
    assert here.claim(job.name) == []


def test_the_worker_goes_on_after_a_job_that_failed_while_it_was_canceled(
    engine: Engine, url: str
) -> None:
    with engine.worker(concurrency=1):
        job = engine.submit(jobs.fails_while_canceled, url).wait(deadline(20))
        assert engine.submit(jobs.nap, 0.0).result(deadline(20)) == 0.0
    assert (job.status, job.attempt, job.failures) == (JobStatus.CANCELED, 1, 0)
    assert (job.cancel_requested_by, job.cancel_outcome) == ("anna", "canceled")
