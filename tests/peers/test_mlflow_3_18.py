"""MLflow 3.18: a worker whose job was requeued still renewed it and stored its result.

The job store knew of no attempts: the stale result was taken, and the one of the
worker that really had the job was refused.
"""

from __future__ import annotations

from interlock import Event, IllegalTransition, Job, JobStatus, LeaseLost
from interlock.core.guards import NOT_MOVES
from interlock.core.lifecycle import TABLE, Proof, Who
from interlock.testing.guard_cases import LEASE
from interlock.testing.scenario import Scenario

WRITES = [row.event for row in TABLE if row.who is Who.WORKER]


def _requeued(scene: Scenario) -> Job:
    """Return a job as the worker still sees it that has lost it."""
    stale = scene.running(worker="w1")
    scene.clock.advance(LEASE.total_seconds())
    scene.apply(stale, Event.RESCUE)
    return stale


def _refusals(scene: Scenario, stale: Job) -> set[object]:
    """Have the stale worker try all that a worker can."""
    before = scene.store.get(stale.id)
    assert scene.store.renew("w1", {stale.id: stale.attempt}, LEASE) == []
    events = [event for event in WRITES if event not in NOT_MOVES]
    facts = {"proof": Proof.NAMESPACE}
    moves = [scene.move(stale, event, **facts) for event in events]
    refused: set[object] = {type(outcome) for outcome in scene.store.commit(moves)}
    assert scene.store.get(stale.id) == before
    return refused


def test_a_stale_worker_cannot_end_a_job_that_waits_again(
    here: Scenario, there: Scenario
) -> None:
    stale = _requeued(here)
    assert _refusals(there, stale) == {IllegalTransition}


def test_a_stale_worker_cannot_write_for_the_one_that_has_the_job(
    here: Scenario, there: Scenario
) -> None:
    """Not even where both are one worker, which is why its name is no fence."""
    for owner in ("w2", "w1"):
        stale = _requeued(here)
        (taken,) = here.claim(stale.name, worker=owner)
        assert _refusals(there, stale) == {LeaseLost}
        assert len(here.store.renew(owner, {taken.id: taken.attempt}, LEASE)) == 1
        done = here.apply(taken, Event.SUCCEED, proof=Proof.NAMESPACE, result="fresh")
        assert (done.status, done.result) == (JobStatus.SUCCEEDED, "fresh")
        assert _refusals(there, stale) == {LeaseLost}
        assert [row.worker_id for row in here.store.attempts(done.id)] == ["w1", owner]
