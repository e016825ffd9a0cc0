"""river#1302: the rescuer overwrote a job that had completed since it was read.

Its UPDATE looked at the id alone, so a completed row went back to `retryable`; and so
(river#1373) would a job that another worker had claimed meanwhile.
"""

from __future__ import annotations

from interlock import Event, IllegalTransition, Job, JobStatus, LeaseLost
from interlock.core.lifecycle import Proof
from interlock.testing.guard_cases import LEASE
from interlock.testing.scenario import Scenario
from interlock.worker.reaper import loss


def test_a_rescue_from_an_old_reading_changes_nothing(
    here: Scenario, there: Scenario
) -> None:
    done, taken, lost = (here.running() for _ in range(3))
    here.clock.advance(LEASE.total_seconds())
    now = here.clock.now()
    read = [one.job for one in here.store.lost(now=now, limit=9) if one.lease_expired]
    assert {job.id for job in read} == {done.id, taken.id, lost.id}

    finished = there.apply(done, Event.SUCCEED, proof=Proof.NAMESPACE, result="late")
    there.apply(taken, Event.RESCUE)
    (again,) = there.claim(taken.name, worker="w2")

    late, stale, rescued = here.store.commit(
        [
            loss(job, now=now, actor="reaper", domain_empty=True)
            for job in (done, taken, lost)
        ]
    )
    assert isinstance(late, IllegalTransition)
    assert here.store.get(done.id) == finished
    assert isinstance(stale, LeaseLost)
    assert here.store.get(taken.id) == again
    assert isinstance(rescued, Job), "the others of its batch are not hindered"
    assert (rescued.status, rescued.losses) == (JobStatus.PENDING, 1)
