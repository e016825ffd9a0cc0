"""Server-Sent Events from a real server: complete, in order, resumable, cheap."""

from __future__ import annotations

import asyncio
import itertools
import json
import threading
from collections.abc import AsyncGenerator, Iterator
from contextlib import aclosing
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import httpx
import pytest

import postgres
from interlock import Engine
from interlock.api.aio import AsyncEngine
from interlock.api.async_monitor import AsyncMonitor
from interlock.api.offload import Offload
from interlock.core.records import FeedPosition
from interlock_adapters.http import Settings, create_app
from interlock_adapters.http.history_stream import Tail
from pace import THOROUGH, deadline

from .server import client_of, serving
from .test_jobs import problem, submit


def events(lines: Iterator[str]) -> Iterator[tuple[str, dict[str, Any]]]:
    """Yield (id, data) of each event of a stream."""
    position = ""
    for line in lines:
        if line.startswith("id: "):
            position = line.removeprefix("id: ")
        elif line.startswith("data: "):
            yield position, json.loads(line.removeprefix("data: "))


@pytest.fixture(params=["sqlite", "postgresql", "memory"])
def each_engine(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Engine]:
    """Return an engine on each kind of store."""
    if request.param == "postgresql":
        with postgres.database() as url, Engine.open(url) as engine:
            yield engine
        return
    url = f"sqlite:///{tmp_path}/jobs.db?synchronous=NORMAL"
    with Engine.open("memory:" if request.param == "memory" else url) as engine:
        yield engine


def test_a_jobs_stream_is_its_history_and_ends_with_it(each_engine: Engine) -> None:
    engine = each_engine
    with client_of(create_app(engine)) as api:
        job_id = submit(api)["id"]
        with api.stream("GET", f"/v1/jobs/{job_id}/events") as answer:
            assert answer.headers["content-type"].startswith("text/event-stream")
            stream = events(answer.iter_lines())
            assert next(stream)[1]["event"] == "submit"  # it streams before the end
            engine.cancel(job_id, by="anna", reason="enough")
            entries = list(stream)
        assert [(i, e["event"]) for i, e in entries] == [("2", "cancel")]
        history = api.get(f"/v1/jobs/{job_id}/history").json()["items"]
        assert entries[-1][1] == history[-1]


def test_a_jobs_stream_goes_on_after_the_last_event_that_was_seen(
    api: httpx.Client, engine: Engine
) -> None:
    job_id = submit(api)["id"]
    path = f"/v1/jobs/{job_id}/events"
    engine.cancel(job_id)
    for how in ({"headers": {"Last-Event-ID": "1"}}, {"params": {"after": "1"}}):
        answer = api.get(path, **how)  # type: ignore[arg-type]  # one of two keywords
        assert [i for i, _ in events(iter(answer.text.splitlines()))] == ["2"]
    over = api.get(path, headers={"Last-Event-ID": "2"})
    assert (over.status_code, over.content) == (204, b"")
    for wrong in ("x", "-1", "1.5", "9" * 40):
        answer = api.get(path, headers={"Last-Event-ID": wrong})
        problem(answer, 422, "invalid-event-id")
    problem(api.get("/v1/jobs/nope/events"), 404, "job-not-found")


def test_the_stream_of_all_begins_with_the_first_row_and_goes_on(
    each_engine: Engine,
) -> None:
    engine = each_engine
    with client_of(create_app(engine)) as api:
        ids = [submit(api, left=n)["id"] for n in range(3)]
        engine.cancel(ids[0])
        with api.stream("GET", "/v1/events") as answer:
            stream = events(answer.iter_lines())
            first = list(itertools.islice(stream, 4))
            ids.append(engine.submit("t.add", {"left": 9}).id)
            then = next(stream)
        assert [e["job_id"] for _, e in first] == [*ids[:3], ids[0]]
        assert then[1]["job_id"] == ids[3]
        again = {"Last-Event-ID": first[1][0]}
        with api.stream("GET", "/v1/events", headers=again) as answer:
            rest = list(itertools.islice(events(answer.iter_lines()), 3))
        assert rest == [*first[2:], then]
        with api.stream("GET", "/v1/events?after=now") as answer:
            last = engine.submit("t.add", {"left": 10}).id
            assert next(events(answer.iter_lines()))[1]["job_id"] == last
        problem(api.get("/v1/events?after=x"), 422, "invalid-event-id")


