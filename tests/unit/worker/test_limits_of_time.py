"""A worker, the deadline of a job, and an attempt that stands still."""

from __future__ import annotations

from datetime import timedelta
from typing import Any, Final

import pytest

from interlock.core.errors import IllegalTransition
from interlock.core.guards import Facts, unmet
from interlock.core.job import Exit, Failure, Job, Move, NewJob
from interlock.core.lifecycle import Event, Guard, JobStatus, Proof, Reason, StopCause
from interlock.core.observations import ExitSeen, TreeDead
from interlock.core.progress import Progress
from interlock.core.retry import Retry
from interlock.core.uniqueness import Unique
from interlock.jobs.registry import JobFunction
from interlock.ports.runner import Wakeup
from interlock.testing.clock import ManualClock
from interlock.worker.loop import Worker
from interlock.worker.settings import WorkerSettings
from interlock_adapters.memory import MemoryStore
from interlock_adapters.memory import store as memory_store

from .test_worker_time import Held, Patience, Runner

FAILED: Final = Failure(reason=Reason.ERROR, message="boom", transient=True, delay_s=8)


def plain() -> None: ...


class Store(MemoryStore):
    """A store whose wake-up waits for nothing."""

    def watch(self) -> Wakeup:
        return Patience()


class Bench:
    """One worker on a store in memory, and one job."""

    def __init__(self, **fields: Any) -> None:
        self.clock = ManualClock()
        self.store = Store(self.clock)
        now = self.clock.now()
        if "deadline_s" in fields:
            fields["deadline_at"] = now + timedelta(seconds=fields.pop("deadline_s"))
        values = {"name": "plain", "params": {}, "created_at": now, "run_at": now}
        self.store.add([NewJob(id="j", **{**values, **fields})])
        jobs = {"plain": JobFunction(function=plain, name="plain")}
        settings = WorkerSettings(concurrency=1, lease=1000)
        self.runner = Runner()
        self.worker = Worker(self.store, self.runner, jobs, settings, self.clock)
        self.worker.turn()

    @property
    def held(self) -> Held:
        return self.runner.held[-1]

    @property
    def job(self) -> Job:
        return self.store.get("j")

    def advance(self, seconds: float) -> None:
        self.clock.advance(seconds)
        self.worker.turn()

    def die(self, failure: Failure | None = None) -> None:
        code = 0 if failure is None else 1
        seen = ExitSeen(exit=Exit(code=code), failure=failure)
        self.held.seen += [seen, TreeDead(proof=Proof.NAMESPACE)]
        self.worker.turn()


def test_an_attempt_without_progress_is_stopped_and_one_with_it_goes_on() -> None:
    bench = Bench(stalled_after_s=10)
    bench.advance(9.9)
    bench.held.seen.append(Progress(completed=1))
    bench.worker.turn()
    bench.advance(9.9)
    assert bench.held.stops == []
    bench.advance(0.1)
    assert bench.held.stops == [StopCause.TIMEOUT]
    bench.die()
    assert (bench.job.status, bench.job.reason) == (JobStatus.TIMEOUT, Reason.STALLED)
    assert bench.job.error is not None
    assert bench.job.error.message == "it reported no progress for 10 s"
    assert bench.job.error.reason is Reason.STALLED


def test_a_worker_wakes_up_for_the_first_limit() -> None:
    bench = Bench(stalled_after_s=10, timeout_s=7, deadline_s=5)
    assert bench.held.launch.deadline_at == bench.job.deadline_at
    assert bench.worker._attempts.next_deadline() == bench.clock.boot() + 5


def test_an_attempt_is_stopped_at_the_deadline_and_not_tried_again() -> None:
    retry = Retry(max_attempts=9, on_timeout=True)
    bench = Bench(timeout_s=60, deadline_s=20, retry=retry)
    bench.advance(19.9)
    assert bench.held.stops == []
    bench.advance(0.1)
    assert bench.held.stops == [StopCause.TIMEOUT]
    bench.die()
    assert (bench.job.status, bench.job.reason) == (JobStatus.TIMEOUT, Reason.DEADLINE)
    assert bench.job.error is not None
    words = "it was still running at its deadline, 2026-01-01 12:00:20 UTC"
    assert bench.job.error.message == words


def test_a_job_that_waits_until_its_deadline_is_canceled() -> None:
    bench = Bench(run_at=ManualClock().now() + timedelta(hours=1), deadline_s=5)
    bench.advance(5)
    assert bench.job.status is JobStatus.PENDING
    bench.advance(2)
    assert (bench.job.status, bench.job.reason) == (
        JobStatus.CANCELED,
        Reason.DEADLINE,
    )


