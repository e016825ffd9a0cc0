"""Limits and holds over HTTP, by plain requests and through the client."""

from __future__ import annotations

import asyncio
import inspect
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import quote

import httpx
import pytest

from e2e import sample_jobs as jobs
from e2e.processes import until
from interlock import (
    AsyncEngine,
    Engine,
    IllegalTransition,
    InvalidOption,
    JobNotFound,
    LimitReached,
)
from interlock.api.limits import Limits
from interlock_adapters.http import create_app
from interlock_adapters.http.client import AsyncClient, Client
from pace import deadline

from .server import client_of, serving
from .test_jobs import problem, submit
from .test_security import bearer

KEYS = (
    *("printer", "api:{customer}", "tenant:a/b", "path:/x/../y", "name:t.add", "."),
    *("..", "a%2Fb", "é ?#&+", "queue:a/b", "exclusive:t.add", "x" * 200),
)


@pytest.fixture
def client(engine: Engine) -> Iterator[Client]:
    with serving(create_app(engine)) as url, Client(url) as opened:
        yield opened


@pytest.mark.parametrize("key", KEYS)
def test_a_limit_of_any_key_is_set_listed_and_deleted(
    engine: Engine, client: Client, key: str
) -> None:
    client.limits.set(key, max_running=3, rate_limit="100/m", by="anna")
    (limit,) = client.limits.list()
    assert [limit] == engine.limits.list()
    assert (limit.key, limit.max_running, limit.rate_limit) == (key, 3, "100/m")
    assert (limit.set_by, limit.running) == ("anna", 0)
    assert client.limits.delete(key)
    assert not client.limits.delete(key)
    assert client.limits.list() == []


def test_a_limit_is_put_whole_and_that_of_a_queue_is_patched(
    api: httpx.Client,
) -> None:
    path = f"/v1/limits/{quote('api:{customer}', safe='')}"
    whole = api.put(path, json={"max_running": 3, "rate_limit": "5/30s", "by": "bo"})
    assert whole.status_code == 200
    shown = {"key": "api:{customer}", "max_running": 3, "rate_limit": "5/30s"}
    assert shown.items() <= whole.json().items()
    assert (whole.json()["set_by"], whole.json()["running"]) == ("bo", 0)
    assert api.put(path, json={"max_running": 4}).json()["rate_limit"] is None
    assert api.delete(path).json() == {"deleted": True}
    queue = f"/v1/queues/{quote('mail/out', safe='')}"
    for given, limits in (
        ({"max_running": 2}, (2, None)),
        ({"rate_limit": "9/h"}, (2, "9/h")),
        ({"max_running": None}, (None, "9/h")),
    ):
        told = api.patch(queue, json=given).json()
        assert (told["max_running"], told["rate_limit"]) == limits
        assert (told["key"], told["set_by"]) == ("queue:mail/out", "http")
    (listed,) = api.get("/v1/limits").json()["items"]
    assert (listed["key"], listed["rate_limit"]) == ("queue:mail/out", "9/h")


@pytest.mark.parametrize(
    "body",
    [
        *({"max_running": 0}, {"max_running": 10_001}, {"rate_limit": "fast"}),
        *({"rate_limit": "0/s"}, {"running": 1}, {"by": ""}, [], 1),
    ],
)
def test_what_is_no_limit_is_refused(
    api: httpx.Client, engine: Engine, body: Any
) -> None:
    for answer in (
        api.put("/v1/limits/k", json=body),
        api.patch("/v1/queues/q", json=body),
    ):
        assert answer.status_code == 422
    assert engine.limits.list() == []


