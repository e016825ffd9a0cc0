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
    page.on("dialog", lambda dialog: dialog.accept())
    page.goto(url)
    expect(page.locator("#connection")).to_have_text("live")
    page.get_by_role("button", name="Pause default").click()
    page.get_by_role("button", name="Resume default").click()
    expect(page.get_by_role("button", name="Pause default")).to_be_visible()
    page.get_by_role("link", name="PENDING: 1 jobs").click()
    page.wait_for_url(f"{url}jobs?status=PENDING")
    page.get_by_label("Queue").fill("default")
    page.get_by_role("button", name="Show").click()
    page.get_by_label("Job id").fill(handle.id)
    page.get_by_role("button", name="Open").click()
    page.wait_for_url(f"{url}jobs/{handle.id}")
    page.get_by_role("button", name="Cancel", exact=True).click()
    page.get_by_role("button", name="Cancel the job").click()
    page.get_by_role("button", name="Rerun").click()
    page.wait_for_url(
        lambda new: new.startswith(f"{url}jobs/") and handle.id not in new
    )
    page.get_by_role("link", name=handle.id).click()
    page.wait_for_url(f"{url}jobs/{handle.id}")
    page.goto(f"{url}jobs?queue=default")
    page.get_by_role("button", name="Cancel all that match").click()
    expect(page.locator("#selected")).to_have_text("cancel: 1 done, 0 refused")
    page.get_by_label("Select all on this page").check()
    page.get_by_role("button", name="Rerun selected").click()
    expect(page.locator("#selected")).to_have_text("rerun: 2 done, 0 refused")
    assert engine.counts()[JobStatus.PENDING] == 2
