"""Below a prefix the pages do all that they do at the root."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack

import pytest
from fastapi import FastAPI
from playwright.sync_api import Page, expect

from http_api.proxy import proxied
from http_api.server import serving
from interlock import Engine, JobStatus
from interlock_adapters.http import create_app

from . import shown_jobs

PREFIX = "/v1/jobs"  # like paths of the server itself


@pytest.fixture(params=["mounted", "forwarded"])
def url(request: pytest.FixtureRequest, engine: Engine) -> Iterator[str]:
    """Return the URL of the prefix, and a slash."""
    with ExitStack() as stack:
        app = create_app(engine)
        if request.param == "mounted":
            outer = FastAPI()
            outer.mount(PREFIX, app)
            yield stack.enter_context(serving(outer)) + f"{PREFIX}/"
        else:
            inner = stack.enter_context(serving(app))
            told = {"X-Forwarded-Prefix": PREFIX}
            yield stack.enter_context(proxied(inner, PREFIX, headers=told)) + "/"


def test_links_buttons_and_streams_stay_below_it(
    page: Page, url: str, engine: Engine
) -> None:
    handle = engine.submit(shown_jobs.render, pages=1)
    page.goto(url)
    expect(page.locator("#connection")).to_have_text("live")
    page.get_by_role("button", name="Pause default").click()
    page.get_by_role("button", name="Resume default").click()
    expect(page.get_by_role("button", name="Pause default")).to_be_visible()
    page.get_by_role("link", name="Pending: 1 jobs").click()
    page.wait_for_url(f"{url}jobs?q=status%3Apending")
    box = page.get_by_role("combobox", name="Search jobs")
    box.fill("queue:default")
    box.press("Enter")
    page.wait_for_url(f"{url}jobs?q=status%3Apending+queue%3Adefault")
    page.goto(f"{url}jobs?queue=default")
    page.wait_for_url(f"{url}jobs?q=queue%3Adefault")
    page.get_by_role("link", name=handle.id[-8:]).click()
    page.wait_for_url(f"{url}jobs/{handle.id}")
    page.get_by_role("button", name="Cancel…").click()
    page.get_by_role("button", name="Cancel the job").click()
    page.get_by_role("button", name="Rerun", exact=True).click()
    page.wait_for_url(
        lambda new: new.startswith(f"{url}jobs/") and handle.id not in new
    )
    page.get_by_role("link", name=handle.id[-8:]).click()
    page.wait_for_url(f"{url}jobs/{handle.id}")
    page.get_by_role("link", name="Rerun with changes…").click()
    page.get_by_role("button", name="Submit", exact=True).click()
    page.wait_for_url(f"{url}jobs/*")
    page.goto(f"{url}jobs?q=queue:default")
    page.get_by_role("button", name="Cancel all that match").click()
    page.get_by_role("button", name="Cancel all", exact=True).click()
    dialog = page.get_by_role("dialog")
    expect(dialog).to_contain_text("2 done, 0 refused")
    dialog.get_by_role("button", name="Close").click()
    page.get_by_label("Select all on this page").check()
    page.get_by_role("button", name="Rerun…").click()
    page.get_by_role("button", name="Rerun 3 jobs").click()
    expect(dialog).to_contain_text("3 done, 0 refused")
    assert engine.counts()[JobStatus.PENDING] == 3
