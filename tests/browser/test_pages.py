"""Every page and every action, as a person would use them."""

from __future__ import annotations

import re
from datetime import UTC, datetime

import httpx
from playwright.sync_api import Browser, Page, Route, expect

from http_api.server import serving
from interlock import Engine, Job, JobStatus
from interlock_adapters.http import create_app
from pace import deadline

from . import shown_jobs


def _live(page: Page, path: str) -> None:
    page.goto(path)
    expect(page.locator("#connection")).to_have_text("live")


def _state(page: Page, status: JobStatus) -> str:
    return page.get_by_role("link", name=re.compile(f"^{status}:")).inner_text()


def test_the_diagram_counts_without_a_reload(page: Page, engine: Engine) -> None:
    _live(page, "/")
    pending = page.get_by_role("link", name=re.compile("^PENDING: 0 "))
    expect(pending).to_be_visible()
    engine.submit(shown_jobs.render, pages=1)
    expect(page.get_by_role("link", name="PENDING: 1 jobs")).to_be_visible()
    expect(page.locator("#events + ol")).to_contain_text("submit")


def test_a_state_leads_to_its_jobs_by_keyboard(page: Page, engine: Engine) -> None:
    waits = engine.submit(shown_jobs.render, pages=1)
    canceled = engine.submit(shown_jobs.render, pages=2)
    canceled.cancel()
    _live(page, "/")
    page.get_by_role("link", name=re.compile("^CANCELED:")).focus()
    page.keyboard.press("Enter")
    page.wait_for_url("**/jobs?status=CANCELED")
    expect(page.get_by_role("link", name=canceled.id)).to_be_visible()
    expect(page.get_by_role("link", name=waits.id)).to_have_count(0)


def test_a_queue_is_paused_and_resumed(page: Page, engine: Engine) -> None:
    engine.submit(shown_jobs.render, pages=1)
    _live(page, "/")
    page.get_by_role("button", name="Pause default").click()
    expect(page.get_by_role("button", name="Resume default")).to_be_visible()
    assert [queue.paused for queue in engine.queues()] == [True]
    page.get_by_role("button", name="Resume default").click()
    expect(page.get_by_role("button", name="Pause default")).to_be_visible()
    assert [queue.paused for queue in engine.queues()] == [False]


def test_limits_are_shown_and_deleted(page: Page, engine: Engine) -> None:
    engine.limits.set("shop:a/b", max_running=4, rate_limit="5/30s", by="anna")
    with engine.worker(concurrency=2):
        handle = engine.submit(shown_jobs.sync, shop="a/b", seconds=60)
        _live(page, "/")
        row = page.get_by_role("row").filter(has_text="shop:a/b")
        expect(row).to_contain_text("1 of 4", timeout=deadline(15_000))
        expect(row).to_contain_text("5/30s")
        expect(row).to_contain_text("anna")
        taken = page.get_by_label("Slots of shop:a/b that are taken")
        expect(taken).to_have_attribute("value", "1")
        code = page.get_by_role("row").filter(has_text="shop:{shop}")
        expect(code).to_contain_text("1 for each")
        expect(code).to_contain_text("the code")
        expect(code.get_by_role("button")).to_have_count(0)
        page.get_by_role("button", name="Delete shop:a/b").click()
        expect(row).to_have_count(0)
        handle.cancel(wait=deadline(20))
    assert [limit.key for limit in engine.limits.list()] == ["shop:{shop}"]


def test_holds_are_shown_and_released(page: Page, engine: Engine) -> None:
    job_id = engine.submit(shown_jobs.sync, shop="a").id
    targets = ("queue:mail/out", "key:shop:{a}", f"job:{job_id}")
    for target in targets:
        engine.hold(target, by="anna", reason="the disk is full")
    _live(page, "/")
    expect(page.get_by_role("link", name=f"job:{job_id}")).to_be_visible()
    row = page.get_by_role("row").filter(has_text="queue:mail/out")
    expect(row).to_contain_text("anna")
    expect(row).to_contain_text("the disk is full")
    for target in targets:
        page.get_by_role("button", name=f"Release {target}").click()
        expect(page.get_by_role("button", name=f"Release {target}")).to_have_count(0)
    expect(page.get_by_text("Nothing is held.")).to_be_visible()
    assert engine.holds() == []
    assert engine.history(job_id)[-1].actor == "dashboard"


