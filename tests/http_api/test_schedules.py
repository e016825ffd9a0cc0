"""Schedules over HTTP: the routes, both clients, the commands and the pages."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import httpx
import pytest
from typer.testing import CliRunner

from e2e import sample_jobs as jobs
from interlock import (
    Engine,
    InvalidOption,
    InvalidParams,
    JobStatus,
    Schedule,
    ScheduleNotFound,
    job,
)
from interlock_adapters.cli.main import app
from interlock_adapters.http import create_app
from interlock_adapters.http.client import AsyncClient, Client

from .server import serving

NIGHTLY = Schedule(cron="0 2 * * *", timezone="Europe/Berlin", overlap="skip")
BODY: dict[str, Any] = {
    "name": "nightly",
    "job": "t.add",
    "params": {"left": 1},
    "schedule": {"cron": "0 2 * * *", "timezone": "Europe/Berlin"},
    "options": {"queue": "slow"},
    "by": "anna",
}


@job(name="hsched.login", secret=("pin",))
def login(pin: str) -> str:
    return pin


@pytest.fixture
def url(engine: Engine) -> Iterator[str]:
    with serving(create_app(engine)) as served:
        yield served


def test_the_routes_create_change_and_delete(api: httpx.Client, engine: Engine) -> None:
    created = api.post("/v1/schedules", json=BODY)
    assert created.status_code == 201
    assert created.headers["Location"] == "/v1/schedules/nightly"
    path = "/v1/schedules/nightly"
    assert api.get(path).json() == created.json()
    assert created.json()["schedule"]["params"] == {"left": 1}
    assert [s["name"] for s in api.get("/v1/schedules").json()["items"]] == ["nightly"]
    change = {"schedule": {"every": "2h"}, "options": {"priority": 3}, "reason": "x"}
    changed = api.patch(path, json=change).json()
    assert (changed["schedule"]["every"], changed["version"]) == ("2h", 2)
    assert changed["schedule"]["params"] == {"left": 1}
    assert (changed["options"]["queue"], changed["options"]["priority"]) == ("slow", 3)
    paused = api.post(f"{path}/pause", json={"reason": "holidays", "by": "bob"})
    assert paused.json()["paused"] is True
    assert api.post(f"{path}/resume").json()["paused"] is False
    edits = api.get(f"{path}/edits").json()["items"]
    assert [(e["number"], e["actor"], e["reason"]) for e in edits[:3]] == [
        (1, "anna", None),
        (2, "http", "x"),
        (3, "bob", "holidays"),
    ]
    made = api.post(f"{path}/trigger", json={"by": "anna"})
    assert (made.status_code, made.json()["schedule"]) == (201, "nightly")
    found = api.get("/v1/jobs", params={"schedule": "nightly"}).json()["items"]
    assert [each["id"] for each in found] == [made.json()["id"]]
    assert api.get(f"{path}/ticks").json()["items"] == []
    assert api.delete(path).status_code == 204
    assert api.get(path).status_code == 404
    assert engine.schedules.list() == []


def test_a_preview_names_the_offset(api: httpx.Client) -> None:
    api.post("/v1/schedules", json=BODY)
    query: dict[str, Any] = {"n": 2, "after": "2026-10-24T12:00:00Z"}
    shown = api.get("/v1/schedules/nightly/preview", params=query).json()["items"]
    assert shown == ["2026-10-25T02:00:00+02:00", "2026-10-26T02:00:00+01:00"]


@pytest.mark.parametrize(
    ("change", "status", "kind"),
    [
        ({"schedule": {}}, 422, "invalid-option"),
        ({"schedule": {"cron": "x"}}, 422, "invalid-option"),
        ({"schedule": {"cron": "@daily", "overlap": "x"}}, 422, "invalid-request"),
        ({"job": "t.nobody"}, 422, "unknown-job-name"),
        ({"params": {}}, 422, "invalid-params"),
        ({"name": "a/b"}, 422, "invalid-option"),
        ({"options": {"run_at": "2026-01-01T00:00:00Z"}}, 422, "invalid-option"),
        ({"unknown": 1}, 422, "invalid-request"),
    ],
)
def test_what_cannot_be_is_a_problem(
    api: httpx.Client, change: dict[str, Any], status: int, kind: str
) -> None:
    refused = api.post("/v1/schedules", json={**BODY, **change})
    assert refused.status_code == status
    assert refused.json()["type"] == f"urn:interlock:problem:{kind}"
    assert api.get("/v1/schedules").json()["items"] == []


def test_a_missing_schedule_is_a_problem(api: httpx.Client) -> None:
    for method, rest in (
        ("GET", ""),
        ("PATCH", ""),
        ("DELETE", ""),
        ("POST", "/pause"),
        ("POST", "/resume"),
        ("POST", "/trigger"),
        ("GET", "/preview"),
        ("GET", "/ticks"),
        ("GET", "/edits"),
    ):
        body: Any = {} if method in {"PATCH", "POST"} else None
        answer = api.request(method, f"/v1/schedules/nobody{rest}", json=body)
        assert answer.status_code == 404, (method, rest)
        assert answer.json()["type"] == "urn:interlock:problem:schedule-not-found"
        assert answer.json()["name"] == "nobody"


def test_secrets_of_a_schedule_are_not_shown(api: httpx.Client, engine: Engine) -> None:
    engine.schedules.create("s", login, {"pin": "90210-x"}, schedule=NIGHTLY)
    engine.schedules.update("s", params={"pin": "12345-y"})
    for path in (
        *("/v1/schedules", "/v1/schedules/s", "/v1/schedules/s/edits"),
        *("/schedules", "/schedules/s"),
    ):
        text = api.get(path).text
        assert "90210-x" not in text
        assert "12345-y" not in text
    shown = api.get("/v1/schedules/s").json()["schedule"]["params"]
    assert shown == {"pin": "***"}


def test_a_client_has_the_same_schedules(url: str, engine: Engine) -> None:
    with Client(url) as client:
        far, near = client.schedules, engine.schedules
        far.create("a", jobs.add, {"left": 1}, schedule=NIGHTLY, priority=2, by="anna")
        far.create("b", "t.add", {"left": 2}, schedule=Schedule(every="1h"))
        with pytest.raises(InvalidOption, match="already a schedule"):
            far.create("a", jobs.add, {"left": 1}, schedule=NIGHTLY)
        with pytest.raises(InvalidParams):
            far.create("c", jobs.add, schedule=NIGHTLY)
        far.update("a", params={"left": 3}, schedule=NIGHTLY, queue="fast", reason="r")
        with pytest.raises(InvalidOption, match="params"):
            far.update("a", params={"left": {1}})
        assert far.pause("b").paused
        assert not far.resume("b").paused
        assert far.list() == near.list()
        assert far.get("a") == near.get("a")
        assert far.get("a").schedule.params == {"left": 3}
        assert far.edits("a") == near.edits("a")
        after = datetime(2026, 10, 24, 12, tzinfo=UTC)
        assert far.preview("a", 3, after=after) == near.preview("a", 3, after=after)
        assert far.preview(NIGHTLY, 3, after=after) == near.preview("a", 3, after=after)
        handle = far.trigger("a", by="bob")
        assert handle.job().submitted_by == "bob"
        assert far.ticks("a") == []
        far.delete("a", reason="over")
        with pytest.raises(ScheduleNotFound):
            far.get("a")
        with pytest.raises(ScheduleNotFound):
            far.get("a/../b")


def test_an_async_client_has_the_same_schedules(url: str, engine: Engine) -> None:
    async def use() -> None:
        client = AsyncClient(url)
        far = client.schedules
        await far.create("a", jobs.add, {"left": 1}, schedule=NIGHTLY)
        await far.update("a", schedule=Schedule(every="1h"))
        await far.pause("a")
        await far.resume("a", by="anna")
        assert await far.list() == engine.schedules.list()
        assert await far.get("a") == engine.schedules.get("a")
        assert await far.edits("a") == engine.schedules.edits("a")
        assert len(await far.preview("a", 2)) == len(await far.preview(NIGHTLY, 2)) == 2
        assert (await (await far.trigger("a")).job()).schedule == "a"
        assert await far.ticks("a", 5) == []
        await far.delete("a")
        assert await far.list() == []
        await client.close()

    asyncio.run(use())


@pytest.mark.parametrize("where", ["--server", "--database"])
def test_the_commands(
    url: str, engine: Engine, where: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("INTERLOCK_MODULES", "e2e.sample_jobs")
    target = url if where == "--server" else engine._url

    def run(*words: str, code: int = 0) -> str:
        assert target is not None
        done = CliRunner().invoke(app, ["schedules", *words, where, target])
        assert done.exit_code == code, (done.output, done.exception)
        return done.stdout

    words = ("create", "nightly", "t.add", "left=1", "--timezone", "Europe/Berlin")
    assert "cron: 0 2 * * *" in run(*words, "--cron", "0 2 * * *", "--queue", "slow")
    run(*words, code=2)
    assert '"job": "t.add"' in run("list", "--json")
    assert "nightly" in run("list")
    run("update", "nightly", "left=5", "--every", "3h", "--by", "anna", "--reason", "r")
    info = engine.schedules.get("nightly")
    assert (info.schedule.every, info.schedule.timezone) == ("3h", "Europe/Berlin")
    assert info.schedule.params == {"left": 5}
    assert "anna" in run("show", "nightly")
    assert '"edited": true' in run("show", "nightly", "--json")
    assert "paused: True" in run("pause", "nightly", "--reason", "holidays")
    assert "paused" not in run("resume", "nightly")
    job_id = run("trigger", "nightly").strip()
    assert engine.get(job_id).status is JobStatus.PENDING
    listing = ["list", "--schedule", "nightly", where, str(target)]
    found = CliRunner().invoke(app, listing)
    assert job_id[:8] in found.stdout
    assert len(run("preview", "nightly", "-n", "3").splitlines()) == 3
    assert run("ticks", "nightly", "--json") == ""
    if where == "--database":
        bulk = ["cancel-all", "--schedule", "nightly", "--yes", where, str(target)]
        assert "1 jobs canceled" in CliRunner().invoke(app, bulk).stdout
    run("delete", "nightly")
    run("show", "nightly", code=3)
    run("preview", "--after", "soon", code=2)


def test_a_preview_needs_no_schedule() -> None:
    words = ["schedules", "preview", "--cron", "30 2 * * *", "--timezone"]
    words += ["Europe/Berlin", "--after", "2026-03-28T12:00+01:00", "-n", "1"]
    done = CliRunner().invoke(app, words)
    assert done.stdout == "2026-03-29 03:00:00+02:00\n"


def test_the_pages_show_ticks_and_edits(api: httpx.Client, engine: Engine) -> None:
    assert "No schedule yet" in api.get("/schedules").text
    engine.schedules.create("ten", jobs.add, {"left": 1}, schedule=NIGHTLY, by="anna")
    page = api.get("/schedules").text
    assert "0 2 * * * Europe/Berlin" in page
    assert "Pause ten" in page
    engine.schedules.pause("ten", reason="<b>holidays</b>")
    page = api.get("/schedules/ten").text
    assert "Resume ten" in page
    assert "&lt;b&gt;holidays" in page
    assert api.get("/schedules/nobody").status_code == 404
    handle = engine.schedules.trigger("ten")
    assert "/schedules/ten" in api.get(f"/jobs/{handle.id}").text
    assert handle.id in api.get("/jobs", params={"q": "schedule:ten"}).text
