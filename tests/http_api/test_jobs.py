"""The routes of jobs: codes, bodies and headers, each against a real store."""

from __future__ import annotations

import re
from dataclasses import fields
from datetime import datetime, timedelta
from typing import Any

import httpx
import pytest

from interlock import Engine, Job, JobStatus
from interlock.core.ids import short_id
from interlock.testing.inline import inline_engine
from interlock_adapters.http import create_app
from interlock_adapters.http.schemas.responses import JobOut

from .server import client_of


def submit(api: httpx.Client, name: str = "t.add", **params: object) -> dict[str, Any]:
    answer = api.post("/v1/jobs", json={"name": name, "params": params or {"left": 1}})
    assert answer.status_code == 201, answer.text
    return dict(answer.json())


def problem(answer: Any, status: int, kind: str) -> dict[str, Any]:
    """Return the body of a refusal, which must be a problem of this kind."""
    assert answer.status_code == status, answer.text
    assert answer.headers["content-type"] == "application/problem+json"
    body = dict(answer.json())
    assert (body["type"], body["status"]) == (f"urn:interlock:problem:{kind}", status)
    assert body["title"]
    assert body["detail"]
    return body


def test_a_job_is_submitted_and_read_again_with_every_field(
    api: httpx.Client, engine: Engine
) -> None:
    options = {"timeout": 5, "queue": "fast", "by": "anna", "metadata": {"team": "a"}}
    call = {"name": "t.add", "params": {"left": 1}, "options": options}
    created = api.post("/v1/jobs", json=call)
    assert created.status_code == 201
    job = created.json()
    assert created.headers["location"] == f"/v1/jobs/{job['id']}"
    assert created.headers["etag"].startswith('"0-')
    read = api.get(created.headers["location"])
    assert read.status_code == 200
    assert {**read.json(), "read_at": ""} == {**job, "read_at": ""}
    assert set(job) == set(JobOut.model_fields)
    assert {field.name for field in fields(Job)} <= set(job)
    stored = engine.get(job["id"])
    assert (stored.timeout_s, stored.queue, stored.submitted_by) == (5, "fast", "anna")
    assert (stored.params, stored.metadata) == ({"left": 1}, {"team": "a"})
    assert (job["status"], job["phase"]) == ("PENDING", "queued")


def test_what_cannot_be_submitted_is_named_and_not_stored(
    api: httpx.Client, engine: Engine
) -> None:
    wrong = {"name": "t.add", "params": {"lef": 1, "right": "2"}}
    body = problem(api.post("/v1/jobs", json=wrong), 422, "invalid-params")
    assert body["problems"] == [
        "left is missing",
        "right: input should be a valid integer",
        "lef is unexpected",
    ]
    unknown = api.post("/v1/jobs", json={"name": "os.system"})
    assert "t.add" in problem(unknown, 422, "unknown-job-name")["known"]
    calls: tuple[object, ...] = (
        {"params": {}},
        {"name": "t.add", "parms": {}},
        {"name": "t.add", "status": "SUCCEEDED"},
        {"name": "t.add", "options": {"priority": "high"}},
        {"name": "t.add", "options": {"connection": "x"}},
        [],
        None,
    )
    for bad in calls:
        problem(api.post("/v1/jobs", json=bad), 422, "invalid-request")
    past = {"expires_at": "2001-01-01T00:00:00Z"}
    late = {"name": "t.add", "params": {"left": 1}, "options": past}
    answer = problem(api.post("/v1/jobs", json=late), 422, "invalid-option")
    assert answer["option"] == "expires_at"
    assert sum(engine.counts().values()) == 0


def test_a_taken_unique_key_is_a_conflict_that_names_its_job(api: httpx.Client) -> None:
    call: dict[str, Any] = {"name": "t.add", "params": {"left": 1}}
    call["options"] = {"unique_key": "one"}
    first = api.post("/v1/jobs", json=call).json()
    body = problem(api.post("/v1/jobs", json=call), 409, "duplicate-job")
    assert body["job_id"] == first["id"]
    call["options"]["on_conflict"] = "return"
    assert api.post("/v1/jobs", json=call).json()["id"] == first["id"]


def test_a_job_with_the_same_parameters_is_replaced(
    api: httpx.Client, engine: Engine
) -> None:
    options = {"unique": True, "unique_for": 60, "on_conflict": "replace", "by": "anna"}
    call = {"name": "t.add", "params": {"left": 1}, "options": options}
    first = api.post("/v1/jobs", json=call).json()
    second = api.post("/v1/jobs", json=call).json()
    assert second["unique_key"] == 't.add:{"left":1}'
    old = api.get(f"/v1/jobs/{first['id']}").json()
    assert (old["status"], old["reason"]) == ("CANCELED", "replaced")
    assert old["cancel_reason"] == f"replaced by job {second['id']}"
    page = api.get(f"/jobs/{second['id']}").text
    assert "<dt>Unique key</dt><dd><code>t.add:{&#34;left&#34;:1}</code>" in page
    atomic = {"jobs": [call, call], "atomic": True}
    stored = api.post("/v1/jobs/batch", json=atomic).json()["items"]
    ids = [item["job"]["id"] for item in stored]
    statuses = [api.get(f"/v1/jobs/{job_id}").json()["status"] for job_id in ids]
    assert statuses == ["CANCELED", "PENDING"]
    engine.cancel(ids[1])
    body = problem(api.post("/v1/jobs", json=call), 409, "duplicate-job")
    assert "keeps the key until" in body["detail"]


