"""Everybody can use it: axe finds nothing serious; it fits every screen. Pictures."""

from __future__ import annotations

import os
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Literal

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, Page, expect

from e2e.processes import until
from http_api.server import serving
from interlock import Engine, Schedule
from interlock_adapters.http import create_app
from pace import deadline, some

from . import past, shown_jobs

PICTURES = Path(__file__).parents[2] / "docs" / "pictures"
PICTURED = {"overview-1440-light", "failed-1440-light"}
#: Where pictures of every page go, if anywhere.
SCREENSHOTS = os.environ.get("INTERLOCK_SCREENSHOTS")
#: Of elements that stand beside others and must not lie on them.
OVERLAPS = """() => {
  const all = [...document.querySelectorAll(".machine text, .machine .box")];
  const boxes = all.filter((each) => each.checkVisibility())
    .map((each) => [each, each.getBoundingClientRect()]);
  const lies = (a, b) => a.left < b.right - 1 && b.left < a.right - 1
    && a.top < b.bottom - 1 && b.top < a.bottom - 1;
  return boxes.filter(([one]) => one.matches(".lb")).flatMap(([one, a]) =>
    boxes.filter(([other, b]) => other !== one && lies(a, b))
      .map(([other]) => `${one.textContent} on ${other.textContent}`));
}"""


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("busy")


@pytest.fixture(scope="module")
def engine(folder: Path) -> Iterator[Engine]:
    """Return an engine for all tests here: they only look at its pages."""
    store = f"sqlite:///{folder}/jobs.db?synchronous=NORMAL"
    with Engine.open(store) as opened:
        past.play(store)
        yield opened
        assert opened.verify() == []


@pytest.fixture(scope="module")
def url(engine: Engine) -> Iterator[str]:
    with serving(create_app(engine)) as address:
        yield address


@pytest.fixture(scope="module")
def busy(engine: Engine, folder: Path) -> dict[str, str]:
    """Fill the store with an hour of jobs of every kind; return the paths of pages."""
    with engine.worker(concurrency=4):
        ids = [engine.submit(shown_jobs.render, pages=n).id for n in range(24)]
        late = engine.submit(shown_jobs.index).id
        failed = engine.submit(shown_jobs.send, to="x", password="hunter22").id
        cure = folder / "cure"
        ids += [engine.submit(shown_jobs.fragile, n, cure).id for n in range(5)]
        chatty = engine.submit(shown_jobs.chatty, lines=400).id
        group = engine.map(shown_jobs.render, [{"pages": n} for n in range(9)])
        long = engine.submit(shown_jobs.train, epochs=200)
        for job_id in (*ids, late, failed, chatty):
            engine.wait(job_id, deadline(30))
        until(lambda: engine.log(long.id))
        engine.cancel(long.id, reason="enough epochs", by="anna", wait=deadline(20))
    for number in range(5):
        engine.submit(shown_jobs.render.options(queue="later"), pages=number)
    tomorrow = datetime.now(UTC) + timedelta(days=1)
    waits = engine.submit(shown_jobs.render.options(run_at=tomorrow), pages=1)
    engine.submit(shown_jobs.render.options(depends_on=[waits.id]), pages=2)
    engine.pause("later")
    nightly = Schedule(cron="0 2 * * *", timezone="Europe/Berlin")
    engine.schedules.create(
        "nightly", shown_jobs.render, {"pages": 9}, schedule=nightly
    )
    engine.schedules.trigger("nightly")
    engine.schedules.pause("nightly", by="anna", reason="holidays")
    engine.schedules.create(
        "often", shown_jobs.render, {"pages": 9}, schedule=Schedule(every="2h")
    )
    held = engine.submit(shown_jobs.sync.options(when_full="cancel_new"), shop="a/b")
    engine.limits.set("shop:a/b", max_running=2, by="anna")
    engine.hold("queue:shops", by="anna", reason="the shop has a sale")
    engine.hold(f"job:{held.id}", by="bert")
    cause = engine.failures.list()[0].key
    engine.failures.remark(cause, "acknowledge", "the shop moved", by="anna")
    jobs = {"succeeded": chatty, "failed": failed, "late": late, "waits": waits.id}
    jobs |= {"canceled": long.id, "held": held.id}
    return {
        "overview": "/",
        "jobs": "/jobs",
        "search": "/jobs?q=status:failed queue:nothing",
        "failures": "/failures",
        "cause": f"/failures?cause={cause}",
        "names": "/names",
        "name": "/names/reports.render",
        "queue": "/queues/later",
        "schedules": "/schedules",
        "schedule": "/schedules/nightly",
        "groups": "/groups",
        "group": f"/groups/{group.id}",
        "missing": "/jobs/nobody",
        **{name: f"/jobs/{job_id}" for name, job_id in jobs.items()},
    }