def test_a_waiting_job_is_held_and_released(page: Page, engine: Engine) -> None:
    wants = shown_jobs.sync.options(when_full="replace", aging=600)
    handle = engine.submit(wants, shop="a/b")
    _live(page, f"/jobs/{handle.id}")
    keys = page.get_by_label("Table of keys").get_by_role("row").last
    expect(keys).to_have_text("shop:a/bshop:{shop}1")
    expect(page.get_by_text("While a limit is full")).to_contain_text("replace")
    expect(page.get_by_text("Takes turns")).to_contain_text("a/b")
    expect(page.get_by_text("More urgent by one")).to_contain_text("10 min")
    held: list[Job] = []
    for until, shown in (("", "Held by dashboard:"), ("2100-01-31T18:30", "18:30:00")):
        page.get_by_role("button", name="Hold", exact=True).click()
        page.get_by_role("textbox", name="Reason").fill("not now")
        page.get_by_label("Until (UTC)").fill(until)
        page.get_by_role("button", name="Hold the job").click()
        expect(page.get_by_text("Held by dashboard").last).to_contain_text(shown)
        expect(page.locator(".why")).to_contain_text("not now")
        expect(page.locator("#history ~ .scroll")).to_contain_text("not now")
        held.append(handle.job())
        page.get_by_role("button", name="Release", exact=True).click()
        expect(page.get_by_role("button", name="Hold", exact=True)).to_be_visible()
        assert handle.job().hold_by is None
    assert [(job.hold_by, job.hold_reason, job.hold_until) for job in held] == [
        ("dashboard", "not now", None),
        ("dashboard", "not now", datetime(2100, 1, 31, 18, 30, tzinfo=UTC)),
    ]


def test_filters_are_in_the_address(page: Page, engine: Engine) -> None:
    mail = engine.submit(shown_jobs.send, to="a", password="hunter22")
    engine.submit(shown_jobs.render, pages=1)
    _live(page, "/jobs")
    page.get_by_label("Queue").fill("mail")
    page.get_by_label("PENDING").check()
    page.get_by_role("button", name="Show").click()
    page.wait_for_url(re.compile(r"queue=mail.*status=PENDING"))
    ids = page.locator("tbody tr").all()
    assert len(ids) == 1
    expect(page.get_by_role("link", name=mail.id)).to_be_visible()


def test_older_jobs_are_on_further_pages(page: Page, engine: Engine) -> None:
    engine.submit_many([shown_jobs.render.call(pages=n) for n in range(60)])
    _live(page, "/jobs?name=reports.render")
    expect(page.locator("tbody tr")).to_have_count(50)
    page.get_by_role("link", name="Older").click()
    expect(page.locator("tbody tr")).to_have_count(10)
    page.get_by_role("link", name="Newest").click()
    expect(page.locator("tbody tr")).to_have_count(50)


def test_selected_jobs_are_canceled_and_rerun(page: Page, engine: Engine) -> None:
    handles = [engine.submit(shown_jobs.render, pages=n) for n in range(3)]
    page.on("dialog", lambda dialog: dialog.accept())
    _live(page, "/jobs")
    page.get_by_label(f"Select {handles[0].id}").check()
    page.get_by_label(f"Select {handles[1].id}").check()
    page.get_by_role("button", name="Cancel selected").click()
    expect(page.locator("#selected")).to_have_text("cancel: 2 done, 0 refused")
    statuses = [handle.job().status for handle in handles]
    assert statuses == [JobStatus.CANCELED, JobStatus.CANCELED, JobStatus.PENDING]
    page.get_by_label("Select all on this page").check()
    page.get_by_role("button", name="Rerun selected").click()
    expect(page.locator("#selected")).to_have_text("rerun: 2 done, 1 refused")
    expect(page.get_by_role("alert")).to_contain_text("PENDING")
    assert engine.counts()[JobStatus.PENDING] == 3


def test_a_refresh_that_comes_late_leaves_a_selection_alone(
    page: Page, engine: Engine
) -> None:
    handle = engine.submit(shown_jobs.render, pages=1)
    _live(page, "/jobs")
    box = page.get_by_label(f"Select {handle.id}")
    held: list[Route] = []

    def hold(route: Route) -> None:
        if held:
            route.continue_()
        held.append(route)

    page.route("**/jobs", hold)
    engine.submit(shown_jobs.render, pages=2)
    while not held:
        page.wait_for_timeout(20)
    box.check()
    with page.expect_response("**/jobs"):
        held[0].continue_()
    page.wait_for_timeout(300)
    expect(box).to_be_checked()
    expect(page.locator("tbody tr")).to_have_count(1)
    box.uncheck()
    expect(page.locator("tbody tr")).to_have_count(2, timeout=deadline(10_000))


