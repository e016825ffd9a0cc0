"""A database that refuses one value: the value is lost, not the worker or its jobs."""

from __future__ import annotations

import logging
from collections.abc import Iterator

import psycopg
import pytest

import postgres
from e2e import sample_jobs as jobs
from interlock import Engine, JobStatus
from interlock.core.lifecycle import Reason
from pace import deadline

from . import fault_jobs


@pytest.fixture
def url() -> Iterator[str]:
    with postgres.database() as url:
        yield url


def _refuse(url: str, table: str, condition: str) -> None:
    """Let the database refuse rows in a way that the engine knows nothing of."""
    with psycopg.connect(url) as connection:
        connection.execute(f"ALTER TABLE {table} ADD CHECK ({condition})")


def test_a_line_that_the_database_refuses_costs_only_itself(
    url: str, caplog: pytest.LogCaptureFixture
) -> None:
    with Engine.open(url) as engine:
        _refuse(url, "interlock_log", "text <> 'poison'")
        with engine.worker(concurrency=4):
            handle = engine.submit(fault_jobs.prints, ["one", "poison", "three"])
            others = [engine.submit(jobs.add, number) for number in range(20)]
            assert handle.result(deadline(30)) is None
            assert [o.result(deadline(30)) for o in others] == list(range(1, 21))
        assert [line.text for line in engine.log(handle.id)] == ["one", "three"]
        assert engine.verify() == []
    assert "the database refuses a LogLine of it, which is left out" in caplog.text


def test_a_result_that_the_database_refuses_fails_its_job_and_no_other(
    url: str, caplog: pytest.LogCaptureFixture
) -> None:
    with Engine.open(url) as engine:
        _refuse(url, "interlock_job", "result::text <> '13'")
        with engine.worker(concurrency=4), caplog.at_level(logging.ERROR):
            numbers = range(8, 16)
            handles = [engine.submit(jobs.add, number) for number in numbers]
            ended = [handle.wait(deadline(30)) for handle in handles]
        assert [job.result for job in ended if job.status is JobStatus.SUCCEEDED] == [
            number + 1 for number in numbers if number != 12
        ]
        (failed,) = (job for job in ended if job.status is not JobStatus.SUCCEEDED)
        assert (failed.status, failed.reason, failed.losses) == (
            JobStatus.FAILED,
            Reason.BAD_RESULT,
            0,
        )
        assert engine.verify() == []
