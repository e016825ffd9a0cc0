"""The store contract, part of steps: what a job does once, and signals to it."""

from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from typing import Any

import pytest

from interlock.core.errors import (
    IllegalTransition,
    InvalidToken,
    JobNotFound,
    StepMismatch,
)
from interlock.core.job import Job, Phase
from interlock.core.lifecycle import Event, JobStatus, Proof, Reason, StopCause
from interlock.core.records import Step
from interlock.testing.guard_cases import LEASE
from interlock.testing.scenario import Scenario


def _step(scene: Scenario, job: Job, name: str = "fetch", **fields: Any) -> Step:
    values = {"kind": "step", "use": "0", "value": {"n": 1}, **fields}
    now = scene.clock.now()
    return Step(job_id=job.id, name=name, attempt=job.attempt, at=now, **values)


def _wait_for(scene: Scenario, job: Job, name: str = "go", hours: int = 1) -> Job:
    """Let a running job give itself back, to wait for a signal."""
    later = scene.clock.now() + timedelta(hours=hours)
    waits: dict[str, Any] = {"run_at": later, "waits_for": f"signal:{name}"}
    waits |= {"reason": Reason.WAITING, "proof": Proof.INLINE}
    return scene.apply(job, Event.SNOOZE, **waits)


class StepsContract:
    """`JobStore.steps`. Part of `StoreContract`."""

    def test_a_step_is_kept_for_later_attempts(self, scene: Scenario) -> None:
        steps = scene.store.steps
        job = scene.running(max_losses=3)
        step = _step(scene, job, function="f", digest="d")
        assert steps.get(job.id, "step", "fetch", "0") is None
        assert steps.put(step)
        assert steps.get(job.id, "step", "fetch", "0") == step
        scene.clock.advance(LEASE.total_seconds())
        scene.apply(job, Event.RESCUE, domain_empty=True)
        (again,) = scene.claim(job.name)
        assert steps.put(_step(scene, again, "ship", value=None))
        assert [each.name for each in steps.all(job.id)] == ["fetch", "ship"]
        assert [each.attempt for each in steps.all(job.id)] == [1, 2]
        assert len(steps.all(job.id, limit=1)) == 1

    def test_only_the_attempt_that_has_the_job_writes(self, scene: Scenario) -> None:
        steps = scene.store.steps
        waiting = scene.add()
        assert not steps.put(_step(scene, waiting))
        job = scene.running(max_losses=3)
        stopped = scene.running()
        scene.apply(stopped, Event.STOP, stop_cause=StopCause.SHUTDOWN)
        assert steps.put(_step(scene, stopped)), "it may clean up"
        scene.clock.advance(LEASE.total_seconds())
        assert not steps.put(_step(scene, job)), "its lease is over"
        scene.apply(job, Event.RESCUE)
        assert not steps.put(_step(scene, job))
        (again,) = scene.claim(job.name)
        assert not steps.put(_step(scene, job)), "another attempt has it"
        scene.apply(again, Event.SUCCEED, proof=Proof.INLINE)
        assert not steps.put(_step(scene, again))
        assert steps.all(job.id) == []

    def test_a_step_is_done_once_and_a_saved_value_changes(
        self, scene: Scenario
    ) -> None:
        steps = scene.store.steps
        job = scene.running()
        assert steps.put(_step(scene, job))
        stored = steps.all(job.id)
        assert steps.put(_step(scene, job)), "the first answer may have been lost"
        with pytest.raises(StepMismatch, match="another thread"):
            steps.put(_step(scene, job, value=2))
        assert steps.all(job.id) == stored
        assert steps.put(_step(scene, job, use="1"))
        for value in (1, {"n": 2}):
            assert steps.put(_step(scene, job, "", kind="saved", use="", value=value))
            saved = steps.get(job.id, "saved", "", "")
            assert saved is not None
            assert saved.value == value

    def test_a_signal_wakes_the_job_that_waits_for_it(self, scene: Scenario) -> None:
        job = _wait_for(scene, scene.running())
        assert (job.phase, job.waits_for) == (Phase.WAITING, "signal:go")
        assert scene.claim(job.name) == []
        now = scene.clock.now()
        other = scene.store.steps.send(job.id, "other", 1, by="bo", now=now)
        assert other.phase is Phase.WAITING
        woken = scene.store.steps.send(job.id, "go", {"ok": True}, by="anna", now=now)
        assert (woken.status, woken.waits_for) == (JobStatus.PENDING, None)
        entry = scene.store.history(job.id)[-1]
        told = (entry.event, entry.actor, entry.reason)
        assert told == (Event.WAKE, "anna", "signal 'go'")
        (again,) = scene.claim(job.name)
        assert (again.attempt, again.failures, again.losses) == (2, 0, 0)

    def test_a_signal_that_came_while_the_job_gave_itself_back_is_not_lost(
        self, scene: Scenario
    ) -> None:
        job = scene.running()
        scene.store.steps.send(job.id, "go", 1, by="anna", now=scene.clock.now())
        _wait_for(scene, job)
        assert scene.store.get(job.id).waits_for is None
        assert len(scene.claim(job.name)) == 1

    def test_a_wait_ends_by_itself(self, scene: Scenario) -> None:
        job = _wait_for(scene, scene.running())
        scene.clock.advance(3601)
        (again,) = scene.claim(job.name)
        assert again.waits_for is None

    def test_signals_are_read_once_and_in_their_order(self, scene: Scenario) -> None:
        steps = scene.store.steps
        job = scene.running()
        for payload in (1, None, [3]):
            steps.send(job.id, "go", payload, by="anna", now=scene.clock.now())
        steps.send(job.id, "other", 9, by="bo", now=scene.clock.now())
        read = [steps.take(job.id, "go", attempt=1) for _ in range(4)]
        assert [each and each.payload for each in read] == [1, None, [3], None]
        assert read[3] is None
        found = steps.signals(job.id)
        assert [(each.name, each.read_by) for each in found] == [
            *[("go", 1)] * 3,
            ("other", None),
        ]

    def test_a_sender_of_one_signal_sends_one(self, scene: Scenario) -> None:
        steps = scene.store.steps
        job, other = scene.running(), scene.running()
        now = scene.clock.now()

        def send(_: int) -> bool:
            try:
                steps.send(job.id, "go", None, by="token:1", now=now, once=True)
            except InvalidToken:
                return False
            return True

        with ThreadPoolExecutor(4) as pool:
            assert sorted(pool.map(send, range(4))) == [False, False, False, True]
        assert len(steps.signals(job.id)) == 1
        steps.send(job.id, "go", None, by="token:2", now=now, once=True)
        steps.send(other.id, "go", None, by="token:1", now=now, once=True)

    def test_a_job_that_has_ended_gets_no_signal(self, scene: Scenario) -> None:
        job = scene.add()
        scene.apply(job, Event.CANCEL)
        now = scene.clock.now()
        with pytest.raises(IllegalTransition):
            scene.store.steps.send(job.id, "go", 1, by="anna", now=now)
        with pytest.raises(JobNotFound):
            scene.store.steps.send("nobody", "go", 1, by="anna", now=now)
        assert scene.store.steps.signals(job.id) == []

    def test_no_signal_is_lost_between_many_senders_and_a_wait(
        self, scene: Scenario
    ) -> None:
        """Each job is woken, whichever of the two comes first."""
        for number in range(12):
            job = scene.running(f"s{number}")
            now = scene.clock.now()
            send = scene.store.steps.send
            with ThreadPoolExecutor(2) as threads:
                waits = threads.submit(_wait_for, scene, job)
                sent = threads.submit(send, job.id, "go", 1, by="anna", now=now)
                waits.result()
                sent.result()
            assert scene.store.get(job.id).waits_for is None
            assert len(scene.claim(job.name)) == 1

    def test_all_of_it_goes_with_the_job(self, scene: Scenario) -> None:
        job = scene.running()
        scene.store.steps.put(_step(scene, job))
        scene.store.steps.send(job.id, "go", 1, by="anna", now=scene.clock.now())
        scene.apply(job, Event.SUCCEED, proof=Proof.INLINE)
        scene.store.delete(job.id)
        assert scene.store.steps.all(job.id) == []
        assert scene.store.steps.signals(job.id) == []
