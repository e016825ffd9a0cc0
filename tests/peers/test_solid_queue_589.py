"""solid_queue#589: one job ended up both finished and failed.

A worker with a stale heartbeat was pruned, its job failed by another process, and the
job finished at the same moment: both transactions went through.
"""

from __future__ import annotations

import pytest

from interlock import Event, IllegalTransition, Job, JobStatus, Reason
from interlock.core.job import Move
from interlock.core.lifecycle import TERMINAL, Proof
from interlock.testing.guard_cases import LEASE
from interlock.testing.scenario import Scenario
from interlock.worker.reaper import loss

from .race import at_once

FINISHED = (JobStatus.SUCCEEDED, Reason.RETURNED, {"n": 1}, 0)
FAILED = (JobStatus.FAILED, Reason.LOST, None, 1)


def _both_ends(scene: Scenario) -> tuple[Move, Move]:
    """Return how its worker ends a job, and how a process does that prunes it."""
    job = scene.running(max_losses=1)
    scene.clock.advance(LEASE.total_seconds())
    pruned = loss(job, now=scene.clock.now(), actor="reaper")
    return scene.move(job, Event.SUCCEED, proof=Proof.NAMESPACE), pruned


def _end(scene: Scenario, job_id: str) -> tuple[object, ...]:
    ends = [row for row in scene.store.history(job_id) if row.target in TERMINAL]
    assert len(ends) == 1
    job = scene.store.get(job_id)
    assert job.status is ends[0].target
    return job.status, job.reason, job.result, job.losses


def test_the_first_end_is_the_only_one(here: Scenario, there: Scenario) -> None:
    finish, prune = _both_ends(here)
    here.store.apply(finish)
    with pytest.raises(IllegalTransition):
        there.store.apply(prune)
    assert _end(here, finish.job_id) == FINISHED
    finish, prune = _both_ends(here)
    there.store.apply(prune)
    with pytest.raises(IllegalTransition):
        here.store.apply(finish)
    assert _end(here, finish.job_id) == FAILED


def test_of_two_ends_at_the_same_moment_one_is_refused(
    here: Scenario, there: Scenario
) -> None:
    for _ in range(15):
        finish, prune = _both_ends(here)
        outcomes = at_once(
            lambda move=finish: here.store.apply(move),  # type: ignore[misc]
            lambda move=prune: there.store.apply(move),  # type: ignore[misc]
        )
        assert sorted(isinstance(one, Job) for one in outcomes) == [False, True]
        finished = isinstance(outcomes[0], Job)
        assert _end(here, finish.job_id) == (FINISHED if finished else FAILED)
