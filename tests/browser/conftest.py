"""A headless Chromium, and a server with a worker for it to look at."""

from __future__ import annotations

import os
import re
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, expect, sync_playwright

from http_api.server import serving
from interlock import Engine
from interlock_adapters.http import create_app
from pace import deadline

from . import shown_jobs  # noqa: F401  (its jobs are registered)

_REFUSALS = re.compile(r"\((Conflict|Unprocessable \w+)\)")
_NAMES = ("chromium", "chromium-browser", "google-chrome", "chrome")


def live(page: Page, path: str) -> None:
    """Open a page, and wait until it gets events."""
    page.goto(path)
    expect(page.locator("#connection")).to_have_text("live")


def _chromium() -> str:
    own_path = os.environ.get("INTERLOCK_TEST_CHROMIUM")
    path = own_path or next((p for n in _NAMES if (p := shutil.which(n))), None)
    if path is None:
        message = "NO CHROMIUM: the dashboard is not tested; `apt-get install chromium`"
        assert not os.environ.get("INTERLOCK_REQUIRE_BROWSER"), message
        pytest.skip(message)
    return path


@pytest.fixture(scope="module")  # its event loop must not outlive these tests
def browser() -> Iterator[Browser]:
    expect.set_options(timeout=deadline(15_000))
    with sync_playwright() as playwright:
        opened = playwright.chromium.launch(
            executable_path=_chromium(), args=["--no-sandbox"]
        )
        yield opened
        opened.close()


@pytest.fixture
def engine(tmp_path: Path) -> Iterator[Engine]:
    with Engine.open(f"sqlite:///{tmp_path}/jobs.db?synchronous=NORMAL") as opened:
        yield opened
        assert opened.verify() == []


@pytest.fixture
def url(engine: Engine) -> Iterator[str]:
    with serving(create_app(engine)) as address:
        yield address


@pytest.fixture
def page(browser: Browser, url: str) -> Iterator[Page]:
    """Return a page that tells no error, and loads nothing from elsewhere."""
    context = browser.new_context(
        base_url=url,
        viewport={"width": 1200, "height": 900},
        timezone_id="Europe/Berlin",
    )
    opened = context.new_page()
    wrong: list[str] = []
    opened.on("pageerror", lambda error: wrong.append(str(error)))
    opened.on(
        "console",
        lambda said: (
            wrong.append(said.text)
            if said.type == "error" and not _REFUSALS.search(said.text)
            else None
        ),
    )
    opened.on(
        "request",
        lambda asked: None if asked.url.startswith(url) else wrong.append(asked.url),
    )
    yield opened
    context.close()
    assert [words for words in wrong if not words.startswith("data:")] == []
