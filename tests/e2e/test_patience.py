"""What a job may say of itself, and what its times are, with a real worker."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path

import pytest

import postgres
from interlock import Engine, Event, JobStatus, Phase, Reason
from interlock.jobs.registry import JobFunction
from pace import deadline
from workers import working_engine

from . import patient_jobs as jobs
from .processes import until


@pytest.fixture(scope="module", params=["sqlite", "postgresql"])
def working(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Engine]:
    if request.param == "sqlite":
        with working_engine(tmp_path_factory.mktemp("home")) as engine:
            yield engine
        return
    with postgres.database() as url, Engine.open(url) as engine:
        with engine.worker(concurrency=4):
            yield engine
        assert engine.verify() == []


@pytest.mark.parametrize("job", [jobs.polls, jobs.polls_async, jobs.polls_freshly])
def test_a_job_goes_on_later_and_spends_nothing(
    working: Engine, job: JobFunction[[int], int]
) -> None:
    ended = working.submit(job, 3).wait(deadline(60))
    assert (ended.status, ended.result, ended.attempt) == (JobStatus.SUCCEEDED, 3, 3)
    assert (ended.failures, ended.losses) == (0, 0)
    attempts = working.attempts(ended.id)
    assert [one.outcome for one in attempts] == [
        *(Event.SNOOZE, Event.SNOOZE, Event.SUCCEED),
    ]
    assert [one.error for one in attempts] == [None, None, None]
    events = [(entry.event, entry.reason) for entry in working.history(ended.id)]
    assert ("snooze", "snoozed") in events


def test_a_snoozed_job_says_until_when(working: Engine) -> None:
    handle = working.submit(jobs.polls, 2, 3600.0)
    until(lambda: handle.job().phase is Phase.SNOOZED)
    waiting = handle.job()
    assert (waiting.status, waiting.reason) == (JobStatus.PENDING, Reason.SNOOZED)
    (attempt,) = working.attempts(handle.id)
    assert attempt.ended_at is not None
    assert abs(waiting.run_at - attempt.ended_at - timedelta(hours=1)) < timedelta(
        seconds=1
    )
    assert working.explain(handle.id).startswith("Snoozed: its function asked to go on")
    assert handle.cancel(reason="enough").status is JobStatus.CANCELED


def test_code_that_catches_every_exception_catches_a_snooze(working: Engine) -> None:
    assert working.submit(jobs.careful).result(deadline(30)) == "caught"


def test_a_job_that_stands_still_is_stopped_where_it_is(working: Engine) -> None:
    ended = working.submit(jobs.stands_still, 5).wait(deadline(60))
    assert (ended.status, ended.reason) == (JobStatus.TIMEOUT, Reason.STALLED)
    assert ended.error is not None
    assert ended.error.message.startswith(
        "it reported no progress for 0.5 s; it was in"
    )
    assert "stands_still" in ended.error.message
    assert ended.duration is not None
    assert ended.duration > timedelta(seconds=1)  # its reports were heard
    log = "\n".join(line.text for line in working.log(ended.id))
    assert "stands_still" in log  # the stacks


def test_a_job_is_stopped_at_its_deadline(working: Engine) -> None:
    job = jobs.sleeps.options(deadline=1, timeout=60)
    ended = working.submit(job).wait(deadline(60))
    assert (ended.status, ended.reason) == (JobStatus.TIMEOUT, Reason.DEADLINE)
    assert ended.deadline_at is not None
    given = ended.deadline_at - ended.run_at
    assert abs(given - timedelta(seconds=1)) < timedelta(seconds=0.5)


def test_a_job_that_waits_too_long_is_canceled(working: Engine) -> None:
    job = jobs.polls.options(deadline=0.5)
    ended = working.submit(job, 2, 3600.0).wait(deadline(60))
    assert (ended.status, ended.reason) == (JobStatus.CANCELED, Reason.DEADLINE)
    last = working.history(ended.id)[-1]
    assert (last.event, last.reason) == ("miss_deadline", "deadline")


def test_a_job_knows_its_deadline(working: Engine) -> None:
    handle = working.submit(jobs.says_when)
    said = datetime.fromisoformat(str(handle.result(deadline(30))))
    job = handle.job()
    assert job.deadline_at is not None
    assert abs(said - job.deadline_at) < timedelta(seconds=deadline(1))
    sooner = working.submit(jobs.says_when.options(timeout=7))
    said = datetime.fromisoformat(str(sooner.result(deadline(30))))
    started = sooner.job().started_at
    assert started is not None
    assert abs(said - started - timedelta(seconds=7)) < timedelta(seconds=deadline(1))


def test_a_retry_after_the_deadline_is_none(working: Engine) -> None:
    job = jobs.fails.options(deadline=30)
    ended = working.submit(job, 31.0).wait(deadline(30))
    assert (ended.status, ended.attempt) == (JobStatus.FAILED, 1)
    assert ended.error is not None
    assert ended.error.message.startswith("busy (no retry: it would start after")


def test_what_a_job_declares_permanent_is_not_retried(working: Engine) -> None:
    ended = working.submit(jobs.gives_up).wait(deadline(30))
    assert (ended.status, ended.attempt) == (JobStatus.FAILED, 1)


def test_a_key_outlives_its_job(working: Engine, tmp_path: Path) -> None:
    key = str(tmp_path)
    first = working.submit(jobs.once, key)
    first.wait(deadline(30))
    again = working.submit(jobs.once.options(on_conflict="return"), key)
    assert again.id == first.id
    assert again.result(deadline(30)) == key
