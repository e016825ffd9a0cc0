"""Failures by cause, and remarks on them: in the library, over HTTP, by commands."""

from __future__ import annotations

import asyncio
import inspect
import json
from collections.abc import Iterator
from typing import Any

import httpx
import pytest
from typer.testing import CliRunner

from e2e import sample_jobs as jobs
from interlock import AsyncEngine, Engine, InvalidOption, RemarkKind
from interlock.api.failures import Failures
from interlock_adapters.cli.main import app
from interlock_adapters.http import create_app
from interlock_adapters.http.client import AsyncClient, Client
from pace import deadline

from .server import serving
from .test_security import bearer

UNKNOWN = "0123456789abcdef"


@pytest.fixture
def failed(engine: Engine) -> list[str]:
    """Return the ids of three jobs: two failed with one error, one with another."""
    with engine.worker(concurrency=1):
        handles = [engine.submit(jobs.fail, how) for how in ("error", "exit", "error")]
        for handle in handles:
            handle.wait(deadline(30))
    return [handle.id for handle in handles]


@pytest.fixture
def server(engine: Engine, failed: list[str]) -> Iterator[str]:
    assert failed
    with serving(create_app(engine)) as url:
        yield url


def test_failed_jobs_are_grouped_and_told_from_those_that_are_cured(
    engine: Engine, failed: list[str]
) -> None:
    raised, exited = engine.failures.list()
    assert (raised.jobs, raised.open) == ([failed[2], failed[0]],) * 2
    assert (exited.name, exited.jobs, exited.cured) == ("t.fail", [failed[1]], 0)
    assert exited.error == "exit_code"
    assert raised.place is not None
    assert "sample_jobs.py" in raised.place
    assert raised.first_at < exited.last_at < raised.last_at
    engine.rerun(failed[1])
    assert [len(cause.open) for cause in engine.failures.list()] == [2, 0]
    assert [cause.key for cause in engine.failures.list(limit=1)] == [raised.key]


def test_a_cause_is_noted_acknowledged_and_reopened(
    engine: Engine, failed: list[str]
) -> None:
    key = engine.failures.list()[0].key
    note = engine.failures.remark(key, "note", "the bank is down", by="anna")
    seen = engine.failures.remark(key, RemarkKind.ACKNOWLEDGE)
    cause, other = engine.failures.list()
    assert (cause.remarks, cause.acknowledged) == ([note, seen], seen)
    assert (note.by, seen.by, seen.text) == ("anna", "client", None)
    assert (len(cause.open), other.remarks) == (2, [])
    again = engine.failures.remark(key, "reopen", "it is not the bank")
    later = engine.failures.remark(key, "note", "look at the gateway")
    (cause, _) = engine.failures.list()
    assert (cause.acknowledged, cause.remarks[2:]) == (None, [again, later])
    assert len(failed) == 3


@pytest.mark.parametrize(
    ("values", "why"),
    [
        ((UNKNOWN, "note", "x"), "No cause '0123456789abcdef' is among"),
        (("../jobs", "note", "x"), "No cause '../jobs' is among"),
        ((None, "ignore", "x"), '"note", "acknowledge" or "reopen"'),
        ((None, "note", " "), "text of the note"),
        ((None, "note"), "text of the note"),
        ((None, "note", "x" * 2001), "up to 2000 characters"),
        ((None, "reopen"), "not acknowledged, so there is nothing to reopen"),
    ],
)
def test_what_cannot_be_said_is_refused_near_and_far(
    engine: Engine, server: str, values: tuple[Any, ...], why: str
) -> None:
    known = engine.failures.list()[0].key
    with Client(server) as client:
        for desk in (engine, client):
            with pytest.raises(InvalidOption) as refused:
                desk.failures.remark(values[0] or known, *values[1:])
            assert why in str(refused.value)
    assert not any(cause.remarks for cause in engine.failures.list())


def test_the_clients_say_and_read_what_the_engine_does(
    engine: Engine, server: str
) -> None:
    async def talk() -> None:
        async with AsyncClient(server) as far:
            (cause, _) = await far.failures.list()
            await far.failures.remark(cause.key, "reopen", by="bert")
            assert await far.failures.list() == engine.failures.list()
        near = AsyncEngine(engine)
        assert await near.failures.list(limit=1) == engine.failures.list(limit=1)
        await near.failures.remark(cause.key, "note", "found", by="cleo")

    with Client(server) as client:
        assert client.failures.list() == engine.failures.list()
        (cause, _) = client.failures.list()
        said = client.failures.remark(cause.key, "acknowledge", "é", by="anna")
        assert client.failures.list()[0].acknowledged == said
        for name in ("list", "remark"):
            far = inspect.signature(getattr(client.failures, name))
            assert far == inspect.signature(getattr(engine.failures, name))
        with pytest.raises(InvalidOption):
            client.failures.list(limit=0)
    asyncio.run(talk())
    (cause, _) = engine.failures.list()
    assert [each.by for each in cause.remarks] == ["anna", "bert", "cleo"]
    assert set(vars(Failures)) >= {"list", "remark", "with_jobs"}


def test_requests_are_checked_and_name_whom_the_token_names(
    engine: Engine, failed: list[str]
) -> None:
    key = engine.failures.list()[0].key
    with (
        serving(create_app(engine, token="anna:secret", read_token="r")) as url,
        httpx.Client(base_url=url) as api,
    ):
        path = f"/v1/failures/{key}/remarks"
        said = {"kind": "acknowledge", "by": "bert"}
        done = api.post(path, json=said, headers=bearer("secret"))
        assert (done.status_code, done.json()["by"]) == (201, "bert via anna")
        assert api.post(path, json=said, headers=bearer("r")).status_code == 403
        shown, _ = api.get("/v1/failures", headers=bearer("r")).json()["items"]
        assert shown["acknowledged"] == done.json()
        assert shown["jobs"] == [failed[2], failed[0]]
        for wrong in ({"kind": "ignore"}, {"kind": "note", "more": 1}, {}):
            assert api.post(path, json=wrong, headers=bearer("secret")).is_client_error
        bad = api.post("/v1/failures/x/remarks", json=said, headers=bearer("secret"))
        assert bad.status_code == 422
    (cause, _) = engine.failures.list()
    assert len(cause.remarks) == 1


@pytest.mark.parametrize("where", ["database", "server"])
def test_commands_list_causes_and_remark_on_them(
    engine: Engine,
    server: str,
    where: str,
    tmp_path: Any,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("INTERLOCK_MODULES", "e2e.sample_jobs")
    place = f"sqlite:///{tmp_path}/jobs.db" if where == "database" else server

    def run(*arguments: str, code: int = 0) -> str:
        done = CliRunner().invoke(app, ["failures", *arguments, f"--{where}", place])
        assert done.exit_code == code, done.output
        return done.output

    head, *rows = run("list").splitlines()
    assert head.split("\t")[:4] == ["cause", "open", "failed", "name"]
    assert len(rows) == 2
    key = rows[0].split("\t")[0]
    run("note", key, "the bank is down", "--by", "anna")
    run("acknowledge", key, "--reason", "called them", "--by", "anna")
    assert "by anna" in run("list")
    (cause, _) = json.loads(run("list", "--json-array"))
    assert [each["kind"] for each in cause["remarks"]] == ["note", "acknowledge"]
    run("reopen", key)
    assert "nothing to reopen" in run("reopen", key, code=2)
    assert "failures list" in run("note", UNKNOWN, "x", code=2)
    assert len(run("list", "--json").splitlines()) == 2
    assert len(engine.failures.list()[0].remarks) == 3
