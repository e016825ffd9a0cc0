"""Limits, replacements, rates, holds and retention, with real workers and processes."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

import postgres
from interlock import (
    Engine,
    IllegalTransition,
    JobStatus,
    LimitReached,
    Reason,
    Schedule,
    ScheduleNotFound,
)
from pace import deadline

from . import limited_jobs as jobs
from .processes import alive, until

S = JobStatus.SUCCEEDED


@pytest.fixture(params=["sqlite", "postgresql"])
def engine(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Engine]:
    if request.param == "sqlite":
        with Engine.open(f"sqlite:///{tmp_path}/jobs.db") as opened:
            yield opened
            assert opened.verify() == []
        return
    with postgres.database() as url, Engine.open(url) as opened:
        yield opened
        assert opened.verify() == []


def _running(engine: Engine, name: str) -> int:
    found = {limit.key: limit.running for limit in engine.limits.list()}
    return found.get(f"exclusive:{name}", 0)


def test_jobs_of_one_exclusive_key_run_one_after_the_other(
    engine: Engine, tmp_path: Path
) -> None:
    handles = [
        engine.submit(jobs.train, str(tmp_path), model=f"m{number % 3}")
        for number in range(18)
    ]
    with engine.worker(concurrency=4), engine.worker(concurrency=4):
        ended = [handle.wait(deadline(30)) for handle in handles]
    assert [job.status for job in ended] == [S] * 18
    assert _running(engine, jobs.train.name) == 0


def test_the_newest_starts_when_the_one_before_is_dead(
    engine: Engine, tmp_path: Path
) -> None:
    with engine.worker(concurrency=4):
        first = engine.submit(jobs.render, str(tmp_path), page="index")
        until(lambda: Path(tmp_path, "rendering").exists())
        second = engine.submit(jobs.render, str(tmp_path), page="index", seconds=0)
        other = engine.submit(jobs.render, str(tmp_path), page="other", seconds=0)
        assert second.result(deadline(20)) == "index"
        assert other.result(deadline(20)) == "other"
        replaced = first.job()
        assert replaced.status is JobStatus.CANCELED
        assert replaced.cancel_requested_by == "limit"
        assert alive(first.id) == []
        started = second.job().started_at
        assert started is not None
        assert replaced.finished_at is not None
        assert started >= replaced.finished_at


def test_a_rate_holds_over_all_workers(engine: Engine) -> None:
    handles = [engine.submit(jobs.call, "acme") for _ in range(12)]
    apart = engine.submit(jobs.call, "other")
    with engine.worker(concurrency=6), engine.worker(concurrency=6):
        ended = [handle.wait(deadline(30)) for handle in handles]
        assert apart.wait(deadline(20)).status is S
    stamps = sorted(job.started_at for job in ended if job.started_at)
    assert len(stamps) == 12
    for early, late in zip(stamps, stamps[5:], strict=False):
        assert late - early >= timedelta(seconds=2)


def test_what_does_not_wait_is_refused_or_dropped(
    engine: Engine, tmp_path: Path
) -> None:
    with engine.worker(concurrency=2):
        first = engine.submit(jobs.report, str(tmp_path))
        until(lambda: first.job().status is JobStatus.RUNNING)
        dropped = engine.submit(jobs.report, str(tmp_path)).wait(deadline(20))
        assert (dropped.status, dropped.reason) == (JobStatus.CANCELED, Reason.FULL)
        refused = jobs.report.options(when_full="raise")
        with pytest.raises(LimitReached) as caught:
            engine.submit(refused, str(tmp_path))
        assert caught.value.holders == (first.id,)
        with pytest.raises(IllegalTransition, match="hold"):
            engine.hold(f"job:{first.id}")
        Path(tmp_path, "end").touch()
        assert first.wait(deadline(20)).status is S


def test_a_held_job_says_so_and_starts_when_the_hold_is_over(engine: Engine) -> None:
    engine.hold("name:limited.call", by="anna", reason="they are down")
    by_name = engine.submit(jobs.call, "acme")
    alone = engine.submit(jobs.call, "other")
    soon = datetime.now(UTC) + timedelta(seconds=2)
    engine.hold(f"job:{alone.id}", by="bob", until=soon)
    with engine.worker(concurrency=2):
        until(lambda: "anna holds name:limited.call" in engine.explain(by_name.id))
        assert "Held by bob until" in engine.explain(alone.id)
        engine.release_hold("name:limited.call", by="anna")
        assert by_name.wait(deadline(20)).status is S
        ended = alone.wait(deadline(20))
    assert ended.started_at is not None
    assert ended.started_at >= soon
    assert [hold.target for hold in engine.holds()] == []


def test_a_limit_is_changed_while_workers_run(engine: Engine, tmp_path: Path) -> None:
    with engine.worker(concurrency=6):
        handles = [engine.submit(jobs.report, str(tmp_path)) for _ in range(1)]
        until(lambda: _running(engine, jobs.report.name) == 1)
        engine.limits.set("exclusive:limited.report", max_running=3, by="anna")
        handles += [engine.submit(jobs.report, str(tmp_path)) for _ in range(2)]
        until(lambda: _running(engine, jobs.report.name) == 3)
        assert engine.limits.delete("exclusive:limited.report")
        fourth = engine.submit(jobs.report, str(tmp_path)).wait(deadline(20))
        assert fourth.reason is Reason.FULL
        Path(tmp_path, "end").touch()
        assert [handle.wait(deadline(20)).status for handle in handles] == [S] * 3


def test_a_worker_keeps_as_many_ended_jobs_as_it_is_told(engine: Engine) -> None:
    with engine.worker(concurrency=4):
        for number in range(9):
            engine.submit(jobs.short, number)
        until(lambda: engine.counts()[S] == 9)
    with engine.worker(concurrency=1):
        until(lambda: engine.counts()[S] == 3)


def test_a_schedule_that_is_held_is_paused(engine: Engine) -> None:
    engine.schedules.create(
        "s", jobs.short, {"number": 1}, schedule=Schedule(every="1h")
    )
    engine.hold("schedule:s", by="anna", reason="holidays")
    assert engine.schedules.get("s").paused
    edit = engine.schedules.edits("s")[-1]
    assert (edit.actor, edit.reason) == ("anna", "holidays")
    engine.release_hold("schedule:s", by="bob")
    assert not engine.schedules.get("s").paused
    with pytest.raises(ScheduleNotFound):
        engine.hold("schedule:nobody")
    engine.hold("schedule:s", until=datetime.now(UTC) + timedelta(seconds=1))
    assert [hold.target for hold in engine.holds()] == ["schedule:s"]
    with engine.worker(concurrency=1):
        until(lambda: not engine.schedules.get("s").paused)
    assert engine.holds() == []


def test_the_queues_of_a_worker_share_its_starts_by_weight(engine: Engine) -> None:
    for queue in "ab":
        for number in range(12):
            engine.submit(jobs.call.options(queue=queue), f"{queue}{number}")
    with engine.worker(concurrency=1, queues={"a": 3, "b": 1}):
        until(lambda: engine.counts()[S] == 24)
    ended = list(engine.search(limit=100).items)
    ended.sort(key=lambda job: job.started_at or job.run_at)
    assert Counter(job.queue for job in ended[:16]) == {"a": 12, "b": 4}