def test_a_debounced_job_starts_later(api: httpx.Client) -> None:
    options = {"unique": ["left"], "unique_for": 60, "on_conflict": "debounce"}
    call: dict[str, Any] = {"name": "t.add", "params": {"left": 1}, "options": options}
    job = api.post("/v1/jobs", json=call).json()
    run_at = datetime.fromisoformat(job["run_at"])
    assert run_at - datetime.fromisoformat(job["created_at"]) == timedelta(seconds=60)
    del options["unique_for"]
    problem(api.post("/v1/jobs", json=call), 422, "invalid-option")
    options["unique"] = []
    problem(api.post("/v1/jobs", json=call), 422, "invalid-request")


def test_the_limits_of_time_are_shown(api: httpx.Client) -> None:
    options = {"deadline": 90, "stalled_after": 7}
    call = {"name": "t.add", "params": {"left": 1}, "options": options}
    job = api.post("/v1/jobs", json=call).json()
    deadline_at = datetime.fromisoformat(job["deadline_at"])
    submitted = datetime.fromisoformat(job["created_at"])
    assert deadline_at - submitted == timedelta(seconds=90)
    assert job["stalled_after_s"] == 7
    page = api.get(f"/jobs/{job['id']}").text
    assert f"{deadline_at:%Y-%m-%d %H:%M:%S}" in page
    assert "stopped after 7.0 s without progress" in page


def test_canceling_a_waiting_job_is_done_at_once_and_may_be_repeated(
    api: httpx.Client, engine: Engine
) -> None:
    job = submit(api)
    why = {"reason": "not needed", "by": "anna"}
    done = api.post(f"/v1/jobs/{job['id']}/cancel", json=why)
    assert (done.status_code, done.json()["status"]) == (200, "CANCELED")
    again = api.post(f"/v1/jobs/{job['id']}/cancel")
    assert (again.status_code, again.json()["status"]) == (200, "CANCELED")
    last = engine.history(job["id"])[-1]
    assert (last.actor, last.reason) == ("anna", "not needed")


def test_canceling_what_has_ended_is_a_conflict_that_says_what_is_legal() -> None:
    with inline_engine() as engine, client_of(create_app(engine)) as api:
        job = submit(api)
        assert api.get(f"/v1/jobs/{job['id']}").json()["result"] == 2
        answer = api.post(f"/v1/jobs/{job['id']}/cancel")
        body = problem(answer, 409, "illegal-transition")
        assert body["job_id"] == job["id"]
        assert (body["job_status"], body["event"]) == ("SUCCEEDED", "cancel")
        assert body["legal_events"] == []


def test_what_is_not_there_is_not_found(api: httpx.Client) -> None:
    for method, path in (
        ("GET", ""),
        ("DELETE", ""),
        ("POST", "/cancel"),
        ("POST", "/rerun"),
    ):
        for job_id in ("nope", "%00", "%F0%9F%98%80", "x" * 5000):
            answer = api.request(method, f"/v1/jobs/{job_id}{path}")
            problem(answer, 404, "job-not-found")


def test_the_frameworks_own_refusals_are_problems(api: httpx.Client) -> None:
    problem(api.get("/nowhere"), 404, "not-found")
    answer = api.put("/v1/jobs", json={})
    problem(answer, 405, "method-not-allowed")
    assert answer.headers["allow"]
    job = submit(api)
    patch = api.patch(f"/v1/jobs/{job['id']}", json={"status": "SUCCEEDED"})
    problem(patch, 405, "method-not-allowed")
    for text in ("{", "nonsense", '{"name": NaN}', "[" * 100_000, "\x80"):
        headers = {"content-type": "application/json"}
        answer = api.post("/v1/jobs", content=text.encode("latin-1"), headers=headers)
        assert answer.status_code == 422
        assert answer.headers["content-type"] == "application/problem+json"


def test_a_terminal_job_is_run_again_or_deleted_and_no_other(
    api: httpx.Client, engine: Engine
) -> None:
    job = submit(api)
    path = f"/v1/jobs/{job['id']}"
    problem(api.post(f"{path}/rerun"), 409, "illegal-transition")
    problem(api.delete(path), 409, "illegal-transition")
    engine.cancel(job["id"])
    again = api.post(f"{path}/rerun", json={"by": "anna"})
    assert again.status_code == 201
    assert again.json()["rerun_of"] == job["id"]
    assert again.json()["submitted_by"] == "anna"
    deleted = api.delete(path)
    assert (deleted.status_code, deleted.content) == (204, b"")
    problem(api.get(path), 404, "job-not-found")


