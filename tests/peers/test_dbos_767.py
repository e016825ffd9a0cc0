"""dbos#767: a cancel that raced a completion was lost without a word.

The call returned as if it had worked, and the workflow was SUCCESS.
"""

from __future__ import annotations

import pytest

from e2e.processes import until
from interlock import Engine, Event, IllegalTransition, JobStatus, StopCause
from interlock.core.lifecycle import Proof
from interlock.testing.scenario import Scenario
from pace import deadline

from . import peer_jobs as jobs

TOO_LATE = (JobStatus.SUCCEEDED, "too_late")


def test_a_cancel_after_the_completion_is_an_error(
    here: Scenario, there: Scenario
) -> None:
    job = here.running()
    done = here.apply(job, Event.SUCCEED, proof=Proof.NAMESPACE)
    with pytest.raises(IllegalTransition, match="SUCCEEDED") as refused:
        Engine(there.store, clock=there.clock).cancel(job.id)
    assert refused.value.legal == frozenset()
    assert there.store.get(job.id) == done


def test_a_cancel_that_comes_too_late_to_stop_says_so(
    here: Scenario, there: Scenario
) -> None:
    job = here.running()
    asked = Engine(there.store, clock=there.clock).cancel(job.id, by="anna")
    assert asked.cancel_outcome == "pending"
    here.apply(job, Event.SUCCEED, proof=Proof.NAMESPACE)
    done = there.store.get(job.id)
    assert (done.status, done.cancel_outcome) == TOO_LATE
    assert done.cancel_requested_by == "anna"


def test_after_the_stop_is_stored_the_job_cannot_succeed(
    here: Scenario, there: Scenario
) -> None:
    job = here.running()
    Engine(there.store, clock=there.clock).cancel(job.id)
    here.apply(job, Event.STOP, stop_cause=StopCause.CANCEL)
    with pytest.raises(IllegalTransition, match="stop_cause"):
        here.apply(job, Event.SUCCEED, proof=Proof.NAMESPACE)
    ended = here.apply(job, Event.FINISH_CANCEL, proof=Proof.NAMESPACE)
    assert (ended.status, ended.cancel_outcome) == (JobStatus.CANCELED, "canceled")


def _canceled_at_its_end(engine: Engine, seconds: float) -> tuple[object, ...]:
    """Return what the caller is told of a cancel about when the job ends."""
    job_id = engine.submit(jobs.nap, seconds).id
    until(lambda: engine.get(job_id).attempt)
    try:
        job = engine.cancel(job_id, wait=deadline(20))
    except IllegalTransition as refused:
        assert engine.get(job_id).cancel_requested_at is None
        return refused.status, "refused"
    return job.status, job.cancel_outcome


def test_a_caller_always_learns_what_became_of_a_cancel(engine: Engine) -> None:
    with engine.worker(concurrency=1):
        told = {_canceled_at_its_end(engine, n / 250) for n in range(8)}
    assert told <= {
        (JobStatus.CANCELED, "canceled"),
        (JobStatus.SUCCEEDED, "refused"),
        TOO_LATE,
    }
