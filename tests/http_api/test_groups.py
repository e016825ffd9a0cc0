"""Groups over HTTP, through both clients and by commands."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterator

import httpx
import pytest
from typer.testing import CliRunner

from e2e import group_jobs as jobs
from interlock import Engine, GroupNotFound, InvalidOption, JobStatus
from interlock_adapters.cli.main import app
from interlock_adapters.http import create_app
from interlock_adapters.http.client import AsyncClient, Client
from pace import deadline

from .server import serving

S = JobStatus.SUCCEEDED


@pytest.fixture
def url(engine: Engine) -> Iterator[str]:
    with serving(create_app(engine)) as found:
        yield found


def test_a_group_is_submitted_read_and_canceled(
    engine: Engine, api: httpx.Client
) -> None:
    body = {"job": jobs.power.name, "items": [[2, 3], {"base": 3}, 4], "name": "some"}
    group = api.post("/v1/groups", json={**body, "options": {"tags": ["x"]}})
    assert group.status_code == 201
    path = f"/v1/groups/{group.json()['id']}"
    assert group.json()["counts"]["PENDING"] == 3
    items = api.get(f"{path}/jobs?limit=2").json()
    assert [job["params"]["base"] for job in items["items"]] == [2, 3]
    rest = api.get(f"{path}/jobs?after={items['next_cursor']}").json()["items"]
    assert [job["group_index"] for job in rest] == [2]
    listed = api.get(f"/v1/jobs?group={group.json()['id']}&tag=x").json()["items"]
    assert len(listed) == 3
    with engine.worker(concurrency=1):
        engine.get_group(group.json()["id"]).wait(deadline(30))
    results = api.get(f"{path}/results").json()["items"]
    assert [one["result"] for one in results] == [8, 9, 16]
    done = api.post(f"{path}/cancel", json={"by": "anna"}).json()
    assert done == {"matched": 0, "done": 0}
    assert api.post(f"{path}/rerun_failed").json() == {"rerun": 0}
    (listed_group,) = api.get("/v1/groups").json()["items"]
    assert listed_group["name"] == "some"
    assert api.get("/v1/groups/nobody").status_code == 404


def test_the_client_maps_and_waits(engine: Engine, url: str) -> None:
    with Client(url) as client:
        group = client.map(jobs.square, [1, 2, -3])
        after = group.then(jobs.total.options(on_parent_failure="run"))
        by_name = client.map(jobs.square.name, [5])
        with engine.worker(concurrency=2):
            assert group.wait(deadline(30))[JobStatus.FAILED] == 1
            assert after.result(deadline(30)) == 5
            assert by_name.results(deadline(30)) == [25]
            assert group.rerun_failed() == 1
            group.wait(deadline(30))
        assert client.get_group(group.id).progress().total == 3
        assert [each.id for each in client.list_groups()] == [by_name.id, group.id]
        with pytest.raises(GroupNotFound):
            client.get_group("nobody")
        with engine.group("open") as still, pytest.raises(InvalidOption):
            client.get_group(still.id).then(jobs.total)


def test_the_asynchronous_client_maps_and_waits(engine: Engine, url: str) -> None:
    async def run() -> None:
        async with AsyncClient(url) as client:
            group = await client.map(jobs.square, [1, 2])
            after = await group.then(jobs.total)
            assert await group.results(deadline(30)) == [1, 4]
            assert await after.result(deadline(30)) == 5
            assert len(await group.members()) == 2
            assert (await group.cancel()).matched == 0
            assert (await client.get_group(group.id)).name == group.name

    with engine.worker(concurrency=2):
        asyncio.run(run())


@pytest.mark.parametrize("is_server", [False, True])
def test_a_group_is_shown_and_canceled_by_commands(
    engine: Engine, url: str, tmp_path: object, *, is_server: bool
) -> None:
    place = f"sqlite:///{tmp_path}/jobs.db"
    where = ["--server", url] if is_server else ["--database", place]

    def run(*arguments: str, code: int = 0) -> str:
        done = CliRunner().invoke(app, ["groups", *arguments, *where])
        assert done.exit_code == code, done.output
        return done.stdout

    group = engine.map(jobs.square, [1, 2, -3], name="some")
    assert "some: 0 of 3 jobs have ended" in run("show", group.id)
    with engine.worker(concurrency=1):
        group.wait(deadline(30))
    assert run("wait", group.id, code=1).split() == ["1", "4"]
    assert json.loads(run("show", group.id, "--json"))["counts"]["FAILED"] == 1
    assert "1 jobs submitted again" in run("rerun-failed", group.id)
    assert "1 jobs canceled" in run("cancel", group.id)
    assert json.loads(run("list", "--json"))["id"] == group.id
    run("show", "nobody", code=3)