@pytest.mark.parametrize("action", ["cancel", "rerun", "delete"])
def test_a_stale_etag_changes_nothing(
    api: httpx.Client, engine: Engine, action: str
) -> None:
    job = submit(api)
    path = f"/v1/jobs/{job['id']}"
    if action != "cancel":
        engine.cancel(job["id"])

    def act(etag: str) -> Any:
        headers = {"If-Match": etag}
        if action == "delete":
            return api.delete(path, headers=headers)
        return api.post(f"{path}/{action}", headers=headers)

    before = engine.counts()
    for stale in ('"77"', '"x"', "nonsense", '"999999999999999999999"'):
        problem(act(stale), 412, "version-changed")
    assert engine.counts() == before
    assert act(api.get(path).headers["etag"]).status_code in {200, 201, 204}


def test_lists_filter_and_page_with_cursors_bound_to_their_filters(
    api: httpx.Client,
) -> None:
    ids = [submit(api, left=n)["id"] for n in range(5)]
    api.post(f"/v1/jobs/{ids[0]}/cancel")
    listed: list[str] = []
    cursor: str | None = ""
    while cursor is not None:
        query = {"status": "PENDING", "limit": "2"} | (
            {"cursor": cursor} if cursor else {}
        )
        page = api.get("/v1/jobs", params=query).json()
        assert len(page["items"]) <= 2
        listed += [job["id"] for job in page["items"]]
        cursor = page["next_cursor"]
    assert listed == ids[:0:-1]
    first = api.get("/v1/jobs", params={"limit": 2, "name": "t.add"}).json()
    cursor = first["next_cursor"]
    other = {"limit": "2", "name": "t.other", "cursor": cursor}
    problem(api.get("/v1/jobs", params=other), 422, "invalid-option")
    for forged in ("x", "====", "a" * 40):
        answer = api.get("/v1/jobs", params={"name": "t.add", "cursor": forged})
        problem(answer, 422, "invalid-option")


def test_a_search_finds_what_params_contain(api: httpx.Client) -> None:
    submit(api, left=1)
    expected = submit(api, left=2, right=5)
    page = api.post("/v1/jobs/search", json={"params": {"left": 2}}).json()
    assert [job["id"] for job in page["items"]] == [expected["id"]]
    statuses = {"statuses": [JobStatus.CANCELED]}
    assert api.post("/v1/jobs/search", json=statuses).json()["items"] == []
    problem(api.get("/v1/jobs?status=NOPE"), 422, "invalid-request")
    problem(api.get("/v1/jobs?limit=0"), 422, "invalid-request")
    typo = problem(api.get("/v1/jobs?state=FAILED"), 422, "invalid-request")
    assert "query.state: unknown; this route knows created_after" in typo["detail"]
    day = "/v1/jobs?created_after=0001-01-01T00:00:00%2B14:00"
    problem(api.get(day), 422, "invalid-request")


def test_a_part_of_an_id_is_enough_to_read_and_not_to_write(
    api: httpx.Client, engine: Engine
) -> None:
    job_id = submit(api)["id"]
    short = short_id(job_id)
    paths = api.get("/openapi.json").json()["paths"]
    reads = [
        path
        for path, methods in paths.items()
        if path.startswith("/v1/jobs/{job_id}") and "get" in methods
    ]
    assert len(reads) == 14
    engine.cancel(job_id)
    for path in reads:
        whole, part = (api.get(path.format(job_id=i)) for i in (job_id, short.upper()))
        told = [re.sub(r'"read_at":".*?"', "", each.text) for each in (whole, part)]
        assert (told[1], part.status_code) == (told[0], whole.status_code)
    for method, path in (("POST", "/cancel"), ("POST", "/rerun"), ("DELETE", "")):
        answer = api.request(method, f"/v1/jobs/{short}{path}")
        problem(answer, 404, "job-not-found")
    problem(api.get("/v1/jobs/beef"), 404, "job-not-found")


def test_a_part_of_several_ids_names_them(api: httpx.Client) -> None:
    ids = [submit(api)["id"] for _ in range(2)]
    body = problem(api.get(f"/v1/jobs/{ids[0][:4]}"), 422, "ambiguous-id")
    assert (body["part"], body["ids"]) == (ids[0][:4], ids[::-1])
    page = api.get(f"/jobs/{ids[0][:4]}")
    assert page.status_code == 404
    assert ids[1] in page.text


def test_a_page_of_a_part_of_an_id_leads_to_that_of_the_job(api: httpx.Client) -> None:
    job_id = submit(api)["id"]
    answer = api.get(f"/jobs/{short_id(job_id)}")
    assert (answer.status_code, answer.headers["location"]) == (303, f"/jobs/{job_id}")
    assert api.get(f"/jobs/{job_id}").status_code == 200
