"""The store contract, part of finalizers: what cleans up after each attempt."""

from typing import Any, Final

import pytest

from interlock.core.finalizing import PRIORITY
from interlock.core.job import Failure, Job
from interlock.core.lifecycle import Event, JobStatus, Proof, Reason, StopCause
from interlock.core.records import Search
from interlock.core.retry import Retry
from interlock.testing.guard_cases import LEASE
from interlock.testing.scenario import Scenario

_CLEANER: Final = "cleaner"
_SPEC: Final = {
    "name": _CLEANER,
    "params": ["folder"],
    "timeout_s": 5.0,
    "grace_s": 1.0,
    "retry": Retry(max_attempts=2).to_json(),
    "max_losses": 5,
}
_FAILED: Final = Failure(reason=Reason.ERROR, message="no")
_INLINE: Final = {"proof": Proof.INLINE}


def _job(scene: Scenario, **fields: Any) -> Job:
    values = {"retry": Retry(max_attempts=3), "max_losses": 3, **fields}
    params = {"folder": "/a", "other": 1}
    return scene.running(params=params, finalizer=_SPEC, **values)


def _cleaners(scene: Scenario) -> list[Job]:
    found = scene.store.search(Search(name=_CLEANER, limit=100)).items
    return list(reversed(found))


def _clean(scene: Scenario) -> None:
    (cleaner,) = scene.claim(_CLEANER)
    scene.apply(cleaner, Event.SUCCEED, proof=Proof.INLINE)


class FinalizersContract:
    """What follows the end of an attempt. Part of `StoreContract`."""

    def test_a_finalizer_is_submitted_with_the_end_of_an_attempt(
        self, scene: Scenario
    ) -> None:
        job = _job(scene)
        assert _cleaners(scene) == []
        scene.apply(job, Event.SUCCEED, **_INLINE)
        (cleaner,) = _cleaners(scene)
        assert cleaner.params == {"folder": "/a"}
        assert (cleaner.parent_id, cleaner.finalizes) == (job.id, 1)
        assert (cleaner.queue, cleaner.priority) == (job.queue, PRIORITY)
        assert (cleaner.timeout_s, cleaner.grace_s) == (5.0, 1.0)
        assert cleaner.retry == Retry(max_attempts=2)
        assert cleaner.finalizer is None
        _clean(scene)
        assert len(_cleaners(scene)) == 1, "a finalizer has none"

    def test_the_next_attempt_starts_when_it_has_ended(self, scene: Scenario) -> None:
        job = _job(scene)
        scene.apply(job, Event.RETRY, error=_FAILED, **_INLINE)
        assert not scene.claim(job.name)
        (cleaner,) = scene.claim(_CLEANER)
        assert not scene.claim(job.name)
        how: dict[str, Any] = {"reason": Reason.ERROR, "proof": Proof.INLINE}
        scene.apply(cleaner, Event.RETRY, error=_FAILED, proof=Proof.INLINE)
        scene.clock.advance(10)
        assert not scene.claim(job.name)
        (cleaner,) = scene.claim(_CLEANER)
        scene.apply(cleaner, Event.FAIL, **how)  # however it ends
        (again,) = scene.claim(job.name)
        assert again.attempt == 2
        scene.apply(again, Event.RETRY, error=_FAILED, **_INLINE)
        assert not scene.claim(job.name)
        _clean(scene)
        assert scene.claim(job.name)
        assert [each.finalizes for each in _cleaners(scene)] == [1, 2]

    @pytest.mark.parametrize("event", [Event.RESCUE, Event.RELEASE])
    def test_it_follows_what_a_worker_leaves(
        self, scene: Scenario, event: Event
    ) -> None:
        job = _job(scene)
        if event is Event.RELEASE:
            scene.apply(job, Event.STOP, stop_cause=StopCause.SHUTDOWN)
            scene.apply(job, event, **_INLINE)
        else:
            scene.clock.advance(LEASE.total_seconds())
            scene.apply(job, event, domain_empty=True)
        assert not scene.claim(job.name)
        _clean(scene)
        assert scene.claim(job.name)

    def test_a_cancel_leaves_it(self, scene: Scenario) -> None:
        job = _job(scene)
        scene.apply(job, Event.REQUEST_CANCEL)
        scene.apply(job, Event.STOP, stop_cause=StopCause.CANCEL)
        how: dict[str, Any] = {"reason": Reason.WHILE_RUNNING, "proof": Proof.INLINE}
        scene.apply(job, Event.FINISH_CANCEL, **how)
        (cleaner,) = _cleaners(scene)
        assert cleaner.status is JobStatus.PENDING
        waits = _job(scene)
        scene.apply(waits, Event.RETRY, error=_FAILED, **_INLINE)
        scene.apply(waits, Event.CANCEL, reason=Reason.BEFORE_START)
        assert [each.status for each in _cleaners(scene)] == [JobStatus.PENDING] * 2

    def test_a_snooze_and_what_never_started_call_for_none(
        self, scene: Scenario
    ) -> None:
        job = _job(scene)
        scene.apply(job, Event.SNOOZE, run_at=scene.clock.now(), **_INLINE)
        waiting = scene.add(finalizer=_SPEC)
        scene.apply(waiting, Event.CANCEL, reason=Reason.BEFORE_START)
        assert _cleaners(scene) == []

    def test_a_refused_end_submits_none(self, scene: Scenario) -> None:
        job = _job(scene)
        moves = [
            scene.move(job, Event.SUCCEED, attempt=2, **_INLINE),
            scene.move(job, Event.SUCCEED, **_INLINE),
            scene.move(job, Event.SUCCEED, **_INLINE),
        ]
        scene.store.commit(moves)
        assert len(_cleaners(scene)) == 1