def test_a_worker_prunes_keys_that_are_free() -> None:
    bench = Bench()
    now = bench.clock.now()
    values = {"name": "other", "params": {}, "created_at": now, "run_at": now}
    new = NewJob(id="k", unique_key="u", **values)  # type: ignore[arg-type]  # as named
    bench.store.add([new], unique={"k": Unique(kept=timedelta(seconds=5))})
    bench.advance(60)
    assert bench.store.records.keys != {}
    bench.advance(7)
    assert bench.store.records.keys == {}


def test_a_retry_that_would_come_too_late_is_a_failure_at_once() -> None:
    bench = Bench(deadline_s=7.9, retry=Retry(max_attempts=9))
    bench.die(FAILED)
    assert (bench.job.status, bench.job.reason) == (JobStatus.FAILED, Reason.ERROR)
    assert bench.job.error is not None
    assert bench.job.error.message == (
        "boom (no retry: it would start after the job's deadline)"
    )
    assert bench.store.rejections() == []


def test_a_retry_that_comes_in_time_waits() -> None:
    bench = Bench(deadline_s=8, retry=Retry(max_attempts=9))
    bench.die(FAILED)
    assert (bench.job.status, bench.job.failures) == (JobStatus.PENDING, 1)


def test_a_timeout_whose_retry_would_come_too_late_is_final() -> None:
    retry = Retry(max_attempts=9, on_timeout=True, backoff=(9,))
    bench = Bench(timeout_s=5, deadline_s=10, retry=retry)
    bench.advance(5)
    bench.die()
    assert (bench.job.status, bench.job.reason) == (JobStatus.TIMEOUT, Reason.TOO_LONG)
    assert bench.job.error is not None
    assert bench.job.error.message == (
        "it ran longer than its timeout of 5 s "
        "(no retry: it would start after the job's deadline)"
    )


def test_where_the_stores_clock_is_ahead_the_store_says_that_it_is_too_late(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def judged(event: Event, job: Job, facts: Facts) -> Guard | None:
        found = unmet(event, job, facts)
        late = found is None and event is Event.RETRY
        return Guard.RETRY_IN_TIME if late else found

    bench = Bench(deadline_s=60, retry=Retry(max_attempts=9))
    refused = IllegalTransition(
        JobStatus.RUNNING, Event.RETRY, [], job_id="j", unmet=Guard.RETRY_IN_TIME
    )
    monkeypatch.setattr(memory_store, "unmet", judged)
    monkeypatch.setattr(memory_store, "refusal", lambda *_args, **_named: refused)
    bench.die(FAILED)
    bench.worker.turn()
    assert bench.job.status is JobStatus.FAILED
    assert bench.job.error is not None
    assert "no retry" in bench.job.error.message
    assert [entry.event for entry in bench.store.rejections()] == [Event.RETRY]


def test_a_snoozed_job_is_run_again_and_spends_nothing() -> None:
    bench = Bench(retry=Retry(max_attempts=1))
    asked = Failure(reason=Reason.SNOOZED, message="later", delay_s=30)
    bench.die(asked)
    job = bench.job
    assert (job.status, job.reason, job.failures) == (
        JobStatus.PENDING,
        Reason.SNOOZED,
        0,
    )
    assert job.run_at == bench.clock.now() + timedelta(seconds=30)
    bench.advance(30)
    assert (bench.job.status, bench.job.attempt) == (JobStatus.RUNNING, 2)
    bench.die()
    assert bench.job.status is JobStatus.SUCCEEDED


def test_a_cancel_that_was_requested_ends_a_job_that_snoozes() -> None:
    bench = Bench()
    bench.held.seen += [
        ExitSeen(
            exit=Exit(code=1),
            failure=Failure(reason=Reason.SNOOZED, message="later", delay_s=30),
        )
    ]
    bench.worker.turn()
    now = bench.clock.now()
    bench.store.apply(
        Move(job_id="j", event=Event.REQUEST_CANCEL, now=now, actor="anna")
    )
    bench.held.seen.append(TreeDead(proof=Proof.NAMESPACE))
    bench.advance(2)
    bench.worker.turn()
    assert (bench.job.status, bench.job.reason) == (
        JobStatus.CANCELED,
        Reason.WHILE_RUNNING,
    )


def test_a_job_that_has_started_ends_at_its_deadline_though_it_had_expired() -> None:
    expires_at = ManualClock().now() + timedelta(seconds=1)
    retry = Retry(max_attempts=2, backoff=8)
    bench = Bench(expires_at=expires_at, deadline_s=10, retry=retry)
    bench.die(FAILED)
    bench.store.set_paused("default", paused=True)
    bench.advance(5)
    assert bench.job.status is JobStatus.PENDING
    bench.advance(60)
    assert (bench.job.status, bench.job.reason) == (
        JobStatus.CANCELED,
        Reason.DEADLINE,
    )
