"""Wall time, moved by freezegun: stamps, run_at, expires_at, retries."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from freezegun import freeze_time

from interlock import (
    InvalidOption,
    JobStatus,
    Phase,
    Retry,
    Snooze,
    TransientError,
    current_job,
    job,
)
from interlock.testing.inline import inline_engine

NOON = datetime(2026, 1, 1, 12, tzinfo=UTC)
_calls: list[int] = []


@job(name="time.plain")
def plain() -> str:
    return "done"


@job(name="time.flaky", retry=Retry(max_attempts=3, backoff=8))
def flaky() -> str:
    _calls.append(1)
    if len(_calls) < 3:
        raise TransientError("not yet")
    return "done"


def test_a_submit_stamps_the_clock() -> None:
    with freeze_time(NOON), inline_engine() as engine:
        job = engine.submit(plain).job()
    assert (job.created_at, job.started_at, job.finished_at) == (NOON,) * 3
    assert job.status is JobStatus.SUCCEEDED


def test_a_scheduled_job_waits_for_its_moment() -> None:
    with freeze_time(NOON) as frozen, inline_engine() as engine:
        later = NOON + timedelta(hours=1)
        handle = engine.submit(plain.options(run_at=later))
        assert handle.job().phase is Phase.SCHEDULED
        frozen.move_to(later - timedelta(microseconds=1))
        engine.drain()
        assert handle.job().status is JobStatus.PENDING
        frozen.move_to(later)
        engine.drain()
        assert handle.job().status is JobStatus.SUCCEEDED


def test_a_job_that_was_not_started_in_time_expires() -> None:
    with freeze_time(NOON) as frozen, inline_engine() as engine:
        engine.pause("default")
        limit = NOON + timedelta(minutes=1)
        handle = engine.submit(plain.options(expires_at=limit))
        frozen.move_to(limit + timedelta(seconds=1))
        engine.resume("default")
        engine.drain()
        job = handle.job()
    assert (job.status, job.reason, job.attempt) == (
        JobStatus.CANCELED,
        "expired",
        0,
    )


@job(name="time.patient")
def patient(ready_at: int) -> int:
    attempt = current_job().attempt
    if attempt < ready_at:
        raise Snooze(60)
    return attempt


def test_a_snoozed_job_goes_on_when_its_time_has_come() -> None:
    with freeze_time(NOON) as frozen, inline_engine() as engine:
        handle = engine.submit(patient, 3)
        snoozed = handle.job()
        assert (snoozed.phase, snoozed.run_at) == (
            Phase.SNOOZED,
            NOON + timedelta(seconds=60),
        )
        assert engine.explain(handle.id) == (
            "Snoozed: its function asked to go on in 60.0 s."
        )
        frozen.tick(60)
        engine.drain()
        assert (handle.job().phase, handle.job().attempt) == (Phase.SNOOZED, 2)
        engine.drain(scheduled=True)
        assert handle.result() == 3


def test_a_snooze_past_the_deadline_ends_there() -> None:
    with freeze_time(NOON) as frozen, inline_engine() as engine:
        handle = engine.submit(patient.options(deadline=90), 9)
        assert handle.job().deadline_at == NOON + timedelta(seconds=90)
        for _ in range(3):
            frozen.tick(31)
            engine.drain()
        job = handle.job()
    assert (job.status, job.reason, job.attempt) == (
        JobStatus.CANCELED,
        "deadline",
        2,
    )
    assert job.duration is None


@pytest.mark.parametrize("seconds", [-1, 31_536_001, float("nan"), "60", True, None])
def test_a_snooze_has_a_number_of_seconds(seconds: Any) -> None:
    with pytest.raises(InvalidOption, match=r"seconds.*0 to 31,536,000"):
        Snooze(seconds)


def test_a_retry_waits_at_most_its_doubled_backoff() -> None:
    _calls.clear()
    with freeze_time(NOON) as frozen, inline_engine() as engine:
        handle = engine.submit(flaky)
        first = handle.job()
        assert first.failures == 1
        assert NOON <= first.run_at <= NOON + timedelta(seconds=8)
        frozen.move_to(NOON + timedelta(seconds=9))
        engine.drain()
        second = handle.job()
        assert second.failures == 2
        assert second.run_at <= NOON + timedelta(seconds=9 + 16)
        frozen.move_to(NOON + timedelta(seconds=26))
        engine.drain()
        assert handle.result(0) == "done"


def test_a_duration_does_not_count_what_a_job_waits_after_an_attempt() -> None:
    _calls.clear()
    with freeze_time(NOON) as frozen, inline_engine() as engine:
        handle = engine.submit(flaky)
        frozen.move_to(NOON + timedelta(seconds=1))
        assert (handle.job().attempt, handle.job().duration) == (1, None)
        handle.cancel()
        ended = handle.job()
    assert ended.finished_at == NOON + timedelta(seconds=1)
    assert (ended.reason, ended.duration) == ("before_start", None)


def test_an_expiry_in_the_past_is_refused() -> None:
    with freeze_time(NOON), inline_engine() as engine:
        with pytest.raises(InvalidOption, match="expires_at"):
            engine.submit(plain.options(expires_at=NOON - timedelta(seconds=1)))
        assert sum(engine.counts().values()) == 0
