"""What the worker does next, in every situation that it can see."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime

import pytest

from interlock.core.job import Exit, Failure, Job
from interlock.core.lifecycle import Event, JobStatus, Proof, Reason, StopCause
from interlock.core.retry import Retry
from interlock.worker.supervision import (
    Ask,
    Decision,
    Finish,
    Lose,
    Signal,
    Supervised,
    Wait,
    decide,
)

NOW = datetime(2026, 1, 1, tzinfo=UTC)
JOB = Job(
    id="j",
    name="m.f",
    params={},
    created_at=NOW,
    run_at=NOW,
    status=JobStatus.RUNNING,
    attempt=1,
    retry=Retry(max_attempts=2),
)
FAILED = Failure(reason=Reason.ERROR, message="boom")
PASSING = replace(FAILED, transient=True)
SNOOZED = Failure(reason=Reason.SNOOZED, message="later", delay_s=5.0)
DEAD = Proof.NAMESPACE


def seen(
    stop: StopCause | None = None,
    *,
    failure: Failure | None = None,
    exited: bool = False,
    dead: bool = False,
    job: Job = JOB,
    signaled: bool = False,
    cancel_requested: bool = False,
    shut_down: bool = False,
    overrun: Reason | None = None,
    is_too_late: bool = False,
    last_moment: float | None = None,
) -> Supervised:
    return Supervised(
        job=replace(job, stop_cause=stop),
        deadline=10.0,
        exit=Exit(code=0) if exited else None,
        failure=failure,
        proof=DEAD if dead else None,
        signaled=signaled,
        cancel_requested=cancel_requested,
        shut_down=shut_down,
        overrun=overrun,
        is_too_late=is_too_late,
        last_moment=last_moment,
    )


SPENT = replace(JOB, failures=1)
ON_TIMEOUT = replace(JOB, retry=Retry(max_attempts=2, on_timeout=True))
STALLING = replace(JOB, stalled_after_s=3.0)
CASES: list[tuple[Supervised, float, Decision]] = [
    (seen(), 9.9, Wait()),
    (seen(), 10.0, Ask(StopCause.TIMEOUT, Reason.TOO_LONG)),
    (seen(cancel_requested=True), 10.0, Ask(StopCause.CANCEL)),
    (seen(shut_down=True), 0.0, Ask(StopCause.SHUTDOWN)),
    (seen(StopCause.CANCEL), 0.0, Signal(StopCause.CANCEL)),
    (seen(StopCause.CANCEL, signaled=True), 99.0, Wait()),
    # What has been read of an exit disarms the timeout and the cancel.
    (seen(exited=True, cancel_requested=True), 99.0, Wait()),
    (seen(exited=True, dead=True), 99.0, Finish(Event.SUCCEED, Reason.RETURNED)),
    (
        seen(exited=True, dead=True, cancel_requested=True),
        0.0,
        Finish(Event.SUCCEED, Reason.RETURNED),
    ),
    # After a committed stop, success is impossible.
    (
        seen(StopCause.CANCEL, exited=True, dead=True, cancel_requested=True),
        0.0,
        Finish(Event.FINISH_CANCEL, Reason.WHILE_RUNNING),
    ),
    (
        seen(StopCause.TIMEOUT, exited=True, dead=True),
        0.0,
        Finish(Event.TIME_OUT, Reason.TOO_LONG),
    ),
    (
        seen(StopCause.TIMEOUT, dead=True, job=ON_TIMEOUT),
        0.0,
        Finish(Event.RETRY, Reason.TOO_LONG),
    ),
    (
        seen(StopCause.TIMEOUT, dead=True, job=ON_TIMEOUT, cancel_requested=True),
        0.0,
        Finish(Event.TIME_OUT, Reason.TOO_LONG),
    ),
    (
        seen(StopCause.SHUTDOWN, dead=True),
        0.0,
        Finish(Event.RELEASE, Reason.SHUTDOWN),
    ),
    (
        seen(StopCause.SHUTDOWN, dead=True, cancel_requested=True),
        0.0,
        Finish(Event.FINISH_CANCEL, Reason.WHILE_RUNNING),
    ),
    (
        seen(failure=FAILED, exited=True, dead=True),
        0.0,
        Finish(Event.FAIL, Reason.ERROR),
    ),
    (
        seen(failure=PASSING, exited=True, dead=True),
        0.0,
        Finish(Event.RETRY, Reason.ERROR),
    ),
    (
        seen(failure=PASSING, exited=True, dead=True, job=SPENT),
        0.0,
        Finish(Event.FAIL, Reason.ERROR),
    ),
    (
        seen(failure=PASSING, exited=True, dead=True, cancel_requested=True),
        0.0,
        Finish(Event.FINISH_CANCEL, Reason.WHILE_RUNNING),
    ),
    (seen(dead=True), 0.0, Lose()),
    # Three limits; the one that came first says why.
    (seen(last_moment=5.0), 4.9, Wait()),
    (seen(last_moment=5.0), 5.0, Ask(StopCause.TIMEOUT, Reason.DEADLINE)),
    (seen(last_moment=5.0), 99.0, Ask(StopCause.TIMEOUT, Reason.DEADLINE)),
    (seen(last_moment=50.0), 99.0, Ask(StopCause.TIMEOUT, Reason.TOO_LONG)),
    (seen(job=STALLING), 2.9, Wait()),
    (seen(job=STALLING), 3.0, Ask(StopCause.TIMEOUT, Reason.STALLED)),
    # What was asked for once is asked for again: it may be committed.
    (
        seen(overrun=Reason.STALLED),
        0.0,
        Ask(StopCause.TIMEOUT, Reason.STALLED),
    ),
    (seen(exited=True, overrun=Reason.STALLED), 0.0, Wait()),
    (
        seen(StopCause.TIMEOUT, dead=True, overrun=Reason.DEADLINE, job=ON_TIMEOUT),
        0.0,
        Finish(Event.TIME_OUT, Reason.DEADLINE),
    ),
    (
        seen(StopCause.TIMEOUT, dead=True, overrun=Reason.STALLED),
        0.0,
        Finish(Event.TIME_OUT, Reason.STALLED),
    ),
    (
        seen(StopCause.TIMEOUT, dead=True, overrun=Reason.STALLED, job=ON_TIMEOUT),
        0.0,
        Finish(Event.RETRY, Reason.STALLED),
    ),
    (
        seen(StopCause.TIMEOUT, dead=True, is_too_late=True, job=ON_TIMEOUT),
        0.0,
        Finish(Event.TIME_OUT, Reason.TOO_LONG),
    ),
    (
        seen(failure=PASSING, exited=True, dead=True, is_too_late=True),
        0.0,
        Finish(Event.FAIL, Reason.ERROR),
    ),
    # A snooze spends nothing, and gives way to a stop and to a cancel.
    (
        seen(failure=SNOOZED, exited=True, dead=True, job=SPENT),
        99.0,
        Finish(Event.SNOOZE, Reason.SNOOZED),
    ),
    (seen(failure=SNOOZED, exited=True), 99.0, Wait()),
    (
        seen(failure=SNOOZED, exited=True, dead=True, cancel_requested=True),
        0.0,
        Finish(Event.FINISH_CANCEL, Reason.WHILE_RUNNING),
    ),
    (
        seen(StopCause.SHUTDOWN, failure=SNOOZED, exited=True, dead=True),
        0.0,
        Finish(Event.RELEASE, Reason.SHUTDOWN),
    ),
]


@pytest.mark.parametrize(("situation", "now", "expected"), CASES)
def test_the_next_step_follows_from_what_was_seen(
    situation: Supervised, now: float, expected: Decision
) -> None:
    assert decide(situation, now=now) == expected
