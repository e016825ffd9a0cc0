"""The guard, tried as an attacker would: each rule against a real server."""

from __future__ import annotations

import base64
import socket
from collections.abc import Iterator
from contextlib import suppress
from typing import Any
from urllib.parse import urlsplit

import httpx
import pytest
from fastapi import Depends, FastAPI, HTTPException, Request

from interlock import Engine, InvalidOption
from interlock_adapters.http import Guard, Settings, Token, create_app, router
from interlock_adapters.http.connection import Connection
from interlock_adapters.http.schemas.problems import Problem
from interlock_adapters.http.security.access import GuardedRequest, admit
from pace import deadline

from .server import client_of
from .test_jobs import problem, submit

CALL = {"name": "t.add", "params": {"left": 1}}
#: Sends one signal with the token that is in the path, and needs no other.
BY_A_TOKEN_OF_ITS_OWN = "/v1/signals/"


@pytest.fixture
def guarded(engine: Engine) -> Iterator[httpx.Client]:
    """Serve with a token that may write (Anna's) and one that may read."""
    app = create_app(engine, token="anna:open-sesame", read_token="only:looking")
    with client_of(app) as client:
        yield client


def bearer(secret: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {secret}"}


def every_route(app: FastAPI) -> Iterator[tuple[str, str]]:
    yield "GET", "/openapi.json"
    yield "GET", "/nowhere"
    for path, methods in app.openapi()["paths"].items():
        for method in methods:
            yield method.upper(), path.replace("{", "").replace("}", "")


def test_no_route_answers_without_a_token(engine: Engine) -> None:
    app = create_app(engine, token="open-sesame")
    with client_of(app) as client:
        walked = list(every_route(app))
        assert len(walked) > 8
        for method, path in walked:
            if path.startswith(BY_A_TOKEN_OF_ITS_OWN):
                continue
            for headers in (
                {},
                bearer("open-sesam"),
                {"Authorization": "x"},
            ):
                answer = client.request(method, path, headers=headers)
                problem(answer, 401, "unauthorized")
                assert "Bearer" in answer.headers["www-authenticate"]
    assert sum(engine.counts().values()) == 0


def test_a_route_added_later_is_behind_the_guard_too(engine: Engine) -> None:
    app = create_app(engine, token="open-sesame")
    app.add_api_route("/later", lambda: "seen")
    own = FastAPI()
    own.include_router(router(engine))
    own.add_middleware(Guard, settings=Settings(tokens=(Token(secret="open-sesame"),)))
    for guarded, path in ((app, "/later"), (own, "/v1/jobs")):
        with client_of(guarded) as client:
            problem(client.get(path), 401, "unauthorized")
            assert client.get(path, headers=bearer("open-sesame")).status_code == 200


def test_an_application_may_read_what_our_routes_do_not_know(engine: Engine) -> None:
    def key(request: Request) -> None:
        if request.query_params.get("key") != "sesame":
            raise HTTPException(401)

    own = FastAPI()
    own.include_router(router(engine), dependencies=[Depends(key)])
    with client_of(own) as client:
        assert client.get("/v1/jobs").status_code == 401
        assert client.get("/v1/jobs?key=sesame").status_code == 200


def test_a_read_token_reads_and_does_not_write(
    guarded: httpx.Client, engine: Engine
) -> None:
    job_id = engine.submit("t.add", {"left": 1}).id
    reader = bearer("looking")
    assert guarded.get(f"/v1/jobs/{job_id}", headers=reader).status_code == 200
    assert guarded.post("/v1/jobs/search", json={}, headers=reader).status_code == 200
    app = create_app(engine)
    for method, path in every_route(app):
        if path.startswith(BY_A_TOKEN_OF_ITS_OWN):
            continue
        if method != "GET" and path != "/v1/jobs/search":
            answer = guarded.request(method, path, headers=reader)
            problem(answer, 403, "read-only-token")
    assert len(engine.history(job_id)) == 1


def test_a_token_is_taken_as_bearer_or_as_a_browsers_password(
    guarded: httpx.Client,
) -> None:
    basic = base64.b64encode(b"whoever:open-sesame").decode()
    for value in (f"Basic {basic}", "bearer open-sesame", "Bearer  open-sesame"):
        answer = guarded.get("/v1/jobs", headers={"Authorization": value})
        assert answer.status_code == 200
    for value in ("Basic !!", "Basic b3Blbi1zZXNhbWU=", "Digest open-sesame"):
        answer = guarded.get("/v1/jobs", headers={"Authorization": value})
        problem(answer, 401, "unauthorized")


def test_the_name_of_a_token_is_the_actor_whatever_is_claimed(
    guarded: httpx.Client, engine: Engine
) -> None:
    call: dict[str, Any] = {**CALL, "options": {"by": "root"}}
    for body, headers, actor in (
        (CALL, {}, "anna"),
        (call, {}, "root via anna"),
        (CALL, {"X-Actor": "bot"}, "bot via anna"),
    ):
        both = {**bearer("open-sesame"), **headers}
        job_id = guarded.post("/v1/jobs", json=body, headers=both).json()["id"]
        assert engine.get(job_id).submitted_by == actor
        assert engine.history(job_id)[0].actor == actor
    job_id = engine.submit("t.add", {"left": 1}).id
    guarded.post(f"/v1/jobs/{job_id}/cancel", headers=bearer("open-sesame"))
    assert engine.history(job_id)[-1].actor == "anna"


def test_without_tokens_ones_own_word_is_the_actor(
    api: httpx.Client, engine: Engine
) -> None:
    first = submit(api)["id"]
    api.post(f"/v1/jobs/{first}/cancel", headers={"X-Actor": "bot"})
    assert [e.actor for e in engine.history(first)] == ["http", "bot"]


def test_a_name_that_an_attacker_points_here_is_refused(api: httpx.Client) -> None:
    for host in (
        "evil.example",
        "evil.example:80",
        "localhost.evil.example",
        "",
        "a b",
    ):
        for method in ("GET", "POST"):
            answer = api.request(method, "/v1/jobs", headers={"Host": host})
            assert answer.status_code in {400, 403}, host  # uvicorn refuses odd ones
            assert "items" not in answer.text
    problem(api.get("/v1/jobs", headers={"Host": "evil.example"}), 403, "wrong-host")
    for host in ("localhost", "LOCALHOST:9", "127.0.0.1", "[::1]:80", "10.0.0.1"):
        assert api.get("/v1/jobs", headers={"Host": host}).status_code == 200


def test_a_name_of_the_server_can_be_added(engine: Engine) -> None:
    settings = Settings(hosts=frozenset({"jobs.example"}))
    with client_of(create_app(engine, settings=settings)) as client:
        for host, status in (("jobs.example:8000", 200), ("evil.example", 403)):
            answer = client.get("/v1/jobs", headers={"Host": host})
            assert answer.status_code == status


@pytest.mark.parametrize("path", ["", "/cancel", "/rerun", "DELETE"])
def test_a_page_of_another_site_changes_nothing(
    api: httpx.Client, engine: Engine, path: str
) -> None:
    job = submit(api)
    before = engine.counts()
    url = "/v1/jobs" if path == "" else f"/v1/jobs/{job['id']}{path}"
    method = "POST"
    if path == "DELETE":
        method, url = path, f"/v1/jobs/{job['id']}"
    host = urlsplit(str(api.base_url)).netloc
    for headers in (
        {"Origin": "https://evil.example"},
        {"Origin": "null"},
        {"Origin": "http://127.0.0.1:1"},
        {"Origin": f"http://{host}.evil.example"},
        {"Sec-Fetch-Site": "cross-site"},
        {"Sec-Fetch-Site": "same-site"},
        {"Origin": f"http://{host}", "Sec-Fetch-Site": "cross-site"},
    ):
        body = CALL if path == "" else None
        answer = api.request(method, url, headers=headers, json=body)
        problem(answer, 403, "cross-site")
    form = "application/x-www-form-urlencoded"
    for kind in (form, "text/plain", "multipart/form-data; boundary=x", "text/json"):
        for content in (b"", b'{"name":"t.add","params":{"left":1}}'):
            headers = {"Content-Type": kind}
            answer = api.request(method, url, headers=headers, content=content)
            problem(answer, 415, "unsupported-media-type")
    if path == "":
        untyped = api.request(method, url, content=b'{"name": "t.add"}')
        problem(untyped, 415, "unsupported-media-type")
    assert engine.counts() == before
    assert len(engine.history(job["id"])) == 1


def test_the_servers_own_pages_and_named_origins_may_write(engine: Engine) -> None:
    settings = Settings(origins=frozenset({"https://desk.example"}))
    with client_of(create_app(engine, settings=settings)) as client:
        host = urlsplit(str(client.base_url)).netloc
        for headers in (
            {"Origin": f"http://{host}", "Sec-Fetch-Site": "same-origin"},
            {"Origin": "https://desk.example", "Sec-Fetch-Site": "cross-site"},
        ):
            answer = client.post("/v1/jobs", json=CALL, headers=headers)
            assert answer.status_code == 201


@pytest.mark.parametrize("method", ["POST", "PUT", "PATCH", "DELETE"])
def test_a_page_of_a_named_origin_may_ask(engine: Engine, method: str) -> None:
    settings = Settings(
        origins=frozenset({"https://desk.example"}), tokens=(Token(secret="s"),)
    )
    with client_of(create_app(engine, settings=settings)) as client:
        for origin, allowed in (
            ("https://desk.example", "https://desk.example"),
            ("https://evil.example", None),
        ):
            asked = {
                "Origin": origin,
                "Access-Control-Request-Method": method,
                "Access-Control-Request-Headers": "authorization,if-match",
            }
            answer = client.options("/v1/jobs/x", headers=asked)
            assert answer.status_code == (200 if allowed else 400)
            seen = client.get("/v1/jobs", headers={"Origin": origin})
            assert seen.status_code == 401
            for one in (answer, seen):
                assert one.headers.get("access-control-allow-origin") == allowed
                assert "access-control-allow-credentials" not in one.headers


def test_without_origins_no_answer_is_shared(api: httpx.Client) -> None:
    asked = {"Origin": "https://desk.example", "Access-Control-Request-Method": "GET"}
    for method, status in (("GET", 200), ("OPTIONS", 204)):
        answer = api.request(method, "/v1/jobs", headers=asked)
        assert answer.status_code == status
        assert "access-control-allow-origin" not in answer.headers


@pytest.mark.parametrize(
    "origin",
    ["*", "null", "https://a.example/", "https://A.example", "a.example", "ftp://a"],
)
def test_an_origin_is_one_site(origin: str) -> None:
    with pytest.raises(InvalidOption, match="port of one site"):
        Settings(origins=frozenset({origin}))


@pytest.mark.parametrize(
    ("setting", "value", "allowed"),
    [
        ("max_body", 0, "a whole number above 0"),
        ("max_batch", 1.5, "a whole number above 0"),
        ("max_streams", True, "a whole number above 0"),
        ("max_pending", -1, "a whole number of at least 0"),
        ("max_wait", float("inf"), "a number of at least 0"),
        ("heartbeat", float("nan"), "a number above 0"),
        ("submits_per_s", "5", "a number above 0"),
    ],
)
def test_a_setting_that_could_never_hold_is_refused(
    setting: str, value: Any, allowed: str
) -> None:
    with pytest.raises(InvalidOption, match=f"{setting}: .*Use {allowed}"):
        Settings(**{setting: value})


def test_a_body_that_is_too_large_is_not_read(api: httpx.Client) -> None:
    big = b'{"name": "' + b"x" * (2 * 1024 * 1024) + b'"}'
    headers = {"Content-Type": "application/json"}
    problem(api.post("/v1/jobs", content=big, headers=headers), 413, "too-large")
    where = urlsplit(str(api.base_url))
    assert where.hostname is not None
    head = (
        f"POST /v1/jobs HTTP/1.1\r\nHost: {where.netloc}\r\n"
        "Content-Type: application/json\r\n"
    )
    lies = ("Content-Length: 99999999999\r\n\r\n", "Transfer-Encoding: chunked\r\n\r\n")
    for lie in lies:
        with socket.create_connection((where.hostname, where.port or 80), 20) as raw:
            raw.sendall((head + lie).encode())
            if "chunked" in lie:
                for _ in range(3):
                    raw.sendall(b"100000\r\n" + b"[" * 0x100000 + b"\r\n")
            assert b" 413 " in raw.recv(100)


def test_a_body_that_does_not_arrive_is_not_waited_for(engine: Engine) -> None:
    app = create_app(engine, settings=Settings(max_receive=0.2))
    with client_of(app) as client:
        with _begun(client, "POST /v1/jobs", "Content-Length: 9\r\n\r\n{") as raw:
            answer = b"".join(iter(lambda: raw.recv(1000), b""))
        assert answer.startswith(b"HTTP/1.1 408 ")
        assert b"did not arrive within 0.2 s" in answer
        assert client.post("/v1/jobs", json=CALL).status_code == 201


@pytest.mark.parametrize("begun", ["", "GET /v1/jobs"])
def test_a_request_that_does_not_begin_is_not_waited_for(
    api: httpx.Client, monkeypatch: pytest.MonkeyPatch, begun: str
) -> None:
    monkeypatch.setattr(Connection, "head_s", 0.2)
    with _begun(api, begun, "X-Half: ") as raw, suppress(ConnectionResetError):
        assert raw.recv(1000) == b""
    assert api.get("/v1/jobs").status_code == 200
    assert api.get("/v1/jobs").status_code == 200


def _begun(client: httpx.Client, line: str, rest: str) -> socket.socket:
    """Return a connection on which a request has begun; nothing if `line` is empty."""
    url = client.base_url
    raw = socket.create_connection((url.host, url.port or 80), deadline(20))
    head = f"{line} HTTP/1.1\r\nHost: {url.host}\r\n"
    head += "Content-Type: application/json\r\n"
    raw.sendall((head + rest).encode() if line else b"")
    return raw


def test_what_is_nested_too_deeply_is_refused(api: httpx.Client) -> None:
    deep: Any = 1
    for _ in range(100):
        deep = {"a": deep}
    for body in (
        {**CALL, "options": {"metadata": deep}},
        {**CALL, "params": {"left": deep}},
    ):
        problem(api.post("/v1/jobs", json=body), 422, "invalid-request")
    problem(api.post("/v1/jobs/search", json={"params": deep}), 422, "invalid-request")


@pytest.mark.parametrize(
    "body",
    [
        '{"name": "t.add", "name": "t.fail", "params": {"left": 1}}',
        '{"name": "t.add", "params": {"left": 1, "left": 2}}',
        '{"name": "t.add", "params": {"left": 1, "\\u006ceft": 2}}',
        '{"name": "t.add", "params": {"left": [{"a": 1, "b": 2, "a": 1}]}}',
    ],
)
def test_a_key_that_is_there_twice_is_refused(
    api: httpx.Client, engine: Engine, body: str
) -> None:
    headers = {"Content-Type": "application/json"}
    answer = api.post("/v1/jobs", content=body, headers=headers)
    assert " twice" in problem(answer, 422, "invalid-request")["detail"]
    assert sum(engine.counts().values()) == 0


def test_a_query_parameter_that_is_there_twice_is_refused(api: httpx.Client) -> None:
    problem(api.get("/v1/jobs?limit=1&limit=2"), 422, "invalid-request")
    statuses = "/v1/jobs?status=PENDING&status=RUNNING&limit=1"
    assert api.get(statuses).status_code == 200


def test_a_bug_of_the_server_shows_no_traceback(engine: Engine) -> None:
    app = create_app(engine)

    def broken() -> None:
        raise RuntimeError("the inner workings")

    app.add_api_route("/broken", broken)
    with client_of(app) as client:
        answer = client.get("/broken")
        problem(answer, 500, "internal-error")
        assert "workings" not in answer.text
        assert "Traceback" not in answer.text


def test_without_a_token_only_loopback_is_answered() -> None:
    def asked(server: str | None) -> GuardedRequest:
        return GuardedRequest(
            method="GET",
            path="/v1/jobs",
            headers={"host": "localhost"},
            client="10.0.0.9",
            server=server,
        )

    for server in ("127.0.0.1", "127.1.2.3", "::1", "::ffff:127.0.0.1", None):
        assert admit(asked(server), Settings()).name is None
    for server in ("10.0.0.1", "0.0.0.0", "::", "::ffff:10.0.0.1", "jobs.example"):
        with pytest.raises(Problem) as refused:
            admit(asked(server), Settings())
        assert refused.value.kind == "token-needed"


def test_tokens_that_no_header_carries_are_refused() -> None:
    for text in ("", " ", "a b", "é", "name:"):
        with pytest.raises(InvalidOption):
            Token.parse(text, may_write=True)
    assert "sesame" not in repr(Token.parse("anna:sesame", may_write=True))