def test_words_with_a_secret_are_redacted_in_streams(
    api: httpx.Client, engine: Engine
) -> None:
    job_id = engine.submit("t.secret", {"password": "hunter2x"}).id
    engine.cancel(job_id, reason="hunter2x leaked")
    one = api.get(f"/v1/jobs/{job_id}/events").text
    with api.stream("GET", "/v1/events") as answer:
        both = list(itertools.islice(events(answer.iter_lines()), 2))
    assert "hunter2x" not in one
    assert "*** leaked" in one
    assert both[1][1]["reason"] == "*** leaked"


def test_a_silent_stream_shows_that_it_is_alive(engine: Engine) -> None:
    settings = Settings(heartbeat=0.05)
    with client_of(create_app(engine, settings=settings)) as api:
        job_id = submit(api)["id"]
        for path in (f"/v1/jobs/{job_id}/events", "/v1/events"):
            with api.stream("GET", path) as answer:
                beats = (x for x in answer.iter_lines() if x.startswith(":"))
                assert list(itertools.islice(beats, 2)) == [": alive", ": alive"]


def test_the_stream_of_a_job_that_is_deleted_ends(engine: Engine) -> None:
    settings = Settings(heartbeat=0.05)
    with client_of(create_app(engine, settings=settings)) as api:
        job_id = submit(api)["id"]
        engine.cancel(job_id)
        with api.stream(
            "GET", f"/v1/jobs/{job_id}/events", headers={"Last-Event-ID": "1"}
        ) as answer:
            engine.delete(job_id)
            entries = list(events(answer.iter_lines()))
        assert len(entries) <= 1


def test_too_many_streams_are_refused_with_a_time_to_come_back(
    engine: Engine,
) -> None:
    settings = Settings(max_streams=2)
    with client_of(create_app(engine, settings=settings)) as api:
        path = f"/v1/jobs/{submit(api)['id']}/events"
        with api.stream("GET", path) as one, api.stream("GET", path) as two:
            held = [one.iter_lines(), two.iter_lines()]  # else they are closed
            assert [next(lines) for lines in held] == ["retry: 2000"] * 2
            for other in (path, "/v1/events", f"{path[:-7]}?wait=5"):
                full = api.get(other)
                problem(full, 503, "too-many-streams")
                assert int(full.headers["retry-after"]) > 0


def test_a_log_is_followed_until_the_job_ends(
    api: httpx.Client, engine: Engine, tmp_path: Path
) -> None:
    job_id = submit(api, "http.slow_talk", folder=str(tmp_path))["id"]
    with (
        engine.worker(concurrency=1),
        api.stream("GET", f"/v1/jobs/{job_id}/log?follow=true") as answer,
    ):
        lines = events(answer.iter_lines())
        assert next(lines)[1]["text"] == "first"
        (tmp_path / "go").touch()
        assert [line["text"] for _, line in lines] == ["second"]


