"""The store contract, part of children: jobs that a job has submitted and waits for."""

from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from interlock.core.errors import InvalidOption
from interlock.core.job import Failure, Job, Phase
from interlock.core.lifecycle import Event, JobStatus, Proof, Reason
from interlock.testing.guard_cases import LEASE
from interlock.testing.scenario import Scenario

_BACK: dict[str, Any] = {"reason": Reason.CHILDREN, "proof": Proof.INLINE}


def _child(scene: Scenario, parent: Job, policy: str = "cancel", **fields: Any) -> Job:
    return scene.add(parent_id=parent.id, on_parent_cancel=policy, **fields)


def _waiting(scene: Scenario, parent: Job, *children: Job) -> Job:
    """Let a running job give itself back until its children have ended."""
    ids = [child.id for child in children]
    many = scene.store.steps.wait_for(parent.id, ids, attempt=parent.attempt)
    assert many == len(children)
    return scene.apply(parent, Event.SNOOZE, run_at=scene.clock.now(), **_BACK)


def _done(scene: Scenario, child: Job, event: Event = Event.SUCCEED) -> None:
    (running,) = scene.claim(child.name)
    how: dict[str, Any] = {"proof": Proof.INLINE}
    if event is Event.FAIL:
        how["reason"] = Reason.ERROR
    scene.apply(running, event, **how)


class ChildrenContract:
    """`JobStore.steps.wait_for`, and cancels. Part of `StoreContract`."""

    def test_a_job_goes_on_when_all_have_ended_that_it_waits_for(
        self, scene: Scenario
    ) -> None:
        parent = scene.running()
        first, second = (_child(scene, parent) for _ in range(2))
        waiting = scene.store.get(_waiting(scene, parent, first, second).id)
        assert waiting.phase is Phase.BLOCKED
        assert not scene.claim(parent.name)
        _done(scene, first, Event.FAIL)  # however it ends
        assert not scene.claim(parent.name)
        (blocker,) = scene.store.blockers(parent.id, now=scene.clock.now())
        assert blocker.holders == (second.id,)
        _done(scene, second)
        (again,) = scene.claim(parent.name)
        assert (again.attempt, again.failures, again.losses) == (2, 0, 0)

    def test_what_has_ended_already_is_not_waited_for(self, scene: Scenario) -> None:
        parent = scene.running()
        child = _child(scene, parent)
        _done(scene, child)
        steps = scene.store.steps
        assert steps.wait_for(parent.id, [child.id], attempt=1) == 0
        late = _child(scene, parent)
        assert steps.wait_for(parent.id, [late.id], attempt=1) == 1
        assert steps.wait_for(parent.id, [late.id], attempt=1) == 1, "it asks again"
        _done(scene, late)  # before the job has given itself back
        scene.apply(parent, Event.SNOOZE, run_at=scene.clock.now(), **_BACK)
        assert scene.claim(parent.name)

    def test_a_lost_job_still_waits(self, scene: Scenario) -> None:
        parent = scene.running(max_losses=3)
        child = _child(scene, parent)
        scene.store.steps.wait_for(parent.id, [child.id], attempt=1)
        scene.clock.advance(LEASE.total_seconds())
        scene.apply(parent, Event.RESCUE, domain_empty=True)
        assert not scene.claim(parent.name)
        _done(scene, child)
        assert scene.claim(parent.name)

    def test_only_the_attempt_that_has_the_job_waits(self, scene: Scenario) -> None:
        steps = scene.store.steps
        parent = scene.running(max_losses=3)
        child = _child(scene, parent)
        scene.clock.advance(LEASE.total_seconds())
        assert steps.wait_for(parent.id, [child.id], attempt=1) is None
        scene.apply(parent, Event.RESCUE, domain_empty=True)
        assert scene.claim(parent.name), "it waits for nothing"
        assert steps.wait_for(parent.id, [child.id], attempt=1) is None

    def test_no_job_waits_for_one_that_waits_for_it(self, scene: Scenario) -> None:
        parent = scene.running()
        child = _child(scene, parent, depends_on=[parent.id])
        after = _child(scene, parent, depends_on=[child.id])
        for each in (child, after):
            with pytest.raises(InvalidOption, match="waits for it"):
                scene.store.steps.wait_for(parent.id, [each.id], attempt=1)
        scene.apply(parent, Event.SUCCEED, proof=Proof.INLINE)
        _done(scene, child)

    def test_children_are_canceled_with_their_job(self, scene: Scenario) -> None:
        parent = scene.running()
        waits, runs, kept = (
            _child(scene, parent, policy) for policy in ("cancel", "cancel", "keep")
        )
        (running,) = scene.claim(runs.name)
        grandchild = _child(scene, running)
        _waiting(scene, parent, waits, runs)
        scene.apply(parent, Event.CANCEL, reason=Reason.BEFORE_START)
        get = scene.store.get
        assert get(waits.id).status is JobStatus.CANCELED
        assert parent.id in str(get(waits.id).cancel_reason)
        assert get(runs.id).cancel_requested_at is not None
        assert get(kept.id).cancel_requested_at is None
        assert get(grandchild.id).cancel_requested_at is None, "its parent still runs"
        how: dict[str, Any] = {"reason": Reason.WHILE_RUNNING, "proof": Proof.INLINE}
        failed = Failure(reason=Reason.ERROR, message="interrupted")
        scene.apply(running, Event.FINISH_CANCEL, error=failed, **how)
        assert get(grandchild.id).status is JobStatus.CANCELED

    def test_only_a_cancel_reaches_children(self, scene: Scenario) -> None:
        parent = scene.running()
        child = _child(scene, parent)
        scene.apply(parent, Event.FAIL, reason=Reason.ERROR, proof=Proof.INLINE)
        assert scene.store.get(child.id).cancel_requested_at is None
        assert scene.claim(child.name)

    def test_many_children_are_canceled(self, scene: Scenario) -> None:
        parent = scene.running()
        new = [
            scene.new(parent_id=parent.id, on_parent_cancel="cancel", name="child")
            for _ in range(1100)
        ]
        ids = [child.id for child in scene.store.add(new)]
        scene.store.steps.wait_for(parent.id, ids, attempt=1)
        scene.apply(parent, Event.SNOOZE, run_at=scene.clock.now(), **_BACK)
        scene.apply(parent, Event.CANCEL, reason=Reason.BEFORE_START)
        scene.reopen()
        for job_id in ids:
            assert scene.store.get(job_id).status is JobStatus.CANCELED

    def test_a_job_goes_on_though_its_children_end_at_the_same_moment(
        self, scene: Scenario
    ) -> None:
        for _ in range(5):
            parent = scene.running()
            children = [_child(scene, parent, name="same") for _ in range(4)]
            running = [scene.claim("same", queues=[c.queue])[0] for c in children]
            with ThreadPoolExecutor(5) as pool:
                ends = [
                    pool.submit(scene.apply, each, Event.SUCCEED, proof=Proof.INLINE)
                    for each in running
                ]
                ids = [child.id for child in children]
                scene.store.steps.wait_for(parent.id, ids, attempt=1)
                now = scene.clock.now()
                scene.apply(parent, Event.SNOOZE, run_at=now, **_BACK)
                for end in ends:
                    end.result()
            scene.reopen()
            (again,) = scene.claim(parent.name)
            assert again.attempt == 2
