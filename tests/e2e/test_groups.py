"""Groups of jobs, with real workers and processes."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from pathlib import Path

import pytest

import postgres
from interlock import (
    AsyncEngine,
    Engine,
    GroupNotFound,
    InvalidOption,
    InvalidParams,
    JobFailed,
    JobStatus,
    Reason,
    WaitTimeout,
)
from pace import deadline

from . import group_jobs as jobs

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


def test_results_come_in_order_and_then_one_job_gets_them(engine: Engine) -> None:
    group = engine.map(jobs.square, range(40), name="squares", tags=["maths"])
    after = group.then(jobs.total)
    with engine.worker(concurrency=4):
        assert group.results(deadline(60)) == [n * n for n in range(40)]
        assert after.result(deadline(60)) == sum(n * n for n in range(40))
    assert (group.progress().completed, group.progress().total) == (40, 40)
    assert len(engine.search(group=group.id, tags=["maths"]).items) == 40
    assert sorted(job.id for job in group.jobs()) == group.members()


def test_items_are_names_places_or_the_only_parameter(engine: Engine) -> None:
    named = engine.map(jobs.power, [{"base": 2, "exponent": 3}, {"base": 3}])
    placed = engine.map(jobs.power.name, [(2, 3), (3,)])
    with engine.worker(concurrency=2):
        assert named.results(deadline(30)) == placed.results(deadline(30)) == [8, 9]
    with pytest.raises(InvalidParams):
        engine.map(jobs.power, [{"base": 2}, {"wrong": 1}])
    assert len(engine.list_groups()) == 2  # nothing of the third was stored


def test_what_failed_runs_again_in_its_place(engine: Engine, tmp_path: Path) -> None:
    flag = str(tmp_path / "flag")
    group = engine.map(jobs.square_once, [(n, flag) for n in range(6)])
    with engine.worker(concurrency=2):
        assert group.wait(deadline(30))[JobStatus.FAILED] == 1
        with pytest.raises(JobFailed):
            group.results()
        assert group.rerun_failed(by="anna") == 1
        assert group.results(deadline(30)) == [0, 1, 4, 9, 16, 25]
        assert group.rerun_failed() == 0
    assert len(engine.search(group=group.id).items) == 7


def test_jobs_are_yielded_as_they_end(engine: Engine) -> None:
    group = engine.map(jobs.sleep, [0.6, 0.01, 0.3])
    with engine.worker(concurrency=3):
        found = [job.group_index for job in group.as_ended(deadline(30))]
        unordered = group.results(ordered=False)
    assert sorted(index for index in found if index is not None) == [0, 1, 2]
    assert found[-1] == 0
    assert unordered[-1] == 0.6


def test_a_block_collects_what_is_submitted_in_it(engine: Engine) -> None:
    with engine.group("mixed", by="anna") as group:
        first = engine.submit(jobs.square, 3)
        engine.submit_many([jobs.square.call(4), jobs.total.call()])
        with pytest.raises(InvalidOption, match="is open"):
            group.then(jobs.total)
    outside = engine.submit(jobs.square, 5)
    assert group.members()[0] == first.id
    assert outside.job().group_id is None
    assert (group.info().created_by, group.progress().total) == ("anna", 3)
    with pytest.raises(WaitTimeout):
        group.wait(0)
    last = engine.submit(jobs.shape.options(depends_on=[group, outside]))
    with engine.worker(concurrency=2):
        assert last.result(deadline(30)) == [[9, 16, 0], 25]


def test_a_group_is_canceled_as_one(engine: Engine) -> None:
    group = engine.map(jobs.sleep, [60.0] * 300)
    with engine.worker(concurrency=2):
        done = group.cancel(reason="not needed", by="anna")
        assert (done.matched, done.done) == (300, 300)
        assert group.wait(deadline(60))[JobStatus.CANCELED] == 300
    after = group.then(jobs.total.options(on_parent_failure="run"))
    with engine.worker(concurrency=1):
        assert after.result(deadline(30)) == 0


def test_an_empty_group_has_ended(engine: Engine) -> None:
    group = engine.map(jobs.square, [])
    assert (group.wait(0)[S], group.results(0)) == (0, [])
    with engine.worker(concurrency=1):
        assert group.then(jobs.total).result(deadline(30)) == 0
    with pytest.raises(GroupNotFound):
        engine.get_group("nobody")


def test_a_failure_cancels_what_comes_then(engine: Engine) -> None:
    group = engine.map(jobs.square, [1, -1])
    after = group.then(jobs.total)
    with engine.worker(concurrency=2):
        assert after.wait(deadline(30)).reason is Reason.PARENT


def test_groups_are_awaited(tmp_path: Path) -> None:
    async def run() -> None:
        async with await AsyncEngine.open(f"sqlite:///{tmp_path}/jobs.db") as engine:
            group = await engine.map(jobs.square, range(5))
            async with await engine.group("mixed") as mixed:
                await engine.submit(jobs.square, 7)
            async with engine.worker(concurrency=2):
                assert await group.results(deadline(30)) == [0, 1, 4, 9, 16]
                after = await mixed.then(jobs.total)
                assert await after.result(deadline(30)) == 49
                ended = [job.group_index async for job in group.as_ended(deadline(30))]
            assert sorted(index for index in ended if index is not None) == [*range(5)]
            assert len(await mixed.members()) == 1
            assert (await group.progress()).total == 5

    asyncio.run(run())