def test_many_streams_get_every_event_of_many_jobs(
    engine: Engine,
) -> None:
    """Half of the streams follow all jobs, the others one job each."""
    jobs, streams = (200, 500) if THOROUGH else (40, 200)
    names = [engine.submit("t.add", {"left": n}).id for n in range(jobs)]

    async def lines_of(url: str, path: str) -> AsyncGenerator[bytes, None]:
        where = urlsplit(url)
        reader, writer = await asyncio.open_connection(where.hostname, where.port)
        head = f"GET {path} HTTP/1.1\r\nHost: {where.netloc}\r\n\r\n"
        writer.write(head.encode())
        try:
            while line := await reader.readline():
                yield line
                if line == b"0\r\n":  # the last chunk (RFC 9112, 7.1)
                    break
        finally:
            writer.close()
            await writer.wait_closed()

    async def all_of(url: str) -> list[tuple[str, int]]:
        received: list[tuple[str, int]] = []
        ended = 0
        async with aclosing(lines_of(url, "/v1/events")) as lines:
            async for line in lines:
                if line.startswith(b"data: "):
                    entry = json.loads(line.removeprefix(b"data: "))
                    received.append((entry["job_id"], entry["seq"]))
                    ended += entry["target"] == "SUCCEEDED"
                    if ended == jobs:
                        break
        return received

    async def one_of(url: str, job_id: str) -> list[tuple[str, int]]:
        return [
            (job_id, int(line.removeprefix(b"id: ")))
            async for line in lines_of(url, f"/v1/jobs/{job_id}/events")
            if line.startswith(b"id: ")
        ]

    async def listen(url: str) -> list[list[tuple[str, int]]]:
        calls = [all_of(url) for _ in range(streams // 2)]
        calls += [one_of(url, names[n % jobs]) for n in range(streams // 2)]
        return await asyncio.gather(*calls)

    with serving(create_app(engine)) as url, engine.worker(concurrency=4):
        before = threading.active_count()
        received = asyncio.run(listen(url))
        assert threading.active_count() < before + 20  # a pool's, none a stream's
    expected = [(name, entry.seq) for name in names for entry in engine.history(name)]
    for entries in received[: streams // 2]:
        assert sorted(entries) == sorted(expected)
    for number, entries in enumerate(received[streams // 2 :]):
        assert entries == [(names[number % jobs], seq) for seq in (1, 2, 3)]


def test_a_change_costs_one_query_however_many_listen(engine: Engine) -> None:
    job_id = engine.submit("t.add", {"left": 1}).id
    calls: list[str] = []

    class Counting(Offload):
        async def call(self, method: Any, /, *args: Any, **kwargs: Any) -> Any:
            calls.append(method.__name__)
            return await super().call(method, *args, **kwargs)

    counted = AsyncEngine(engine)
    counted.monitor = AsyncMonitor(engine.monitor, Counting())

    async def listen() -> None:
        tail = Tail(counted)

        async def first_two() -> None:
            stream = tail.of_job(job_id, 0, 20)
            assert (await anext(stream)) is not None
            waiting.release()
            assert (await anext(stream)) is not None
            await stream.aclose()  # type: ignore[attr-defined]  # a generator's

        waiting = asyncio.Semaphore(0)
        tasks = [asyncio.create_task(first_two()) for _ in range(100)]
        for _ in range(100):
            await waiting.acquire()
        calls.clear()
        await asyncio.to_thread(engine.cancel, job_id)
        await asyncio.gather(*tasks)
        tail.close()

    asyncio.run(listen())
    assert set(calls) == {"history_after"}
    assert len(calls) < 10


def test_a_slow_listener_reads_on_from_where_it_was(
    engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("interlock_adapters.http.history_stream._MOST", 3)
    monkeypatch.setattr("interlock_adapters.http.history_stream._PAGE", 2)

    async def listen() -> list[str]:
        tail = Tail(AsyncEngine(engine))
        stream = tail.of_all(FeedPosition(0, "", 0), 0.05)
        assert await anext(stream) == []  # it listens, nothing was told
        ids = [engine.submit("t.add", {"left": n}).id for n in range(20)]
        while tail._all:  # until it was given up as too slow
            await tail.changed(1)
        job_ids: list[str] = []
        while len(job_ids) < 20:
            job_ids += [entry.job_id for _, entry in await anext(stream)]
        tail.close()
        assert job_ids == ids
        return job_ids

    assert len(asyncio.run(asyncio.wait_for(listen(), deadline(30)))) == 20
