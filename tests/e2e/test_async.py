"""`AsyncEngine` on a real file, with a real worker, beside a loop that must go on."""

from __future__ import annotations

import asyncio
import sqlite3
import threading
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager, closing, suppress
from pathlib import Path
from typing import Any

import pytest

from interlock import (
    AsyncEngine,
    AsyncJobHandle,
    Engine,
    IllegalTransition,
    InterlockError,
    InvalidOption,
    Job,
    JobNotFound,
    JobStatus,
    WaitTimeout,
)
from pace import deadline
from postgres import database

from . import sample_jobs as jobs

Scenario = Callable[[AsyncEngine], Awaitable[None]]


@pytest.fixture(params=["sqlite", "postgresql"])
def url(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    if request.param == "sqlite":
        yield f"sqlite:///{tmp_path}/jobs.db"
        return
    with database() as database_url:
        yield database_url


def played(url: str, scene: Scenario) -> None:
    """Play a scene with an engine of its own, on a loop of its own."""

    async def play() -> None:
        async with await AsyncEngine.open(url) as engine:
            await scene(engine)
            assert await engine.verify() == []

    asyncio.run(asyncio.wait_for(play(), deadline(60)))


@asynccontextmanager
async def locked(path: Path, ticks: int = 20) -> AsyncIterator[list[int]]:
    """Lock a file for writers until the loop has ticked; yield the ticks.

    Whoever blocks the loop with a write keeps the lock from being released.
    """
    ticked: list[int] = []
    holder = sqlite3.connect(path, isolation_level=None)
    holder.execute("BEGIN IMMEDIATE")

    async def tick() -> None:
        while len(ticked) < ticks:
            await asyncio.sleep(0.005)
            ticked.append(len(ticked))
        holder.execute("ROLLBACK")

    ticking = asyncio.create_task(tick())
    try:
        yield ticked
        await ticking
    finally:
        ticking.cancel()
        holder.close()


async def counted(engine: AsyncEngine) -> int:
    return sum((await engine.counts()).values())


def test_a_job_is_submitted_awaited_and_canceled(url: str) -> None:
    async def scene(engine: AsyncEngine) -> None:
        async with engine.worker(concurrency=2) as worker:
            assert [w.id for w in await engine.workers()] in ([worker.id], [])
            handle = await engine.submit(jobs.add, 1, right=2)
            assert isinstance(handle, AsyncJobHandle)
            assert await handle.result(timeout=deadline(30)) == 3
            assert (await handle.job()).status is JobStatus.SUCCEEDED
            assert await (await engine.handle(handle.id)).wait() == await handle.job()
            with pytest.raises(IllegalTransition):
                await handle.cancel("too late")
            again = await engine.rerun(handle.id, by="anna")
            assert (await again.wait(deadline(30))).rerun_of == handle.id
            many = await engine.submit_many([jobs.add.call(n) for n in range(3)])
            assert [await one.result(deadline(30)) for one in many] == [1, 2, 3]
        assert await engine.workers() == []
        left = await engine.submit("t.add", {"left": 1}, priority=3)
        with pytest.raises(WaitTimeout):
            await left.wait(timeout=0.01)
        canceled = await left.cancel("enough", by="anna", wait=deadline(5))
        assert (canceled.status, canceled.cancel_reason) == (
            JobStatus.CANCELED,
            "enough",
        )
        with pytest.raises(JobNotFound):
            await engine.handle("nope")

    played(url, scene)


def test_the_loop_goes_on_while_twenty_submits_wait_for_the_database(
    tmp_path: Path,
) -> None:
    async def scene(engine: AsyncEngine) -> None:
        async with locked(tmp_path / "jobs.db") as ticked:
            calls = [engine.submit(jobs.add, n) for n in range(20)]
            handles = await asyncio.gather(*calls)
            assert len(ticked) == 20  # none was stored before the lock was released
        async with engine.worker(concurrency=2):
            before, alive = threading.active_count(), asyncio.Event()
            waits = [
                asyncio.create_task(h.result(timeout=deadline(30))) for h in handles
            ]
            asyncio.get_running_loop().call_soon(alive.set)
            await alive.wait()
            assert await asyncio.gather(*waits) == [n + 1 for n in range(20)]
            assert threading.active_count() < before + 20  # no thread a wait

    played(f"sqlite:///{tmp_path}/jobs.db", scene)


def test_the_loop_goes_on_while_an_engine_is_opened_and_closed(tmp_path: Path) -> None:
    path = tmp_path / "jobs.db"

    async def scene() -> None:
        with closing(sqlite3.connect(path)) as made:
            made.execute("PRAGMA journal_mode=wal")
        async with locked(path) as ticked:
            engine = await AsyncEngine.open(f"sqlite:///{path}")
            assert len(ticked) == 20  # the schema was made when the lock was free
        async with locked(path) as ticked:
            submitting = asyncio.create_task(engine.submit(jobs.add, 1))
            await asyncio.sleep(0.01)
            await engine.aclose()  # after the submit, which is under way
            assert len(ticked) == 20
        assert (await submitting).id
        with pytest.raises(InterlockError, match="closed"):
            await engine.counts()
        await engine.close()  # once more does no harm

    asyncio.run(asyncio.wait_for(scene(), deadline(60)))
    with Engine.open(f"sqlite:///{path}") as engine:
        assert sum(engine.counts().values()) == 1


def test_the_loop_goes_on_while_a_worker_stops(tmp_path: Path) -> None:
    async def scene(engine: AsyncEngine) -> None:
        async def let_it_end() -> None:
            for _ in range(20):
                await asyncio.sleep(0.005)
            (tmp_path / "end").touch()

        async with engine.worker(concurrency=1, shutdown_grace=30):
            handle = await engine.submit(jobs.until_there, str(tmp_path / "end"))
            while (await handle.job()).status is JobStatus.PENDING:  # noqa: ASYNC110  (of another process)
                await asyncio.sleep(0.01)
            ending = asyncio.create_task(let_it_end())
        assert ending.done()
        assert (await handle.job()).status is JobStatus.SUCCEEDED

    played(f"sqlite:///{tmp_path}/jobs.db", scene)


def test_a_canceled_task_leaves_no_worker_behind(tmp_path: Path) -> None:
    async def scene(engine: AsyncEngine) -> None:
        for seconds in (0.0, 0.001, 0.05, 0.3):

            async def work() -> None:
                async with engine.worker(concurrency=1):
                    await asyncio.sleep(60)

            working = asyncio.create_task(work())
            await asyncio.sleep(seconds)
            working.cancel()
            with pytest.raises(asyncio.CancelledError):
                await working
            names = [thread.name for thread in threading.enumerate()]
            assert "interlock-worker" not in names

    played(f"sqlite:///{tmp_path}/jobs.db", scene)


def test_a_write_of_a_canceled_task_is_done_as_a_whole(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def scene(engine: AsyncEngine) -> None:
        store, began = engine.sync._store, asyncio.Event()
        add, loop = store.add, asyncio.get_running_loop()

        def noticed(*args: Any, **options: Any) -> list[Job]:
            loop.call_soon_threadsafe(began.set)
            return add(*args, **options)

        monkeypatch.setattr(store, "add", noticed)
        async with locked(tmp_path / "jobs.db"):
            writing = asyncio.create_task(
                engine.submit_many([jobs.add.call(n) for n in range(50)])
            )
            await began.wait()  # canceled earlier, it would have written nothing
            writing.cancel()
            with pytest.raises(asyncio.CancelledError):
                await writing
        while await counted(engine) == 0:  # noqa: ASYNC110  (a thread's work)
            await asyncio.sleep(0.01)
        assert await counted(engine) == 50

    played(f"sqlite:///{tmp_path}/jobs.db", scene)


def test_a_block_is_one_transaction_over_awaits(url: str) -> None:
    async def scene(engine: AsyncEngine) -> None:
        other = await AsyncEngine.open(url)
        async with engine.together():
            first = await engine.submit(jobs.add, 1)
            await asyncio.sleep(0)
            await engine.submit(jobs.add, 2)
            await asyncio.gather(*(engine.submit(jobs.add, n) for n in range(3)))
            await engine.cancel(first.id)  # a block sees what it has written
            assert (await first.job()).status is JobStatus.CANCELED
            assert await counted(other) == 0  # nobody else does
        assert await counted(other) == 5
        await other.close()

    played(url, scene)


@pytest.mark.parametrize("how", ["error", "cancel"])
def test_an_error_or_a_cancellation_undoes_a_block(url: str, how: str) -> None:
    async def scene(engine: AsyncEngine) -> None:
        written = asyncio.Event()

        async def write() -> None:
            async with engine.together():
                await engine.submit(jobs.add, 1)
                written.set()
                if how == "error":
                    raise ZeroDivisionError
                await asyncio.sleep(60)

        writing = asyncio.create_task(write())
        await written.wait()
        if how == "cancel":
            writing.cancel()
        error = ZeroDivisionError if how == "error" else asyncio.CancelledError
        with pytest.raises(error):
            await writing
        assert await counted(engine) == 0
        await engine.submit(jobs.add, 1)  # the turn to write is free again
        assert await counted(engine) == 1

    played(url, scene)


def test_a_cancellation_during_a_call_undoes_the_block_after_the_call(
    tmp_path: Path,
) -> None:
    async def scene(engine: AsyncEngine) -> None:
        async def write() -> None:
            async with engine.together():
                await engine.submit(jobs.add, 1)

        async with locked(tmp_path / "jobs.db") as ticked:
            writing = asyncio.create_task(write())
            while not ticked:  # noqa: ASYNC110  (a list)
                await asyncio.sleep(0.001)
            writing.cancel()
            with pytest.raises(asyncio.CancelledError):
                await writing
            assert len(ticked) == 20
        assert await counted(engine) == 0

    played(f"sqlite:///{tmp_path}/jobs.db", scene)


def test_calls_of_other_tasks_do_not_join_a_block(url: str) -> None:
    async def scene(engine: AsyncEngine) -> None:
        begun, done = asyncio.Event(), asyncio.Event()

        async def undone() -> None:
            with suppress(ZeroDivisionError):
                async with engine.together():
                    begun.set()
                    await done.wait()
                    await engine.submit(jobs.add, 1)
                    raise ZeroDivisionError

        undoing = asyncio.create_task(undone())
        await begun.wait()
        kept = await engine.submit(jobs.add, 2)
        done.set()
        await undoing
        assert await counted(engine) == 1
        assert (await kept.job()).params == {"left": 2}

    played(url, scene)


def test_a_task_that_outlives_its_block_calls_outside_of_it(url: str) -> None:
    async def scene(engine: AsyncEngine) -> None:
        is_over = asyncio.Event()

        async def later() -> None:
            await is_over.wait()
            await engine.submit(jobs.add, 2)

        async with engine.together():
            await engine.submit(jobs.add, 1)
            task = asyncio.create_task(later())
        is_over.set()
        await task
        assert await counted(engine) == 2

    played(url, scene)


def test_a_block_within_a_block_is_undone_alone(url: str) -> None:
    async def scene(engine: AsyncEngine) -> None:
        async with engine.together():
            await engine.submit(jobs.add, 1)
            with suppress(ZeroDivisionError):
                async with engine.together():
                    await engine.submit(jobs.add, 2)
                    raise ZeroDivisionError
            async with engine.together():
                await engine.submit(jobs.add, 3)
        found = (await engine.search()).items
        assert sorted(int(str(job.params["left"])) for job in found) == [1, 3]

        with suppress(ZeroDivisionError):
            async with engine.together():
                async with engine.together():
                    await engine.submit(jobs.add, 4)
                raise ZeroDivisionError
        assert await counted(engine) == 2

    played(url, scene)


def test_tasks_of_one_block_do_not_share_their_inner_blocks(url: str) -> None:
    """What a task writes in the outer block is not undone with another's inner one."""

    async def scene(engine: AsyncEngine) -> None:
        within = asyncio.Event()

        async def undone(left: int) -> None:
            with suppress(ZeroDivisionError):
                async with engine.together():
                    await engine.submit(jobs.add, left)
                    within.set()
                    await asyncio.sleep(0.01)
                    raise ZeroDivisionError

        async def kept(left: int) -> None:
            await within.wait()
            await engine.submit(jobs.add, left)

        async with engine.together():
            await asyncio.gather(undone(1), kept(2), undone(3), kept(4))
        found = (await engine.search()).items
        assert sorted(int(str(job.params["left"])) for job in found) == [2, 4]

    played(url, scene)


def test_blocks_of_two_engines_are_two_transactions(tmp_path: Path) -> None:
    async def scene(engine: AsyncEngine) -> None:
        async with await AsyncEngine.open(f"sqlite:///{tmp_path}/other.db") as other:
            with suppress(ZeroDivisionError):
                async with engine.together():
                    await engine.submit(jobs.add, 1)
                    async with other.together():
                        await engine.submit(jobs.add, 2)
                        await other.submit(jobs.add, 3)
                    raise ZeroDivisionError
            assert (await counted(engine), await counted(other)) == (0, 1)

    played(f"sqlite:///{tmp_path}/jobs.db", scene)


def test_once_acts_in_a_thread_and_answers_alike(url: str) -> None:
    async def scene(engine: AsyncEngine) -> None:
        def act() -> str:
            return engine.sync.submit(jobs.add, 1).id

        first = await engine.once("key", "request", act, kept=60)
        assert await engine.once("key", "request", act, kept=60) == first
        assert await counted(engine) == 1

    played(url, scene)


@pytest.mark.parametrize("wrong", [-1, float("nan"), True, "soon"])
def test_what_is_no_time_to_wait_is_refused(engine: Engine, wrong: Any) -> None:
    job_id = engine.submit(jobs.add, 1).id

    async def scene() -> None:
        awaited = AsyncEngine(engine)
        with pytest.raises(InvalidOption, match="timeout"):
            await awaited.wait(job_id, wrong)
        with pytest.raises(InvalidOption, match="wait"):
            await awaited.cancel(job_id, wait=wrong)

    asyncio.run(scene())
    with pytest.raises(InvalidOption, match="timeout"):
        engine.result(job_id, wrong)
    with pytest.raises(InvalidOption, match="wait"):
        engine.cancel(job_id, wait=wrong)
    assert engine.get(job_id).status is JobStatus.PENDING
