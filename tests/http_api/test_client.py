"""The client: the library's names, values and errors, through a real server."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from e2e import sample_jobs as jobs
from interlock import (
    AmbiguousId,
    DuplicateJob,
    Engine,
    IllegalTransition,
    InterlockError,
    InvalidOption,
    InvalidParams,
    Job,
    JobCanceled,
    JobFailed,
    JobNotFound,
    JobStatus,
    JobTimedOut,
    Retry,
    StoreUnavailable,
    UnknownJobName,
    VersionChanged,
    WaitTimeout,
)
from interlock_adapters.cli.main import app
from interlock_adapters.http import Settings, create_app
from interlock_adapters.http.client import AsyncClient, Client, ServerRefused
from pace import deadline

from .server import serving


@pytest.fixture
def client(engine: Engine) -> Iterator[Client]:
    with serving(create_app(engine)) as url, Client(url) as opened:
        yield opened


def same(left: Job, right: Job) -> bool:
    return repr(replace(left, read_at=right.read_at)) == repr(right)  # enums too


def test_a_job_is_the_same_from_near_and_from_afar(
    client: Client, engine: Engine
) -> None:
    with engine.worker(concurrency=2):
        handle = client.submit(jobs.add, 1, right=4)
        assert handle.result(timeout=deadline(20)) == 5
        failed = client.submit("t.fail", {"how": "error"})
        failed.wait(timeout=deadline(20))
    for each in (handle, failed):
        assert same(client.get(each.id), engine.get(each.id))
        assert client.history(each.id) == engine.history(each.id)
        assert client.attempts(each.id) == engine.attempts(each.id)
        assert client.log(each.id) == engine.log(each.id)
        assert client.explain(each.id) == engine.explain(each.id)
        assert list(client.events(each.id)) == engine.history(each.id)
    assert client.counts() == engine.counts()
    assert client.queues() == engine.queues()


def test_what_is_no_json_needs_the_module_of_the_job(client: Client) -> None:
    with pytest.raises(InvalidParams, match="import the module that declares the job"):
        client.submit("not.here", {"when": datetime.now(UTC)})
    with pytest.raises(UnknownJobName):
        client.submit("not.here", {"when": "2026-01-01"})


def test_every_option_arrives(client: Client, engine: Engine) -> None:
    later = datetime.now(UTC) + timedelta(hours=1)
    options: dict[str, Any] = {
        "timeout": 5.0,
        "grace": 1.0,
        "queue": "q",
        "priority": -3,
        "run_at": later,
        "expires_at": later + timedelta(hours=1),
        "retry": Retry(max_attempts=3, on=(OSError,), backoff=0.5, on_timeout=True),
        "max_losses": 2,
        "deadline": 7200.5,
        "stalled_after": 9.5,
        "unique": ["left"],
        "unique_for": 0.001,
        "idempotency_key": "i",
        "by": "anna",
        "metadata": {"team": ["a"]},
    }
    near = engine.get(engine.submit("t.add", {"left": 1}, **options).id)
    engine.cancel(near.id)
    engine.delete(near.id)
    for handle in (
        client.submit("t.add", {"left": 1}, **options),
        client.submit(jobs.add.options(**options, on_conflict="return"), 1),
    ):
        far = engine.get(handle.id)
        assert replace(far, id=near.id, created_at=near.created_at) == near
    assert near.unique_key == 't.add:{"left":1}'
    assert near.deadline_at == later + timedelta(seconds=7200.5)
    (other,) = client.submit_many([(jobs.add.options(queue="z"), {"left": 2})])
    assert engine.get(other.id).queue == "z"


def test_refusals_are_the_librarys_errors(client: Client, engine: Engine) -> None:
    def both(act: Any, kind: type[InterlockError]) -> InterlockError:
        errors: list[InterlockError] = []
        for desk in (engine, client):
            with pytest.raises(kind) as refused:
                act(desk)
            errors.append(refused.value)
        assert [type(error) for error in errors] == [kind, kind]
        assert str(errors[0]) == str(errors[1])
        return errors[1]

    done = engine.submit("t.add", {"left": 1}, unique_key="u").id
    duplicate = both(
        lambda desk: desk.submit("t.add", {"left": 1}, unique_key="u"), DuplicateJob
    )
    assert isinstance(duplicate, DuplicateJob)
    assert duplicate.job_id == done
    both(lambda desk: desk.rerun(done), IllegalTransition)
    both(lambda desk: desk.delete(done), IllegalTransition)
    both(lambda desk: desk.cancel(done, if_version=7), VersionChanged)
    both(lambda desk: desk.wait(done, timeout=0), WaitTimeout)
    engine.cancel(done)
    engine.rerun(done)
    both(lambda desk: desk.result(done), JobCanceled)
    both(lambda desk: desk.get("no pe?"), JobNotFound)
    assert client.find_id(done[-8:]) == engine.find_id(done) == done
    both(lambda desk: desk.find_id("beef"), JobNotFound)
    both(lambda desk: desk.find_id("nope"), InvalidOption)
    alike = both(lambda desk: desk.find_id(done[:4]), AmbiguousId)
    assert isinstance(alike, AmbiguousId)
    assert alike.ids[-1] == done
    both(lambda desk: desk.submit("t.nope"), UnknownJobName)
    bad = both(lambda desk: desk.submit("t.add", {"x": 1}), InvalidParams)
    assert isinstance(bad, InvalidParams)
    assert bad.problems == ("left is missing", "x is unexpected")
    both(lambda desk: desk.submit("t.add", {"left": 1}, timeout=-1), InvalidOption)
    past = datetime(2001, 1, 1, tzinfo=UTC)
    for desk in (engine, client):
        with pytest.raises(InvalidOption, match="expires_at"):
            desk.submit("t.add", {"left": 1}, expires_at=past)


def test_an_illegal_cancel_keeps_what_is_legal(client: Client, engine: Engine) -> None:
    with engine.worker(concurrency=1):
        job = client.submit(jobs.add, 1).wait(timeout=deadline(20))
    with pytest.raises(IllegalTransition) as refused:
        client.cancel(job.id)
    error = refused.value
    assert (error.status, error.event, error.legal) == (
        JobStatus.SUCCEEDED,
        "cancel",
        frozenset(),
    )
    assert client.rejections(job.id) == engine.rejections(job.id)


def test_endings_without_a_result_are_raised_with_their_job(
    client: Client, engine: Engine, tmp_path: Path
) -> None:
    with engine.worker(concurrency=2):
        failed = client.submit(jobs.fail, "error")
        with pytest.raises(JobFailed, match="boom") as refused:
            failed.result(timeout=deadline(20))
        assert refused.value.job.error is not None
        assert "Traceback" in str(refused.value.job.error.traceback)
        slow = client.submit(jobs.hostile.options(timeout=0.3), "family", str(tmp_path))
        with pytest.raises(JobTimedOut):
            slow.result(timeout=deadline(20))


def test_many_are_submitted_all_or_none(client: Client, engine: Engine) -> None:
    calls = [jobs.add.call(n) for n in range(3)]
    handles = client.submit_many(calls)
    assert [engine.get(h.id).params for h in handles] == [{"left": n} for n in range(3)]
    with pytest.raises(InvalidParams):
        client.submit_many([("t.add", {"left": 1}), ("t.add", {})])
    assert sum(engine.counts().values()) == 3


def test_pages_queues_and_reruns_work_from_afar(client: Client, engine: Engine) -> None:
    ids = [client.submit(jobs.add, n).id for n in range(3)]
    page = client.search(name="t.add", statuses=["PENDING"], limit=2)
    rest = client.search(
        name="t.add", statuses=["PENDING"], limit=2, cursor=page.next_cursor
    )
    assert [job.id for job in (*page.items, *rest.items)] == ids[::-1]
    assert [j.id for j in client.search(params={"left": 1}).items] == [ids[1]]
    after = engine.get(ids[0]).created_at
    assert len(client.search(created_after=after).items) == 2
    client.pause("default")
    assert engine.queues()[0].paused
    client.resume("default")
    assert not engine.queues()[0].paused
    assert (
        client.cancel(ids[0], reason="r", by="anna", wait=deadline(5)).status
        == "CANCELED"
    )
    again = client.rerun(ids[0], by="bert")
    assert client.handle(again.id).job().rerun_of == ids[0]
    client.delete(ids[0], if_version=client.get(ids[0]).version)
    with pytest.raises(JobNotFound):
        client.get(ids[0])


def test_a_token_is_sent_and_its_limits_are_told(engine: Engine) -> None:
    app = create_app(engine, token="anna:one", read_token="two")
    with serving(app) as url:
        for token in ("anna:one", "one"):
            with Client(url, token=token) as client:
                assert client.submit(jobs.add, 1).job().submitted_by == "anna"
        for wrong, status in (("three", 401), (None, 401), ("two", 403)):
            with (
                Client(url, token=wrong) as client,
                pytest.raises(ServerRefused) as refused,
            ):
                client.submit(jobs.add, 1)
            assert refused.value.status == status


def test_a_server_that_is_not_there_or_is_full_is_a_store_unavailable(
    engine: Engine,
) -> None:
    app = create_app(engine, settings=Settings(max_pending=0))
    with serving(app) as url, Client(url) as client:
        with pytest.raises(StoreUnavailable, match="wait in queue"):
            client.submit(jobs.add, 1)
        assert client.counts()[JobStatus.PENDING] == 0
    with Client(url) as client, pytest.raises(StoreUnavailable, match="reached"):
        client.counts()


def test_the_awaited_client_has_every_name_of_the_other(
    engine: Engine,
) -> None:
    names = {name for name in vars(Client) if not name.startswith("_")}
    assert names <= set(vars(AsyncClient))

    async def talk(url: str) -> None:
        async with AsyncClient(url) as client:
            handle = await client.submit(jobs.add, 1, right=2)
            assert await handle.result(timeout=deadline(20)) == 3
            assert same(await handle.job(), engine.get(handle.id))
            entries = [entry async for entry in client.events(handle.id)]
            assert entries == engine.history(handle.id)
            with pytest.raises(IllegalTransition):
                await handle.cancel()
            (one,) = await client.submit_many([jobs.add.call(1)])
            done = await one.wait(timeout=deadline(20))
            assert done.status is JobStatus.SUCCEEDED
            assert (await client.counts())[JobStatus.SUCCEEDED] == 2
            with pytest.raises(JobNotFound):
                await client.get("nope")

    with serving(create_app(engine)) as url, engine.worker(concurrency=1):
        asyncio.run(talk(url))


@pytest.mark.parametrize(
    "url",
    [
        *("", "nope", "127.0.0.1:8000", "ftp://127.0.0.1", "http://", "http://[::1"),
        *("http://127.0.0.1:0", "http://127.0.0.1:65536", "http://127.0.0.1:abc", 5),
    ],
)
def test_what_is_no_address_of_a_server_is_refused(url: Any) -> None:
    for kind in (Client, AsyncClient):
        with pytest.raises(InvalidOption, match=r"http://HOST:PORT"):
            kind(url)
    if isinstance(url, str):
        done = CliRunner().invoke(app, ["counts", "--server", url])
        assert (done.exit_code, "http://HOST:PORT" in done.stderr) == (2, True)


@pytest.mark.parametrize("number", [-1, float("nan"), True, "1"])
def test_numbers_that_mean_nothing_are_refused_as_by_the_engine(
    client: Client, number: Any
) -> None:
    job_id = client.submit(jobs.add, 1).id
    calls: list[Callable[[], object]] = [
        lambda: client.wait(job_id, number),
        lambda: client.result(job_id, number),
        lambda: client.cancel(job_id, wait=number),
        lambda: client.search(limit=number),
    ]
    for call in calls:
        with pytest.raises(InvalidOption, match=r"or more|from 1 to 1000"):
            call()
    with pytest.raises(InvalidOption, match="cursor"):
        client.search(cursor="garbage")
    assert client.get(job_id).status == "PENDING"


@pytest.mark.parametrize("job_id", ["", ".", "..", "a/b", "../counts", "\0", "x" * 300])
def test_an_id_that_is_another_path_is_no_job(client: Client, job_id: str) -> None:
    for call in (client.get, client.history, client.cancel, client.rerun, client.log):
        with pytest.raises(JobNotFound):
            call(job_id)
