"""Everybody can use it: axe-core finds nothing serious; it fits a phone. Pictures."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Literal

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, Page, expect

from e2e.processes import until
from interlock import Engine, Schedule
from pace import deadline

from . import shown_jobs

PICTURES = Path(__file__).parents[2] / "docs" / "pictures"
PICTURED = {"overview-light", "overview-dark", "overview-phone", "jobs-light"}
PICTURED |= {"job-light"}


@pytest.fixture
def busy(engine: Engine) -> dict[str, str]:
    """Fill the store with jobs of every kind; return the paths of the pages."""
    with engine.worker(concurrency=4):
        ids = [engine.submit(shown_jobs.render, pages=n).id for n in range(24)]
        ids += [engine.submit(shown_jobs.index).id]
        ids += [engine.submit(shown_jobs.send, to="x", password="hunter22").id]
        long = engine.submit(shown_jobs.train, epochs=200)
        for job_id in ids:
            engine.wait(job_id, deadline(30))
        until(lambda: engine.log(long.id))
        engine.cancel(long.id, reason="enough epochs", by="anna", wait=deadline(20))
    for number in range(5):
        engine.submit(shown_jobs.render.options(queue="later"), pages=number)
    engine.pause("later")
    nightly = Schedule(cron="0 2 * * *", timezone="Europe/Berlin")
    engine.schedules.create(
        "nightly", shown_jobs.render, {"pages": 9}, schedule=nightly
    )
    engine.schedules.trigger("nightly")
    engine.schedules.pause("nightly", by="anna", reason="holidays")
    waits = engine.submit(shown_jobs.sync.options(when_full="cancel_new"), shop="a/b")
    engine.limits.set("shop:a/b", max_running=2, by="anna")
    engine.hold("queue:shops", by="anna", reason="the shop has a sale")
    engine.hold(f"job:{waits.id}", by="bert")
    shown = {"job": f"/jobs/{long.id}", "held": f"/jobs/{waits.id}"}
    shown |= {"schedules": "/schedules", "schedule": "/schedules/nightly"}
    return {"overview": "/", "jobs": "/jobs", **shown}


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_nothing_serious_is_found(
    browser: Browser, url: str, busy: dict[str, str], scheme: Literal["light", "dark"]
) -> None:
    context = browser.new_context(base_url=url, color_scheme=scheme)
    page = context.new_page()
    for name, path in busy.items():
        page.goto(path)
        expect(page.locator("#connection")).to_have_text("live")
        violations = Axe().run(page).response["violations"]
        grave = [
            violation
            for violation in violations
            if violation["impact"] in {"serious", "critical"}
        ]
        assert [
            (path, violation["id"], violation["nodes"]) for violation in grave
        ] == []
        _picture(page, f"{name}-{scheme}")
    context.close()


def test_pages_fit_a_phone(browser: Browser, url: str, busy: dict[str, str]) -> None:
    phone = {"width": 390, "height": 844}
    page = browser.new_page(base_url=url, viewport=phone)  # type: ignore[arg-type]  # a TypedDict
    for name, path in busy.items():
        page.goto(path)
        wide = page.evaluate("document.documentElement.scrollWidth")
        assert wide <= phone["width"], path
        _picture(page, f"{name}-phone")
    page.close()


def _picture(page: Page, name: str) -> None:
    """Write the documentation's picture, where that is asked for."""
    if os.environ.get("INTERLOCK_PICTURES") and name in PICTURED:
        PICTURES.mkdir(exist_ok=True)
        page.screenshot(path=PICTURES / f"{name}.png", full_page=True)
