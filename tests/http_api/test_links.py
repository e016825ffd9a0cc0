"""Dependencies over HTTP: by plain requests and through both clients."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from typing import Any

import httpx
import pytest

from e2e import pipeline_jobs as jobs
from interlock import Engine, InvalidOption, JobStatus, Phase, chain
from interlock_adapters.http import create_app
from interlock_adapters.http.client import AsyncClient, Client
from pace import deadline

from .server import serving


@pytest.fixture
def url(engine: Engine) -> Iterator[str]:
    with serving(create_app(engine)) as found:
        yield found


@pytest.fixture
def client(url: str) -> Iterator[Client]:
    with Client(url) as opened:
        yield opened


def submit(
    api: httpx.Client, name: str, params: dict[str, Any], **options: Any
) -> dict[str, Any]:
    call = {"name": name, "params": params, "options": options}
    answer = api.post("/v1/jobs", json=call)
    assert answer.status_code == 201, answer.text
    job: dict[str, Any] = answer.json()
    return job


def test_a_job_that_waits_says_for_what(api: httpx.Client) -> None:
    parent = submit(api, jobs.fetch.name, {"url": "u"})
    options: dict[str, Any] = {
        "depends_on": {"page": parent["id"]},
        "on_parent_failure": "run",
    }
    child = submit(api, jobs.count.name, {}, **options)
    assert (child["phase"], child["blocked_by"]) == ("blocked", parent["id"])
    assert (child["dependencies"], child["on_parent_failure"]) == (1, "run")
    reason = api.get(f"/v1/jobs/{child['id']}/explain").json()["reasons"][0]
    assert (reason["cause"], reason["holders"]) == ("dependencies", [parent["id"]])
    (item,) = api.get(f"/v1/jobs/{child['id']}/dependencies").json()["items"]
    assert (item["name"], item["position"]) == ("page", 0)
    assert item["job"]["id"] == parent["id"]
    (item,) = api.get(f"/v1/jobs/{parent['id']}/dependents").json()["items"]
    assert item["job"]["id"] == child["id"]
    graph = api.get(f"/v1/jobs/{parent['id']}/graph").json()
    assert (len(graph["jobs"]), len(graph["edges"]), graph["is_whole"]) == (2, 1, True)
    assert graph["mermaid"].startswith("flowchart LR\n")


def test_dependencies_come_in_pages(api: httpx.Client) -> None:
    parents = [submit(api, jobs.fail.name, {})["id"] for _ in range(3)]
    child = submit(api, jobs.total.name, {}, depends_on=parents)["id"]
    found, after = [], "-1"
    while after is not None:
        path = f"/v1/jobs/{child}/dependencies?limit=2&after={after}"
        page = api.get(path).json()
        found += [item["parent_id"] for item in page["items"]]
        after = page["next_cursor"]
    assert found == parents


def test_a_batch_names_its_own_jobs_by_number(api: httpx.Client) -> None:
    batch = [
        {"name": jobs.fetch.name, "params": {"url": "u"}},
        {"name": jobs.count.name, "options": {"depends_on": [0]}},
        {"name": jobs.add.name, "options": {"depends_on": {"left": 1, "right": 1}}},
        {"name": jobs.total.name, "options": {"depends_on": [9]}},
    ]
    items = api.post("/v1/jobs/batch", json={"jobs": batch}).json()["items"]
    assert [item["status"] for item in items] == [201, 201, 201, 422]
    assert items[1]["job"]["blocked_by"] == items[0]["job"]["id"]
    assert "depends_on" in items[3]["problem"]["detail"]


def test_what_does_not_exist_is_refused(api: httpx.Client) -> None:
    for parents in (["nobody"], [0], "text", [1.5]):
        body = {"name": jobs.total.name, "options": {"depends_on": parents}}
        assert api.post("/v1/jobs", json=body).status_code == 422
    assert api.get("/v1/jobs").json()["items"] == []


def test_the_client_submits_a_chain_and_runs_it_again(
    engine: Engine, client: Client
) -> None:
    first, second = client.submit_many(chain(jobs.fail.call(), jobs.total.call()))
    after = client.submit(jobs.total.options(depends_on=[second]))
    assert client.get(after.id).phase is Phase.BLOCKED
    assert client.graph(second.id) == engine.graph(second.id)
    assert client.dependencies(second.id) == engine.dependencies(second.id)
    assert client.dependents(second.id) == engine.dependents(second.id)
    client.cancel(first.id)
    again = client.rerun(first.id, dependents=True)
    assert len(client.graph(again.id).jobs) == 3
    with pytest.raises(InvalidOption):
        client.rerun(second.id)
    with engine.worker(concurrency=1):
        assert client.wait(again.id, deadline(30)).status is JobStatus.FAILED


def test_the_asynchronous_client_reads_the_same(engine: Engine, url: str) -> None:
    first, second = engine.submit_many(chain(jobs.fail.call(), jobs.total.call()))

    async def look() -> None:
        async with AsyncClient(url) as client:
            assert await client.graph(first.id) == engine.graph(first.id)
            linked = await client.dependencies(second.id)
            assert linked == engine.dependencies(second.id)
            assert await client.dependents(first.id) == engine.dependents(first.id)

    asyncio.run(look())