def _open(page: Page, path: str) -> None:
    page.goto(path)
    expect(page.locator("#connection")).not_to_have_text("connecting")
    for details in page.locator("main details:not(.menu)").all():
        details.evaluate("each => { each.open = true; }")


@pytest.mark.parametrize("scheme", some(["light", "dark"]))
def test_nothing_serious_is_found(
    browser: Browser, url: str, busy: dict[str, str], scheme: Literal["light", "dark"]
) -> None:
    context = browser.new_context(
        base_url=url, color_scheme=scheme, reduced_motion="reduce"
    )
    page = context.new_page()
    found = []
    for path in busy.values():
        _open(page, path)
        found += [
            (path, violation["id"], [node["html"] for node in violation["nodes"]])
            for violation in Axe().run(page).response["violations"]
            if violation["impact"] in {"serious", "critical"}
        ]
        assert page.title().endswith(" · Interlock")
    context.close()
    assert found == []


@pytest.mark.parametrize("width", [390, 1440, 1920])
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_pages_fit_the_screen_and_no_label_lies_on_another(
    browser: Browser,
    url: str,
    busy: dict[str, str],
    width: int,
    scheme: Literal["light", "dark"],
) -> None:
    if scheme == "dark" and not (SCREENSHOTS or os.environ.get("INTERLOCK_PICTURES")):
        pytest.skip("the widths are those of light; dark ones are for pictures")
    context = browser.new_context(
        base_url=url,
        viewport={"width": width, "height": 900},
        color_scheme=scheme,
        timezone_id="Europe/Berlin",
    )
    page = context.new_page()
    for name, path in busy.items():
        page.goto(path)
        expect(page.locator("#connection")).not_to_have_text("connecting")
        wide = page.evaluate("document.documentElement.scrollWidth")
        assert wide <= width, path
        assert page.evaluate(OVERLAPS) == [], path
        _picture(page, f"{name}-{width}-{scheme}")
    context.close()


def test_a_page_is_small_and_asks_for_nothing_else(
    browser: Browser, url: str, busy: dict[str, str]
) -> None:
    page = browser.new_page(base_url=url)
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    for path in busy.values():
        page.goto(path)
        size = page.evaluate(
            "performance.getEntriesByType('navigation')[0].decodedBodySize"
        )
        assert size < 400_000, path
    page.close()
    assert {each for each in asked if not each.startswith((url, "data:"))} == set()


def test_pages_can_be_read_without_scripts(
    browser: Browser, url: str, busy: dict[str, str]
) -> None:
    context = browser.new_context(base_url=url, java_script_enabled=False)
    page = context.new_page()
    page.goto(busy["failed"])
    expect(page.locator("#verdict")).to_contain_text("Failed")
    page.goto(busy["jobs"])
    rows = page.locator("#selection tbody tr")
    expect(rows).to_have_count(50)
    page.get_by_role("link", name="Older").click()
    page.wait_for_url("**/jobs?cursor=*")
    expect(rows).not_to_have_count(0)
    context.close()


def _picture(page: Page, name: str) -> None:
    """Write pictures, where that is asked for."""
    if SCREENSHOTS:
        page.screenshot(path=Path(SCREENSHOTS) / f"{name}.png", full_page=True)
    if os.environ.get("INTERLOCK_PICTURES") and name in PICTURED:
        PICTURES.mkdir(exist_ok=True)
        page.screenshot(path=PICTURES / f"{name}.png", full_page=True)
