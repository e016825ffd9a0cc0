"""Below a prefix every link, asset, form, stream and `Location` leads back to it."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from urllib.parse import urlsplit

import httpx
import pytest
from fastapi import FastAPI

from e2e import sample_jobs as jobs
from interlock import Engine, InvalidOption
from interlock_adapters.http import Settings, create_app, router
from interlock_adapters.http.client import Client
from pace import deadline, some

from .program import served
from .proxy import proxied
from .server import client_of, serving
from .test_jobs import problem

PREFIXES = ("/jobs", "/tools/v1.x/jobs")
_LINK = re.compile(
    r' (?:href|src|action|hx-(?:get|post|put|delete)|data-follow|data-root)="(.*?)"'
)
_Way = Callable[[Engine, str], AbstractContextManager[str]]


@contextmanager
def _mounted(engine: Engine, prefix: str) -> Iterator[str]:
    outer = FastAPI()
    outer.mount(prefix, create_app(engine))
    with serving(outer) as url:
        yield url + prefix


@contextmanager
def _mounted_behind(engine: Engine, prefix: str) -> Iterator[str]:
    outer = FastAPI()
    outer.mount("/inner", create_app(engine))
    told = {"X-Forwarded-Prefix": prefix}
    with serving(outer) as url, proxied(url, prefix, headers=told) as seen:
        yield f"{seen}/inner"


@contextmanager
def _included(engine: Engine, prefix: str) -> Iterator[str]:
    outer = FastAPI()
    outer.include_router(router(engine), prefix=prefix)
    with serving(outer) as url:
        yield url + prefix


@contextmanager
def _forwarded(engine: Engine, prefix: str) -> Iterator[str]:
    told = {"X-Forwarded-Prefix": f"{prefix}/"}
    with (
        serving(create_app(engine)) as url,
        proxied(url, prefix, headers=told) as seen,
    ):
        yield seen


@contextmanager
def _set(engine: Engine, prefix: str, *, strip: bool) -> Iterator[str]:
    app = create_app(engine, settings=Settings(root_path=prefix))
    with serving(app) as url, proxied(url, prefix, strip=strip) as seen:
        yield seen


def _removed(engine: Engine, prefix: str) -> AbstractContextManager[str]:
    return _set(engine, prefix, strip=True)


def _left(engine: Engine, prefix: str) -> AbstractContextManager[str]:
    return _set(engine, prefix, strip=False)


WAYS = (_mounted, _mounted_behind, _included, _forwarded, _removed, _left)


@pytest.fixture(params=WAYS, ids=lambda way: way.__name__[1:])
def way(request: pytest.FixtureRequest) -> _Way:
    return request.param  # type: ignore[no-any-return]  # pytest's Any


@pytest.mark.parametrize("prefix", some(PREFIXES))
def test_every_link_of_every_page_leads_back(
    engine: Engine, way: _Way, prefix: str
) -> None:
    first = engine.submit(jobs.add, 1)
    first.cancel()
    ids = [
        engine.rerun(first.id).id,
        *(engine.submit(jobs.add, n).id for n in (1, 2, 3)),
    ]
    engine.limits.set("api:{customer}", max_running=1)
    engine.hold(f"job:{ids[0]}")
    with way(engine, prefix) as url, httpx.Client(timeout=deadline(30)) as client:
        root, host = urlsplit(url).path, url.removesuffix(urlsplit(url).path)
        pages = ["/", "/jobs", "/jobs?status=PENDING", "/jobs/none", "/static/none.css"]
        pages += ["/failures", "/names", "/names/t.add", "/queues/default"]
        pages += ["/schedules", "/groups"]
        followed: set[str] = set()
        for page in [*pages, *(f"/jobs/{job_id}" for job_id in (first.id, *ids))]:
            text = client.get(url + page, follow_redirects=True).text
            links = [link for link in _LINK.findall(text) if link[0] not in "#d?"]
            assert len(links) > 5, page
            for link in links:
                assert link == root or link.startswith(f"{root}/"), (page, link)
                if link in {root, f"{root}/jobs/"} or "/v1/" in link.removeprefix(root):
                    continue
                if link in followed:
                    continue
                followed.add(link)
                assert client.get(host + link).status_code == 200, (page, link)
        assert client.get(f"{url}/static/live.js").headers["etag"]


@pytest.mark.parametrize("prefix", some(PREFIXES))
def test_locations_streams_and_clients_work(
    engine: Engine, way: _Way, prefix: str
) -> None:
    with way(engine, prefix) as url, httpx.Client(timeout=deadline(30)) as http:
        call = {"name": "t.add", "params": {"left": 1}}
        made = http.post(f"{url}/v1/jobs", json=call)
        where = f"{urlsplit(url).path}/v1/jobs/{made.json()['id']}"
        assert (made.status_code, made.headers["location"]) == (201, where)
        assert http.get(httpx.URL(url).join(where)).json()["name"] == "t.add"
        with http.stream("GET", f"{url}/v1/jobs/{made.json()['id']}/events") as events:
            line = next(each for each in events.iter_lines() if "data:" in each)
            assert '"event": "submit"' in line
        with Client(url) as client:
            assert [job.id for job in client.search().items] == [made.json()["id"]]
            client.pause("a/b")
            assert client.queues()[0].name == "a/b"


def test_a_repeat_by_another_way_is_the_same_request(engine: Engine) -> None:
    call = {"name": "t.add", "params": {"left": 1}}
    headers = {"Idempotency-Key": "k"}
    found = []
    for way, prefix in ((_forwarded, "/a"), (_removed, "/b"), (_mounted, "/c")):
        with way(engine, prefix) as url:
            answer = httpx.post(f"{url}/v1/jobs", json=call, headers=headers)
            assert answer.status_code == 201
            assert answer.headers["location"].startswith(f"{prefix}/v1/jobs/")
            found.append(answer.json()["id"])
    with client_of(create_app(engine)) as api:
        answer = api.post("/v1/jobs", json=call, headers=headers)
        assert answer.headers["location"] == f"/v1/jobs/{answer.json()['id']}"
        found.append(answer.json()["id"])
    assert len(set(found)) == 1


def test_the_document_names_the_prefix_of_each_request(api: httpx.Client) -> None:
    for prefix in ("/a", "/b"):
        told = {"X-Forwarded-Prefix": prefix}
        document = api.get("/openapi.json", headers=told).json()
        assert document["servers"] == [{"url": prefix}]
    assert "servers" not in api.get("/openapi.json").json()


@pytest.mark.parametrize(
    "prefix",
    [
        *("//evil.example", "https://evil.example", "jobs", "/a//b", "/a/../b", "/."),
        *('/"onload=', "/a b", "/a%2F", "/a?b", "/a\\b", "/" + "a" * 200, "/a, /b"),
    ],
)
def test_a_prefix_that_leads_elsewhere_is_refused(
    api: httpx.Client, prefix: str
) -> None:
    told = {"X-Forwarded-Prefix": prefix}
    problem(api.get("/jobs", headers=told), 400, "invalid-prefix")
    with pytest.raises(InvalidOption, match="a path such as /jobs"):
        Settings(root_path=prefix)


def test_a_prefix_like_a_path_of_the_server_hides_none(engine: Engine) -> None:
    settings = Settings(root_path="/jobs")
    with client_of(create_app(engine, settings=settings)) as api:
        for path, title in (("/jobs", "Jobs"), ("/jobs/jobs", "Jobs")):
            assert f"<h1>{title}</h1>" in api.get(path).text
        for path in ("/", "/jobs/"):
            assert "<h1>Overview</h1>" in api.get(path).text
        told = {"X-Forwarded-Prefix": "/v1"}
        assert api.get("/v1/jobs", headers=told).json()["items"] == []


def test_two_prefixes_in_one_request_are_refused(api: httpx.Client) -> None:
    twice = [("X-Forwarded-Prefix", "/a"), ("X-Forwarded-Prefix", "/b")]
    problem(api.get("/jobs", headers=twice), 400, "invalid-prefix")


def test_an_empty_prefix_is_none(api: httpx.Client) -> None:
    for prefix in ("", "/"):
        page = api.get("/jobs", headers={"X-Forwarded-Prefix": prefix})
        assert 'href="/static/style.css"' in page.text


@pytest.mark.parametrize(
    ("client", "trusted"),
    [
        ("127.0.0.1", True),
        ("::1", True),
        ("::ffff:127.0.0.1", True),
        ("10.1.2.3", True),
        ("::ffff:10.1.2.3", True),
        ("192.0.2.7", True),
        ("192.0.2.8", False),
        ("testclient", False),
    ],
)
def test_only_trusted_proxies_tell_a_prefix(
    engine: Engine, client: str, *, trusted: bool
) -> None:
    proxies = frozenset({"10.0.0.0/8", "192.0.2.7"})
    app = create_app(engine, settings=Settings(proxies=proxies))
    told = {"X-Forwarded-Prefix": "/a"}

    async def asked() -> str:
        way = httpx.ASGITransport(app, client=(client, 1))
        async with httpx.AsyncClient(transport=way, base_url="http://localhost") as one:
            return (await one.get("/jobs", headers=told)).text

    page = asyncio.run(asked())
    assert ('href="/a/static/style.css"' in page) is trusted
    assert ('href="/static/style.css"' in page) is not trusted


@pytest.mark.parametrize("root", ["/v1", "/v1/jobs"])
def test_a_root_path_like_the_api_is_refused(root: str) -> None:
    with pytest.raises(InvalidOption, match="does not begin with /v1"):
        Settings(root_path=root)


@pytest.mark.parametrize("proxy", ["proxy.example", "10.0.0.1/8", ""])
def test_a_proxy_is_an_address(proxy: str) -> None:
    with pytest.raises(InvalidOption, match="an address or a network"):
        Settings(proxies=frozenset({proxy}))


def test_the_command_serves_below_a_root_path(tmp_path: Path) -> None:
    with served(tmp_path, "--root-path", "/jobs/") as (url, _):
        assert urlsplit(url).path == "/jobs"
        assert 'href="/jobs/static/style.css"' in httpx.get(f"{url}/jobs").text
        told = {"X-Forwarded-Prefix": "/other"}
        host = url.removesuffix("/jobs")
        page = httpx.get(f"{host}/jobs", headers=told)
        assert 'href="/other/static/style.css"' in page.text


def test_a_part_of_an_id_leads_to_the_page_below_the_prefix(engine: Engine) -> None:
    job_id = engine.submit(jobs.add, 1).id
    with _mounted(engine, "/tools") as url:
        answer = httpx.get(f"{url}/jobs/{job_id[-8:]}")
    assert answer.headers["location"] == f"/tools/jobs/{job_id}"