def test_a_job_that_finds_its_limit_full_is_refused_with_its_holders(
    client: Client, engine: Engine, tmp_path: Any
) -> None:
    engine.limits.set("name:t.journal", max_running=1)
    with engine.worker(concurrency=1):
        running = client.submit(jobs.journal, str(tmp_path / "j"), 60)
        until(lambda: engine.attempts(running.id))
        wants = jobs.journal.options(when_full="raise")
        refused: list[LimitReached] = []
        for desk in (engine, client):
            with pytest.raises(LimitReached) as caught:
                desk.submit(wants, str(tmp_path / "j"), 60)
            refused.append(caught.value)
        call = {"name": "t.journal", "params": {"path": "j", "seconds": 1}}
        body = {**call, "options": {"when_full": "raise"}}
        told = problem(
            httpx.post(f"{client._http.base_url}/v1/jobs", json=body),
            409,
            "limit-reached",
        )
        running.cancel(wait=deadline(20))
    near, far = refused
    assert str(near) == str(far) == told["detail"]
    assert (far.key, far.holders) == ("name:t.journal", (running.id,))
    assert (told["key"], told["holders"]) == ("name:t.journal", [running.id])
    assert sum(engine.counts().values()) == 1


def test_jobs_names_queues_and_keys_are_held_and_released(
    client: Client, engine: Engine
) -> None:
    job = client.submit(jobs.add, 1)
    later = datetime.now(UTC) + timedelta(hours=1)
    targets = (f"job:{job.id}", "name:t.add", "queue:a/b", "key:api:{x}/..", "queue:..")
    for target in targets:
        client.hold(target, by="anna", reason="the disk is full", until=later)
    holds = client.holds()
    assert holds == engine.holds()
    assert {hold.target for hold in holds} == {*targets}
    assert {(hold.by, hold.reason) for hold in holds} == {("anna", "the disk is full")}
    held = client.get(job.id)
    assert (held.phase, held.hold_by, held.hold_until) == ("held", "anna", later)
    assert client.explain(job.id) == engine.explain(job.id)
    for target in targets:
        client.release_hold(target, by="bert")
    assert client.holds() == []
    last = client.history(job.id)[-1]
    assert (last.event, last.actor) == ("release_hold", "bert")


def test_a_hold_that_cannot_be_is_the_librarys_error(
    client: Client, engine: Engine, tmp_path: Any
) -> None:
    def both(act: Any, kind: type[Exception]) -> None:
        texts = []
        for desk in (engine, client):
            with pytest.raises(kind) as refused:
                act(desk)
            texts.append(str(refused.value))
        assert texts[0] == texts[1]

    job_id = engine.submit(jobs.add, 1).id
    engine.hold("queue:q")
    both(lambda desk: desk.hold("job:nope"), JobNotFound)
    both(lambda desk: desk.hold(f"job:{job_id}/x"), JobNotFound)
    both(lambda desk: desk.hold("mail"), InvalidOption)
    both(lambda desk: desk.hold("queue:q"), InvalidOption)
    both(lambda desk: desk.hold("queue:z", until=datetime(2999, 1, 1)), InvalidOption)  # noqa: DTZ001  (that is refused)
    both(lambda desk: desk.hold("queue:z", reason="\0"), InvalidOption)
    both(lambda desk: desk.release_hold("queue:z"), InvalidOption)
    both(lambda desk: desk.release_hold(f"job:{job_id}"), IllegalTransition)
    both(lambda desk: desk.limits.set("k", max_running=0), InvalidOption)
    both(lambda desk: desk.limits.set("k", rate_limit="fast"), InvalidOption)
    both(lambda desk: desk.limits.set("", max_running=1), InvalidOption)
    both(lambda desk: desk.limits.delete("\n"), InvalidOption)
    with pytest.raises(InvalidOption, match="a time later than now"):
        client.hold("queue:z", until=datetime(2001, 1, 1, tzinfo=UTC))
    engine.cancel(job_id)
    with engine.worker(concurrency=1):
        running = engine.submit(jobs.journal, str(tmp_path / "j"), 60)
        until(lambda: engine.attempts(running.id))
        both(lambda desk: desk.hold(f"job:{running.id}"), IllegalTransition)
        path = f"{client._http.base_url}/v1/holds/job%3A{running.id}"
        told = problem(httpx.put(path), 409, "illegal-transition")
        assert (told["job_status"], told["event"]) == ("RUNNING", "hold")
        running.cancel(wait=deadline(20))
    assert [hold.target for hold in engine.holds()] == ["queue:q"]


