"""A submit in a transaction of an asynchronous application."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from typing import Any

import psycopg
import pytest
import sqlalchemy as sa
from psycopg.pq import TransactionStatus
from sqlalchemy.ext.asyncio import AsyncSession, create_async_engine

import postgres
from e2e import sample_jobs as jobs
from interlock import AsyncEngine, AsyncJobHandle, Engine, InvalidOption, JobStatus
from pace import deadline

#: From a URL, an application's connection.
Connect = Callable[[str], AbstractAsyncContextManager[Any]]
Submit = Callable[[AsyncEngine, Any, int], Awaitable[AsyncJobHandle[Any]]]


@pytest.fixture(params=["", "?schema=jobs"])
def url(request: pytest.FixtureRequest) -> Iterator[str]:
    with postgres.database(empty=True) as made:
        yield made + request.param


@asynccontextmanager
async def _session(url: str) -> AsyncIterator[AsyncSession]:
    engine = create_async_engine(_alchemy(url))
    async with AsyncSession(engine) as session:
        yield session
    await engine.dispose()


@asynccontextmanager
async def _connection(url: str) -> AsyncIterator[Any]:
    engine = create_async_engine(_alchemy(url))
    async with engine.connect() as connection:
        yield connection
    await engine.dispose()


@asynccontextmanager
async def _psycopg(url: str) -> AsyncIterator[psycopg.AsyncConnection[Any]]:
    plain = url.partition("?")[0]
    async with await psycopg.AsyncConnection.connect(plain) as raw:
        yield raw
        await raw.rollback()


def _alchemy(url: str) -> str:
    return url.partition("?")[0].replace("postgresql:", "postgresql+psycopg:")


CONNECTS: dict[str, Connect] = {
    "AsyncSession": _session,
    "AsyncConnection": _connection,
    "psycopg": _psycopg,
}


async def _one(engine: AsyncEngine, connection: Any, n: int) -> AsyncJobHandle[Any]:
    return await engine.submit(jobs.add.options(connection=connection), n)


async def _by_name(engine: AsyncEngine, connection: Any, n: int) -> AsyncJobHandle[Any]:
    params = {"left": n}
    return await engine.submit(jobs.add.name, params, connection=connection)


async def _many(engine: AsyncEngine, connection: Any, n: int) -> AsyncJobHandle[Any]:
    (handle,) = await engine.submit_many(
        [jobs.add.options(connection=connection).call(n)]
    )
    return handle


SUBMITS: dict[str, Submit] = {"submit": _one, "by name": _by_name, "submit_many": _many}


def _begin_nested(connection: Any) -> Any:
    is_psycopg = isinstance(connection, psycopg.AsyncConnection)
    return connection.transaction() if is_psycopg else connection.begin_nested()


def _texts(connection: Any, text: str) -> object:
    return text if isinstance(connection, psycopg.AsyncConnection) else sa.text(text)


@pytest.mark.parametrize("kind", CONNECTS)
@pytest.mark.parametrize("way", SUBMITS)
def test_a_submit_shares_the_end_of_the_transaction(
    url: str, kind: str, way: str
) -> None:
    submit = SUBMITS[way]

    async def main() -> None:
        async with (
            await AsyncEngine.open(url) as engine,
            CONNECTS[kind](url) as connection,
        ):
            await submit(engine, connection, 1)
            await connection.rollback()
            kept = await submit(engine, connection, 2)
            assert (await engine.counts())[JobStatus.PENDING] == 0
            await connection.commit()
            assert (await kept.job()).params == {"left": 2}
            assert (await engine.counts())[JobStatus.PENDING] == 1

    asyncio.run(main())


@pytest.mark.parametrize("kind", CONNECTS)
@pytest.mark.parametrize("way", SUBMITS)
def test_a_nested_block_is_undone_alone(url: str, kind: str, way: str) -> None:
    submit = SUBMITS[way]

    async def fail(engine: AsyncEngine, connection: Any) -> None:
        async with _begin_nested(connection):
            await submit(engine, connection, 2)
            async with _begin_nested(connection):
                await submit(engine, connection, 3)
            raise ArithmeticError

    async def main() -> None:
        async with (
            await AsyncEngine.open(url) as engine,
            CONNECTS[kind](url) as connection,
        ):
            kept = [await submit(engine, connection, 1)]
            with pytest.raises(ArithmeticError):
                await fail(engine, connection)
            await connection.execute(_texts(connection, "SAVEPOINT own"))
            await submit(engine, connection, 4)
            await connection.execute(_texts(connection, "ROLLBACK TO SAVEPOINT own"))
            async with _begin_nested(connection):
                kept.append(await submit(engine, connection, 5))
            await connection.commit()
            page = await engine.search()
            assert {job.id for job in page.items} == {handle.id for handle in kept}

    asyncio.run(main())


def test_other_tasks_wait_with_a_connection_that_is_lent(url: str) -> None:
    async def main() -> None:
        async with await AsyncEngine.open(url) as engine, _psycopg(url) as raw:
            handles, *answers = await asyncio.gather(
                asyncio.gather(*(_one(engine, raw, n) for n in range(8))),
                *(raw.execute("SELECT %s", (n,)) for n in range(8)),
            )
            assert [await a.fetchone() for a in answers] == [(n,) for n in range(8)]
            await raw.commit()
            assert len({handle.id for handle in handles}) == 8
            assert (await engine.counts())[JobStatus.PENDING] == 8

    asyncio.run(main())


def test_a_canceled_submit_gives_the_connection_back_when_it_has_ended(
    url: str,
) -> None:
    async def main() -> None:
        plain = url.partition("?")[0]
        async with (
            await AsyncEngine.open(url) as engine,
            _psycopg(url) as raw,
            await psycopg.AsyncConnection.connect(plain) as other,
        ):
            table = "jobs.interlock_job" if "schema" in url else "interlock_job"
            await other.execute(f"LOCK TABLE {table} IN EXCLUSIVE MODE".encode())
            submitting = asyncio.create_task(_one(engine, raw, 1))
            async with asyncio.timeout(deadline(20)):
                while raw.info.transaction_status is not TransactionStatus.ACTIVE:  # noqa: ASYNC110  (nothing tells of it)
                    await asyncio.sleep(0.01)
            submitting.cancel()
            asking = asyncio.create_task(raw.execute("SELECT 7"))
            await asyncio.wait([submitting, asking], timeout=0.2)
            assert not submitting.done()
            await other.rollback()
            with pytest.raises(asyncio.CancelledError):
                await submitting
            assert await (await asking).fetchone() == (7,)
            await raw.rollback()

    asyncio.run(main())


def test_a_connection_of_an_event_loop_is_refused_without_one(url: str) -> None:
    async def main() -> None:
        async with _psycopg(url) as raw:
            with (
                Engine.open(url) as engine,
                pytest.raises(InvalidOption, match=r"AsyncEngine\.submit"),
            ):
                engine.submit(jobs.add.options(connection=raw), 1)

    asyncio.run(main())


def test_an_async_connection_in_autocommit_mode_is_refused(url: str) -> None:
    async def main() -> None:
        async with await AsyncEngine.open(url) as engine, _psycopg(url) as raw:
            await raw.set_autocommit(True)
            with pytest.raises(InvalidOption, match="autocommit mode"):
                await _one(engine, raw, 1)
            async with raw.transaction():
                kept = await _one(engine, raw, 2)
            page = await engine.search()
            assert [job.id for job in page.items] == [kept.id]

    asyncio.run(main())


def test_one_submit_many_has_one_connection(url: str) -> None:
    async def main() -> None:
        async with (
            await AsyncEngine.open(url) as engine,
            _session(url) as one,
            _session(url) as other,
        ):
            calls = [jobs.add.options(connection=c).call(1) for c in (one, other)]
            with pytest.raises(InvalidOption, match="different connections"):
                await engine.submit_many(calls)
            assert await engine.submit_many([]) == []

    asyncio.run(main())


@pytest.mark.parametrize("kind", CONNECTS)
def test_a_job_is_replaced_in_the_transaction_of_the_application(
    url: str, kind: str
) -> None:
    keyed = jobs.add.options(unique=True, unique_for=60, on_conflict="replace")

    async def main() -> None:
        async with (
            await AsyncEngine.open(url) as engine,
            CONNECTS[kind](url) as connection,
        ):
            old = await engine.submit(keyed, 1)
            for end in (connection.rollback, connection.commit):
                await engine.submit(keyed.options(connection=connection), 1)
                assert (await old.job()).status is JobStatus.PENDING
                await end()
            assert (await old.job()).reason == "replaced"
            assert (await engine.counts())[JobStatus.PENDING] == 1
            (new,) = await engine.submit_many(
                [keyed.options(on_conflict="return").call(1)]
            )
            assert (await new.job()).status is JobStatus.PENDING
            assert await engine.verify() == []

    asyncio.run(main())