def test_all_that_match_are_canceled_beyond_the_page(
    page: Page, engine: Engine
) -> None:
    fast = shown_jobs.render.options(queue="fast")
    engine.submit_many([fast.call(pages=n) for n in range(520)])
    kept = engine.submit(shown_jobs.render, pages=1)
    page.once("dialog", lambda dialog: dialog.accept())
    _live(page, "/jobs?status=SUCCEEDED&queue=fast")
    button = page.get_by_role("button", name="Cancel all that match")
    expect(button).to_have_count(0)
    _live(page, "/jobs")
    expect(button).to_have_count(0)
    _live(page, "/jobs?status=PENDING&status=FAILED&queue=fast")
    button.click()
    expect(page.locator("#selected")).to_have_text("cancel: 520 done, 0 refused")
    assert engine.counts()[JobStatus.CANCELED] == 520
    assert kept.job().status is JobStatus.PENDING


def test_a_running_job_is_watched_and_canceled(page: Page, engine: Engine) -> None:
    with engine.worker(concurrency=1):
        handle = engine.submit(shown_jobs.train, epochs=300)
        _live(page, f"/jobs/{handle.id}")
        log = page.locator("pre.log")
        expect(log).to_contain_text("<b id=evil>epoch 1</b>", timeout=deadline(15_000))
        assert page.locator("#evil").count() == 0
        expect(page.locator(".edge.walked")).to_contain_text("claim")
        expect(page.get_by_label("Progress")).to_have_attribute("max", "300")
        page.get_by_role("button", name="Cancel", exact=True).click()
        page.get_by_role("button", name="Keep it").click()
        assert handle.job().cancel_requested_at is None
        page.get_by_role("button", name="Cancel", exact=True).click()
        page.get_by_role("textbox", name="Reason").fill("too slow")
        page.get_by_role("button", name="Cancel the job").click()
        expect(page.locator("h1")).to_contain_text("CANCELED", timeout=deadline(15_000))
    asked = next(e for e in engine.history(handle.id) if e.event == "request_cancel")
    assert (asked.actor, asked.reason) == ("dashboard", "too slow")
    expect(page.locator(".edge.walked")).to_have_count(2)
    expect(page.locator("#history ~ .scroll")).to_contain_text("too slow")


def test_a_rerun_leads_to_the_new_job(page: Page, engine: Engine) -> None:
    handle = engine.submit(shown_jobs.render, pages=1)
    handle.cancel()
    _live(page, f"/jobs/{handle.id}")
    page.get_by_role("button", name="Rerun").click()
    expect(page.get_by_text("a rerun of")).to_be_visible()
    assert page.url.rpartition("/")[2] != handle.id


def test_a_failed_job_shows_its_error_and_no_secret(page: Page, engine: Engine) -> None:
    with engine.worker(concurrency=1):
        handle = engine.submit(shown_jobs.send, to="nobody", password="hunter22")
        handle.wait(deadline(20))
    _live(page, f"/jobs/{handle.id}")
    expect(page.get_by_label("Traceback")).to_contain_text("no such address: nobody")
    expect(page.locator("pre.log")).to_contain_text("logging in with ***")
    assert "hunter22" not in page.content()


def test_an_unknown_job_is_told_as_such(browser: Browser, url: str) -> None:
    page = browser.new_page(base_url=url)
    answer = page.goto("/jobs/nobody")
    assert answer is not None
    assert answer.status == 404
    expect(page.get_by_role("heading", name="Job not found")).to_be_visible()
    page.close()


def test_a_token_opens_the_pages_as_a_password(
    browser: Browser, engine: Engine
) -> None:
    with serving(create_app(engine, token="anna:letmein")) as url:
        assert httpx.get(f"{url}/jobs").status_code == 401
        handle = engine.submit(shown_jobs.render, pages=1)
        known = {"username": "anna", "password": "letmein"}
        context = browser.new_context(base_url=url, http_credentials=known)  # type: ignore[arg-type]  # a TypedDict
        page = context.new_page()
        _live(page, f"/jobs/{handle.id}")
        page.get_by_role("button", name="Cancel", exact=True).click()
        page.get_by_role("button", name="Cancel the job").click()
        expect(page.locator("h1")).to_contain_text("CANCELED")
        context.close()
    assert engine.history(handle.id)[-1].actor == "dashboard via anna"