def test_who_limits_and_holds_is_the_name_of_the_token(engine: Engine) -> None:
    app = create_app(engine, token="anna:open-sesame", read_token="looking")
    with client_of(app) as api:
        job = submit_as(api, "open-sesame")
        path = f"/v1/holds/job%3A{job}"
        calls: list[tuple[str, str, Any]] = [
            ("PUT", "/v1/limits/k", {"max_running": 1, "by": "root"}),
            ("PATCH", "/v1/queues/q", {"max_running": 1}),
            ("PUT", path, {"reason": "r"}),
            ("PUT", "/v1/holds/queue%3Aq", None),
        ]
        for method, where, body in calls:
            refused = api.request(method, where, json=body, headers=bearer("looking"))
            problem(refused, 403, "read-only-token")
            done = api.request(method, where, json=body, headers=bearer("open-sesame"))
            assert done.is_success, done.text
        limits = {limit.key: limit.set_by for limit in engine.limits.list()}
        assert limits == {"k": "root via anna", "queue:q": "anna"}
        assert {hold.by for hold in engine.holds()} == {"anna"}
        for where in ("/v1/limits", "/v1/holds"):
            assert len(api.get(where, headers=bearer("looking")).json()["items"]) == 2
        for where in ("/v1/limits/k", path, "/v1/holds/queue%3Aq"):
            refused = api.delete(where, headers=bearer("looking"))
            problem(refused, 403, "read-only-token")
        api.delete(path, params={"by": "bo"}, headers=bearer("open-sesame"))
        assert engine.history(job)[-1].actor == "bo via anna"


def submit_as(api: httpx.Client, secret: str) -> str:
    api.headers["Authorization"] = f"Bearer {secret}"
    return str(submit(api)["id"])


def test_a_secret_in_the_reason_of_a_hold_is_hidden(
    api: httpx.Client, engine: Engine
) -> None:
    job_id = engine.submit("t.secret", {"password": "hunter2x"}).id
    engine.hold(f"job:{job_id}", reason="hunter2x leaked")
    engine.hold("queue:q", reason="hunter2x is of no job here")
    job = f"/v1/jobs/{job_id}"
    for path in (job, f"{job}/explain", f"{job}/history", "/v1/holds", "/", job[3:]):
        text = api.get(path).text.replace("hunter2x is of no", "")
        assert "*** leaked" in text
        assert "hunter2x" not in text


def test_the_overview_shows_fifty_limits_and_holds(
    api: httpx.Client, engine: Engine
) -> None:
    for number in range(52):
        engine.limits.set(f"k:{number}", max_running=1)
        engine.hold(f"queue:{number}")
    page = api.get("/").text
    assert "2 more limits" in page
    assert "2 more holds" in page
    assert (page.count('id="limit-'), page.count('id="hold-')) == (50, 50)


def test_the_clients_have_the_names_and_parameters_of_the_engine(
    engine: Engine,
) -> None:
    for name in ("set_queue", "hold", "release_hold", "holds"):
        near = inspect.signature(getattr(Engine, name))
        for kind in (Client, AsyncClient, AsyncEngine):
            assert inspect.signature(getattr(kind, name)) == near
    with Client("http://127.0.0.1:9") as client:
        for name in (name for name in vars(Limits) if not name.startswith("_")):
            far = inspect.signature(getattr(client.limits, name))
            assert far == inspect.signature(getattr(engine.limits, name))


def test_the_awaited_client_limits_and_holds(engine: Engine) -> None:
    async def talk(url: str) -> None:
        async with AsyncClient(url) as client:
            await client.limits.set("k", max_running=1)
            await client.set_queue("q", rate_limit="5/m", by="anna")
            assert await client.limits.list() == engine.limits.list()
            assert await client.limits.delete("k")
            await client.hold("queue:q", by="anna")
            assert await client.holds() == engine.holds()
            await client.release_hold("queue:q")

    with serving(create_app(engine)) as url:
        asyncio.run(talk(url))
    (limit,) = engine.limits.list()
    assert (limit.key, limit.rate_limit, limit.set_by) == ("queue:q", "5/m", "anna")
    assert engine.holds() == []
