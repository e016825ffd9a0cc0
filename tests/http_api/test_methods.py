"""HEAD, OPTIONS, 405, 304, and names that are no plain segment of a path."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from urllib.parse import quote

import httpx
import pytest
from fastapi import FastAPI

from interlock import Engine, Progress
from interlock.jobs import serialize
from interlock_adapters.http import create_app, dependencies, router
from interlock_adapters.http.client import Client
from interlock_adapters.http.schemas import json_responses

from .server import client_of, serving
from .test_jobs import problem, submit

PATHS = (
    *("/", "/jobs", "/static/style.css", "/healthz", "/metrics", "/openapi.json"),
    *("/v1/jobs", "/v1/counts", "/v1/queues", "/v1/lifecycle", "/jobs/none"),
)


def test_head_answers_like_get_without_a_body(api: httpx.Client) -> None:
    job = f"/v1/jobs/{submit(api)['id']}"
    for path in (*PATHS, job, f"{job}/history", "/v1/jobs/none"):
        get, head = api.get(path), api.head(path)
        assert (head.status_code, head.content) == (get.status_code, b"")
        for name in ("content-type", "etag", "x-content-type-options"):
            assert head.headers.get(name) == get.headers.get(name), (path, name)
    assert (
        api.head(job).headers["content-length"]
        == api.get(job).headers["content-length"]
    )


def test_head_of_a_stream_ends(api: httpx.Client) -> None:
    job = f"/v1/jobs/{submit(api)['id']}"
    for path in ("/v1/events", f"{job}/events", f"{job}/log?follow=true"):
        head = api.head(path)
        assert head.headers["content-type"].startswith("text/event-stream")
        assert (head.status_code, head.content) == (200, b"")


@pytest.mark.parametrize(
    ("path", "allowed"),
    [
        ("/v1/jobs", "GET, HEAD, OPTIONS, POST"),
        ("/v1/jobs/x", "DELETE, GET, HEAD, OPTIONS"),
        ("/v1/jobs/x/cancel", "OPTIONS, POST"),
        ("/v1/queues/a%2Fb/pause", "OPTIONS, POST"),
        ("/v1/queues/a%2Fb", "OPTIONS, PATCH"),
        ("/v1/limits/a%2Fb", "DELETE, OPTIONS, PUT"),
        ("/v1/holds/queue%3Aa%2Fb", "DELETE, OPTIONS, PUT"),
        ("/healthz", "GET, HEAD, OPTIONS"),
        ("/", "GET, HEAD, OPTIONS"),
    ],
)
def test_options_and_405_name_what_is_allowed(
    engine: Engine, path: str, allowed: str
) -> None:
    own = FastAPI()
    own.include_router(router(engine))
    for app in (create_app(engine), own):
        with client_of(app) as client:
            options = client.options(path)
            assert (options.status_code, options.headers["allow"]) == (204, allowed)
            has_patch = "/queues/" in path  # a queue may have the name a/b/pause
            others = {"PUT", "TRACE", "BREW", *(() if has_patch else ("PATCH",))}
            for method in others - set(allowed.split(", ")):
                refused = client.request(method, path)
                assert problem(refused, 405, "method-not-allowed")
                assert refused.headers["allow"] == allowed


def test_a_job_that_is_known_is_not_sent_again(api: httpx.Client) -> None:
    path = f"/v1/jobs/{submit(api)['id']}"
    tag = api.get(path).headers["etag"]
    for known in (tag, f"W/{tag}", f'"x", {tag}', "*"):
        for method in ("GET", "HEAD"):
            answer = api.request(method, path, headers={"If-None-Match": known})
            assert (answer.status_code, answer.content) == (304, b"")
            assert answer.headers["etag"] == tag
            assert answer.headers["cache-control"] == "no-store"
            assert "content-type" not in answer.headers
    assert api.get(path, headers={"If-None-Match": '"x"'}).status_code == 200
    unknown = api.get("/v1/jobs/none", headers={"If-None-Match": "*"})
    assert unknown.status_code == 404


def test_a_tag_changes_with_the_progress_and_not_with_the_time_of_reading(
    engine: Engine,
) -> None:
    job = engine.submit("t.add", {"left": 1}).job()
    late = replace(job, read_at=datetime.now(UTC))
    moved = replace(job, progress=Progress(completed=1))
    tags = [json_responses.etag(serialize.job(each)) for each in (job, late, moved)]
    assert tags[0] == tags[1] != tags[2]
    assert {dependencies.version(tag) for tag in tags} == {job.version}


def test_a_file_that_is_known_is_not_sent_again(api: httpx.Client) -> None:
    tag = api.get("/static/style.css").headers["etag"]
    headers = {"If-None-Match": tag}
    assert api.get("/static/style.css", headers=headers).status_code == 304
    assert api.get("/static/live.js", headers=headers).status_code == 200


@pytest.mark.parametrize(
    "name", ["a/b", "/", "a/../b", "..", ".", "%2F", "pause", "é?#"]
)
def test_a_queue_of_any_name_can_be_paused(engine: Engine, name: str) -> None:
    engine.submit("t.add", {"left": 1}, queue=name)
    with serving(create_app(engine)) as url, Client(url) as client:
        client.pause(name)
        assert [(q.name, q.paused) for q in engine.queues()] == [(name, True)]
        assert client.queues()[0].paused
        client.resume(name)
        assert not engine.queues()[0].paused
        assert len(client.search(queue=name).items) == 1
        assert len(httpx.get(f"{url}/v1/jobs", params={"queue": name}).json()["items"])
        if name.strip("."):
            path = f"{url}/v1/queues/{quote(name, safe='')}/pause"
            assert httpx.post(path).json()["name"] == name
            assert engine.queues()[0].paused
        page = httpx.get(f"{url}/").text
        assert f"queue={quote(name)}" in page
