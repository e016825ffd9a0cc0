"""Pages of other sites, in a browser: those of `Settings.origins` read and write."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from fastapi import FastAPI
from playwright.sync_api import Browser, Page
from starlette.responses import HTMLResponse

from http_api.server import serving
from interlock import Engine
from interlock_adapters.http import Settings, Token, create_app

ASK = """async ([url, method, headers, body]) => {
  try {
    const answer = await fetch(url, {method, headers, body});
    const names = ["ETag", "Location", "Retry-After"];
    const seen = names.filter((name) => answer.headers.has(name));
    return [answer.status, seen];
  } catch { return [0, []]; }
}"""
CALL = '{"name": "reports.render", "params": {"pages": 1}}'
JSON = {"Content-Type": "application/json"}
MORE = {**JSON, "Authorization": "Bearer s", "Idempotency-Key": "k", "X-Actor": "anna"}


@pytest.fixture
def desk() -> Iterator[str]:
    """Return the origin of another site."""
    app = FastAPI()
    app.add_route("/", lambda _request: HTMLResponse("<title>desk</title>"))
    with serving(app) as url:
        yield url


@pytest.fixture
def other(browser: Browser, desk: str) -> Iterator[Page]:
    page = browser.new_page()
    page.goto(desk)
    yield page
    page.close()


def test_a_named_origin_reads_and_writes(
    engine: Engine, desk: str, other: Page
) -> None:
    tokens = (Token(secret="s"),)
    settings = Settings(origins=frozenset({desk}), tokens=tokens)
    with serving(create_app(engine, settings=settings)) as url:
        made = other.evaluate(ASK, [f"{url}/v1/jobs", "POST", MORE, CALL])
        assert made == [201, ["ETag", "Location"]]
        (job,) = engine.search().items
        assert job.submitted_by == "anna"
        path = f"{url}/v1/jobs/{job.id}"
        held = {**MORE, "If-Match": '"9"', "Idempotency-Key": "2"}
        assert other.evaluate(ASK, [f"{path}/cancel", "POST", held, "{}"])[0] == 412
        read = other.evaluate(ASK, [path, "GET", {"Authorization": "Bearer s"}, None])
        assert read == [200, ["ETag"]]
        assert other.evaluate(ASK, [path, "GET", {}, None])[0] == 401
        canceled = other.evaluate(
            ASK, [f"{path}/cancel", "POST", {**MORE, "Idempotency-Key": "3"}, "{}"]
        )
        assert canceled[0] == 200
        assert other.evaluate(ASK, [path, "DELETE", MORE, None])[0] == 204


def test_another_origin_neither_reads_nor_writes(engine: Engine, other: Page) -> None:
    settings = Settings(origins=frozenset({"https://desk.example"}))
    with serving(create_app(engine, settings=settings)) as url:
        for method, headers, body in (("POST", JSON, CALL), ("GET", {}, None)):
            asked = [f"{url}/v1/jobs", method, headers, body]
            assert other.evaluate(ASK, asked) == [0, []]
    assert engine.search().items == ()
