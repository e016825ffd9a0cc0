"""Idempotency-Key and the limits, on real stores."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest

import postgres
from interlock import Engine, InFlight, KeyReused
from interlock.core.records import ClaimRequest, Page, Search
from interlock_adapters.http import Settings, create_app
from pace import deadline

from .server import client_of
from .test_jobs import problem, submit

CALL = {"name": "t.add", "params": {"left": 1}}
KEY = {"Idempotency-Key": "once"}


@pytest.fixture(params=["sqlite", "postgresql"])
def url(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    if request.param == "postgresql":
        with postgres.database() as database_url:
            yield database_url
    else:
        yield f"sqlite:///{tmp_path}/jobs.db?synchronous=NORMAL"


def test_a_repeat_gets_the_first_answer_also_after_a_restart(url: str) -> None:
    with Engine.open(url) as engine, client_of(create_app(engine)) as api:
        first = api.post("/v1/jobs", json=CALL, headers=KEY)
        again = api.post("/v1/jobs", json=CALL, headers=KEY)
        engine.cancel(first.json()["id"])
    with Engine.open(url) as engine, client_of(create_app(engine)) as api:
        later = api.post("/v1/jobs", json=CALL, headers=KEY)
        assert sum(engine.counts().values()) == 1
        for repeat in (again, later):
            assert (repeat.status_code, repeat.json()) == (201, first.json())
            assert repeat.headers["location"] == first.headers["location"]
            assert repeat.headers["etag"] == first.headers["etag"]
        other = {**CALL, "params": {"left": 2}}
        answer = api.post("/v1/jobs", json=other, headers=KEY)
        problem(answer, 422, "idempotency-key-reused")
        path = f"/v1/jobs/{first.json()['id']}/rerun"
        problem(api.post(path, headers=KEY), 422, "idempotency-key-reused")
        assert sum(engine.counts().values()) == 1


def test_of_many_at_once_one_acts(url: str) -> None:
    with Engine.open(url) as engine, client_of(create_app(engine)) as api:

        def send(_: int) -> httpx.Response:
            return api.post("/v1/jobs", json=CALL, headers=KEY)

        with ThreadPoolExecutor(12) as pool:
            answers = list(pool.map(send, range(24)))
        assert sum(engine.counts().values()) == 1
        job_ids = {a.json()["id"] for a in answers if a.status_code == 201}
        assert len(job_ids) == 1
        for answer in answers:
            if answer.status_code != 201:
                problem(answer, 409, "in-flight")


def test_a_request_that_is_under_way_is_a_conflict(engine: Engine) -> None:
    started, go_on = threading.Event(), threading.Event()

    def act() -> str:
        started.set()
        assert go_on.wait(deadline(20))
        return "done"

    with ThreadPoolExecutor(1) as pool:
        first = pool.submit(engine.once, "k", "r", act, kept=60)
        assert started.wait(deadline(20))
        with pytest.raises(InFlight):
            engine.once("k", "r", lambda: "twice", kept=60)
        with pytest.raises(KeyReused):
            engine.once("k", "other", lambda: "twice", kept=60)
        go_on.set()
        assert first.result() == "done"
    assert engine.once("k", "r", lambda: "twice", kept=60) == "done"


def test_what_fails_by_itself_frees_its_key_and_leaves_nothing(url: str) -> None:
    def fails(engine: Engine) -> str:
        engine.submit("t.add", {"left": 1})
        raise OSError

    with Engine.open(url) as engine:
        with pytest.raises(OSError):  # noqa: PT011  (raised above)
            engine.once("k", "r", lambda: fails(engine), kept=60)
        assert sum(engine.counts().values()) == 0
        assert engine.once("k", "r", lambda: "done", kept=60) == "done"


def test_an_answer_that_has_expired_is_forgotten(engine: Engine) -> None:
    settings = Settings(answers_kept=0.0)
    with client_of(create_app(engine, settings=settings)) as api:
        ids = {
            api.post("/v1/jobs", json=CALL, headers=KEY).json()["id"] for _ in range(2)
        }
    assert len(ids) == 2


def test_a_refusal_is_an_answer_too_and_keeps_its_record(
    api: httpx.Client, engine: Engine
) -> None:
    job_id = submit(api)["id"]
    engine.cancel(job_id)
    again = engine.rerun(job_id)
    engine.delete(job_id)
    path = f"/v1/jobs/{again.id}/rerun"
    first = api.post(path, headers=KEY)
    engine.cancel(again.id)
    problem(first, 409, "illegal-transition")
    assert api.post(path, headers=KEY).json() == first.json()
    assert api.post(path, headers={"Idempotency-Key": "other"}).status_code == 201


@pytest.mark.parametrize("key", ["", "x" * 256])
def test_a_key_that_is_no_key_is_refused(api: httpx.Client, key: str) -> None:
    answer = api.post("/v1/jobs", json=CALL, headers={"Idempotency-Key": key})
    problem(answer, 422, "invalid-idempotency-key")


def test_keys_of_different_tokens_are_different_keys(engine: Engine) -> None:
    app = create_app(engine, token="anna:one", read_token=None)
    more = create_app(engine, token="bert:two")
    with client_of(app) as anna, client_of(more) as bert:
        headers = {**KEY, "Authorization": "Bearer one"}
        first = anna.post("/v1/jobs", json=CALL, headers=headers).json()
        headers = {**KEY, "Authorization": "Bearer two"}
        second = bert.post("/v1/jobs", json=CALL, headers=headers).json()
    assert first["id"] != second["id"]


def test_a_batch_is_stored_at_once_with_an_answer_for_each(
    api: httpx.Client, engine: Engine
) -> None:
    unique: dict[str, Any] = {**CALL, "options": {"unique_key": "one"}}
    jobs = [CALL, {"name": "nope"}, unique, unique, {**CALL, "params": {}}]
    answer = api.post("/v1/jobs/batch", json={"jobs": jobs}, headers=KEY)
    assert answer.status_code == 200
    items = answer.json()["items"]
    assert [item["status"] for item in items] == [201, 422, 201, 409, 422]
    assert items[3]["problem"]["job_id"] == items[2]["job"]["id"]
    assert items[4]["problem"]["problems"] == ["left is missing"]
    assert sum(engine.counts().values()) == 2
    assert api.post("/v1/jobs/batch", json={"jobs": jobs}, headers=KEY).json() == (
        answer.json()
    )
    problem(api.post("/v1/jobs/batch", json={"jobs": []}), 422, "invalid-request")


def test_jobs_are_canceled_by_filter_page_by_page(
    api: httpx.Client, engine: Engine
) -> None:
    kept = submit(api, left=0)["id"]
    for n in range(5):
        engine.submit("t.add", {"left": n}, queue="q")
    filters = {"queue": "q", "reason": "full", "by": "anna", "limit": 3}
    first = api.post("/v1/jobs/cancel", json=filters).json()
    assert [i["status"] for i in first["items"]] == [200] * 3
    filters["cursor"] = first["next_cursor"]
    second = api.post("/v1/jobs/cancel", json=filters).json()
    assert len(second["items"]) == 2
    assert second["next_cursor"] is None
    last = engine.history(first["items"][0]["id"])[-1]
    assert (last.actor, last.reason) == ("anna", "full")
    assert engine.get(kept).status == "PENDING"
    nothing: list[dict[str, Any]] = [{}, {"reason": "everything"}, {"statuses": []}]
    for empty in nothing:
        problem(api.post("/v1/jobs/cancel", json=empty), 422, "no-filter")
    secret = {"params": {"password": "x"}}
    problem(api.post("/v1/jobs/cancel", json=secret), 422, "secret-parameter")


def test_what_begins_to_run_meanwhile_is_not_canceled_as_pending(
    api: httpx.Client, engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    ids = [engine.submit("t.add", {"left": n}).id for n in range(2)]
    search = engine._store.search

    def and_then_one_is_claimed(filters: Search) -> Page:
        page = search(filters)
        request = ClaimRequest(
            worker_id="w",
            names=frozenset({"t.add"}),
            limit=1,
            lease=timedelta(seconds=60),
            now=datetime.now(UTC),
        )
        assert [job.id for job in engine._store.claim(request)] == ids[:1]
        return page

    monkeypatch.setattr(engine._store, "search", and_then_one_is_claimed)
    filters = {"statuses": ["PENDING"]}
    answer = api.post("/v1/jobs/cancel", json=filters).json()
    statuses = {item["id"]: item["status"] for item in answer["items"]}
    assert statuses == {ids[0]: 412, ids[1]: 200}
    assert engine.get(ids[0]).cancel_requested_at is None


def test_a_full_queue_refuses_and_tells_when_to_come_back(engine: Engine) -> None:
    settings = Settings(max_pending=2)
    with client_of(create_app(engine, settings=settings)) as api:
        submit(api)
        submit(api)
        full = api.post("/v1/jobs", json=CALL, headers=KEY)
        problem(full, 503, "queue-full")
        assert int(full.headers["retry-after"]) > 0
        batch = api.post("/v1/jobs/batch", json={"jobs": [CALL]})
        problem(batch, 503, "queue-full")
        other = {**CALL, "options": {"queue": "other"}}
        assert api.post("/v1/jobs", json=other).status_code == 201
    assert sum(engine.counts().values()) == 3


def test_too_many_submissions_are_refused_and_tell_when_to_come_back(
    engine: Engine,
) -> None:
    settings = Settings(submits_per_s=0.001, max_batch=3)
    with client_of(create_app(engine, settings=settings)) as api:
        batch = {"jobs": [CALL] * 4}
        problem(api.post("/v1/jobs/batch", json=batch), 422, "batch-too-long")
        batch = {"jobs": [CALL] * 2}
        assert api.post("/v1/jobs/batch", json=batch).status_code == 200
        submit(api)
        for path, body in (("", CALL), ("/batch", batch)):
            answer = api.post(f"/v1/jobs{path}", json=body)
            problem(answer, 429, "too-many-submissions")
            assert int(answer.headers["retry-after"]) > 0
    assert sum(engine.counts().values()) == 3


def test_a_store_that_is_down_is_503_and_says_nothing_of_itself(
    tmp_path: Path,
) -> None:
    with (
        Engine.open(f"sqlite:///{tmp_path}/jobs.db") as engine,
        client_of(create_app(engine)) as api,
    ):
        engine._store.database.engine.dispose()  # type: ignore[attr-defined]  # its connections
        (tmp_path / "jobs.db").write_bytes(b"no database any more" * 1000)
        answer = api.get("/v1/jobs")
        assert answer.status_code == 503
        assert int(answer.headers["retry-after"]) > 0
        assert str(tmp_path) not in answer.text
