"""The store contract, second part: what a move writes, and what stays."""

from dataclasses import replace
from datetime import timedelta
from typing import Final

import pytest

from interlock.core.errors import IllegalTransition
from interlock.core.job import Exit, Failure
from interlock.core.lifecycle import (
    CANCELS,
    EDGES,
    INITIAL,
    TABLE,
    Event,
    JobStatus,
    Proof,
    Reason,
    StopCause,
    Transition,
    row_of,
)
from interlock.core.retry import Retry
from interlock.testing.guard_cases import LEASE, met
from interlock.testing.scenario import Scenario, reason_of

_BACK: Final = tuple(row for row in EDGES if row.target is INITIAL)
_CANCELS: Final = tuple(row for row in TABLE if row.event in CANCELS)


def _name(row: object) -> str | None:
    return str(row.event) if isinstance(row, Transition) else None


class OutcomesContract:
    """What a job shows after its moves. Part of `StoreContract`."""

    def test_a_result_may_come_late_as_long_as_nobody_took_the_job(
        self, scene: Scenario
    ) -> None:
        job = scene.running()
        scene.clock.advance(10 * LEASE.total_seconds())
        done = scene.apply(job, Event.SUCCEED, proof=Proof.CGROUP, result=[1, None])
        assert done == replace(
            job,
            status=JobStatus.SUCCEEDED,
            reason=Reason.RETURNED,
            finished_at=scene.clock.now(),
            lease_until_us=None,
            proof=Proof.CGROUP,
            result=[1, None],
            version=job.version + 1,
        )

    @pytest.mark.parametrize("result", [None, False, 0, "", [], {}, "é\n", 1.5, [None]])
    def test_a_result_is_stored_as_it_is(self, scene: Scenario, result: object) -> None:
        job = scene.running()
        scene.apply(job, Event.SUCCEED, proof=Proof.INLINE, result=result)
        stored = scene.store.get(job.id).result
        assert (type(stored), stored) == (type(result), result)

    def test_a_failed_job_keeps_its_error_and_its_exit(self, scene: Scenario) -> None:
        job = scene.running()
        error = Failure(
            reason=Reason.SIGNAL,
            message="killed",
            type="a.B",
            traceback="line 1\nline 2",
            signal=9,
            transient=True,
        )
        facts = {"error": error, "reason": Reason.SIGNAL, "exit": Exit(signal=9)}
        done = scene.apply(job, Event.FAIL, proof=Proof.NAMESPACE, **facts)
        assert (done.error, done.reason, done.result) == (error, Reason.SIGNAL, None)
        (attempt,) = scene.store.attempts(job.id)
        assert (attempt.error, attempt.exit) == (error, Exit(signal=9))

    @pytest.mark.parametrize("row", _BACK, ids=_name)
    def test_a_job_that_goes_back_is_as_new_but_for_its_counters(
        self, scene: Scenario, row: Transition
    ) -> None:
        for situation in met(row):
            before = scene.arrange(row, situation)
            scene.send(row, before, situation)
            after = scene.store.get(before.id)
            assert after == replace(
                before,
                status=INITIAL,
                reason=reason_of(row),
                run_at=scene.clock.now() + timedelta(seconds=situation.again_in_s),
                worker_id=None,
                lease_until_us=None,
                stop_cause=None,
                proof=None,
                error=situation.error,
                version=before.version + 1,
                failures=after.failures,
                losses=after.losses,
            )

    def test_a_retry_waits_until_its_run_at(self, scene: Scenario) -> None:
        row = row_of(Event.RETRY)
        situation = next(met(row))
        before = scene.arrange(row, situation)
        due = scene.clock.now() + timedelta(seconds=7)
        scene.apply(before, Event.RETRY, proof=Proof.INLINE, run_at=due)
        assert scene.store.get(before.id).run_at == due
        assert scene.store.next_due(now=scene.clock.now()) == due
        scene.clock.advance(6.999)
        assert scene.claim(before.name) == []
        scene.clock.advance(0.001)
        (retried,) = scene.claim(before.name)
        assert (retried.attempt, retried.failures, retried.error) == (2, 1, None)

    def test_no_try_is_spent_by_a_loss_and_no_loss_by_a_try(
        self, scene: Scenario
    ) -> None:
        job = scene.running(retry=Retry(max_attempts=3), max_losses=3)
        spent = []
        for event in (Event.RETRY, Event.RESCUE, Event.RETRY, Event.RESCUE):
            if event is Event.RESCUE:
                scene.clock.advance(LEASE.total_seconds())
            scene.apply(job, event, proof=Proof.INLINE)
            (job,) = scene.claim(job.name)
            spent.append((job.attempt, job.failures, job.losses))
        assert spent == [(2, 1, 0), (3, 1, 1), (4, 2, 1), (5, 2, 2)]
        with pytest.raises(IllegalTransition):
            scene.apply(job, Event.RETRY, proof=Proof.INLINE)
        scene.clock.advance(LEASE.total_seconds())
        with pytest.raises(IllegalTransition):
            scene.apply(job, Event.RESCUE)
        end = scene.apply(job, Event.GIVE_UP)
        assert (end.status, end.failures, end.losses) == (JobStatus.FAILED, 2, 3)

    @pytest.mark.parametrize("row", _CANCELS, ids=_name)
    def test_who_canceled_when_and_why_is_written_once(
        self, scene: Scenario, row: Transition
    ) -> None:
        job = scene.arrange(row, next(met(row)))
        scene.apply(job, row.event, actor="anna", text="first")
        first = scene.clock.now()
        scene.clock.advance(LEASE.total_seconds())
        with pytest.raises(IllegalTransition):
            scene.apply(job, row.event, actor="bob", text="second")
        if not scene.store.get(job.id).is_terminal:
            scene.apply(job, Event.CANCEL_LOST)
        after = scene.store.get(job.id)
        assert after.status is JobStatus.CANCELED
        assert (
            after.cancel_requested_at,
            after.cancel_requested_by,
            after.cancel_reason,
        ) == (first, "anna", "first")

    @pytest.mark.parametrize("row", _CANCELS, ids=_name)
    def test_a_cancel_without_words_has_no_words(
        self, scene: Scenario, row: Transition
    ) -> None:
        job = scene.arrange(row, next(met(row)))
        after = scene.apply(job, row.event, text=None)
        assert (after.cancel_requested_by, after.cancel_reason) == ("anna", None)
        assert scene.store.history(job.id)[-1].reason == reason_of(row)

    def test_the_cause_of_a_stop_is_written_once(self, scene: Scenario) -> None:
        job = scene.running()
        for cause in StopCause:
            scene.apply(job, Event.STOP, stop_cause=cause)
            for other in StopCause:
                with pytest.raises(IllegalTransition):
                    scene.apply(job, Event.STOP, stop_cause=other)
            assert scene.store.get(job.id).stop_cause is cause
            job = scene.running()
