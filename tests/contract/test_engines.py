"""An inline engine ends each job as an engine with a worker does."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date, timedelta

import pytest

from interlock import Engine, JobStatus
from interlock.testing.inline import InlineEngine, inline_engine
from pace import deadline
from workers import working_engine

from . import ending_kinds as kinds

S, F = JobStatus.SUCCEEDED, JobStatus.FAILED


@pytest.fixture(scope="module")
def working(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Engine]:
    with working_engine(tmp_path_factory.mktemp("home")) as engine:
        yield engine


@pytest.fixture(params=["inline", "worker"])
def engine(request: pytest.FixtureRequest) -> Iterator[Engine]:
    if request.param == "inline":
        with inline_engine() as inline:
            yield inline
    else:
        yield request.getfixturevalue("working")


@pytest.mark.parametrize(
    ("how", "status", "reason", "told"),
    [
        ("tuple", S, "returned", [1, [2]]),
        ("keys", S, "returned", {"1": "one"}),
        ("exit", S, "returned", None),
        ("exit 3", F, "exit_code", "the process ended with exit code 3"),
        ("exit words", F, "exit_code", "no such shop"),
        ("error", F, "error", "boom"),
        ("odd", F, "error", "(its str() raised RuntimeError)"),
        ("memory", F, "out_of_memory", "MemoryError"),
        ("object", F, "bad_result", "the job returned a object that is not JSON: "),
        ("nan", F, "bad_result", "the job returned a float that is not JSON: "),
        ("nul", F, "bad_result", "the job returned a str that is not JSON: "),
        ("deep", F, "bad_result", "the result is nested deeper than 64 levels"),
        ("large", F, "bad_result", "the result is 2000002 bytes of JSON; "),
    ],
)
def test_a_job_ends_alike(
    engine: Engine, how: str, status: JobStatus, reason: str, told: object
) -> None:
    job = engine.submit(kinds.ends, how).wait(deadline(20))
    assert (job.status, job.reason) == (status, reason)
    if status is S:
        assert (job.result, job.error) == (told, None)
        return
    assert job.error is not None
    assert job.error.message.startswith(str(told))
    if reason == "error":
        assert job.error.traceback is not None
        assert job.error.traceback.splitlines()[1].endswith("in ends")


def test_what_a_job_is_given_and_gives_is_of_its_own(engine: Engine) -> None:
    given = [1]
    handle = engine.submit(kinds.changes, given)
    assert handle.result(deadline(20)) == [1, 2]
    assert given == [1]
    assert engine.get(handle.id).params == {"values": [1]}


def test_annotations_rule_alike(engine: Engine) -> None:
    handle = engine.submit(kinds.next_day, date(2026, 2, 28))
    assert handle.result(deadline(20)) == (date(2026, 3, 1), timedelta(days=1))
    assert handle.job().result == ["2026-03-01", "P1D"]
    wrong = engine.submit(kinds.wrong).wait(deadline(20))
    assert (wrong.status, wrong.reason) == (F, "bad_result")


def test_a_coroutine_is_awaited_alike(engine: Engine) -> None:
    handle = engine.submit(kinds.awaits, 1)
    assert handle.result(deadline(20)) == [2, handle.id]


def test_a_job_of_a_job_is_alike(engine: Engine) -> None:
    parent = engine.submit(kinds.parent)
    child = engine.wait(str(parent.result(deadline(20))), deadline(20))
    assert (child.result, child.parent_id, child.queue) == ([1, 2], parent.id, "small")


def test_retries_end_alike(engine: Engine) -> None:
    handle = engine.submit(kinds.flaky)
    if isinstance(engine, InlineEngine):
        engine.drain(scheduled=True)
    job = handle.wait(deadline(20))
    assert (job.status, job.result, job.attempt, job.failures) == (S, 3, 3, 2)
    events = [entry.event for entry in engine.history(handle.id)]
    assert events == ["submit", *["claim", "retry"] * 2, "claim", "succeed"]
