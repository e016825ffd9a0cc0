"""The overview, and the pages of names and queues, as a person would use them."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta

import httpx
from playwright.sync_api import Browser, Page, expect

from http_api.server import serving
from interlock import Engine
from interlock_adapters.http import create_app
from pace import deadline

from . import shown_jobs
from .conftest import live


def test_the_machine_counts_without_a_reload(page: Page, engine: Engine) -> None:
    live(page, "/")
    expect(page.get_by_role("link", name="Pending: 0 jobs")).to_be_visible()
    engine.submit(shown_jobs.render, pages=1)
    expect(page.get_by_role("link", name="Pending: 1 jobs")).to_be_visible()
    expect(page.locator("#events + ol")).to_contain_text("submit")


def test_a_state_leads_to_its_jobs_by_keyboard(page: Page, engine: Engine) -> None:
    engine.submit(shown_jobs.render, pages=1)
    canceled = engine.submit(shown_jobs.render, pages=2)
    canceled.cancel()
    live(page, "/")
    page.get_by_role("link", name=re.compile("^Canceled:")).focus()
    page.keyboard.press("Enter")
    page.wait_for_url("**/jobs?q=status%3Acanceled")
    expect(page.locator("#selection tbody tr")).to_have_count(1)
    expect(page.get_by_role("link", name=canceled.id[-8:])).to_be_visible()


def test_what_needs_somebody_is_said_first(page: Page, engine: Engine) -> None:
    live(page, "/")
    needs = page.get_by_role("region", name="What needs you")
    expect(needs).to_have_count(0)
    with engine.worker(concurrency=2):
        for _ in range(2):
            handle = engine.submit(shown_jobs.send, to="x", password="hunter22")
            handle.wait(deadline(20))
    old = shown_jobs.render.options(run_at=datetime.now(UTC) - timedelta(minutes=5))
    engine.submit(old, pages=1)
    engine.submit(shown_jobs.train, epochs=1)
    engine.pause("gpu")
    live(page, "/")
    for sentence in (
        "2 mail.send failed with ValueError",
        "queue default: 1 ready, the oldest waits 5 min",
        "queue gpu is paused, 1 wait",
        "no worker runs",
    ):
        expect(needs).to_contain_text(sentence)
    needs.get_by_role("link", name="2 mail.send").click()
    expect(page.get_by_text("no such address: x")).to_have_count(3)


def test_ready_scheduled_retrying_and_running_are_apart(
    page: Page, engine: Engine
) -> None:
    engine.submit(shown_jobs.render, pages=1)
    later = shown_jobs.render.options(run_at=datetime.now(UTC) + timedelta(hours=1))
    for number in range(3):
        engine.submit(later, pages=number)
    live(page, "/")
    tiles = page.locator(".tiles")
    expect(tiles).to_contain_text(re.compile(r"Ready\s*1 jobs"))
    expect(tiles).to_contain_text(re.compile(r"Scheduled\s*3 for later"))
    tiles.get_by_role("link", name="Scheduled").click()
    expect(page.locator("#selection tbody tr")).to_have_count(3)


def test_charts_and_lanes_show_what_ended(page: Page, engine: Engine) -> None:
    with engine.worker(concurrency=2):
        runs = engine.submit(shown_jobs.train, epochs=300)
        for number in range(1, 4):
            engine.submit(shown_jobs.render, pages=number).wait(deadline(20))
        engine.submit(shown_jobs.send, to="x", password="hunter22").wait(deadline(20))
        live(page, "/")
        lane = page.get_by_role("group", name=re.compile("^Attempts of"))
        expect(
            lane.get_by_label(re.compile("^reports.render: succeeded"))
        ).to_have_count(3)
        expect(lane.get_by_label(re.compile("^mail.send: failed"))).to_have_count(1)
        expect(lane.get_by_label(re.compile("^train.model: running"))).to_have_count(1)
        expect(page.get_by_text("1 train.model")).to_be_visible()
        expect(page.locator(".load")).to_contain_text("1 of 2 slots busy")
        chart = page.get_by_role("img", name="Succeeded, a minute")
        said = chart.locator(".hit title").all_text_contents()
        assert (
            sum(int(n) for text in said for n in re.findall(r"(\d+) SUCC", text)) == 3
        )
        page.get_by_role("link", name="24 hours").click()
        page.wait_for_url("**/?window=24h")
        expect(page.get_by_text("Succeeded, in 30 min")).to_be_visible()
        runs.cancel(wait=deadline(20))


def test_a_queue_is_paused_and_resumed(page: Page, engine: Engine) -> None:
    engine.submit(shown_jobs.render, pages=1)
    live(page, "/")
    page.get_by_role("button", name="Pause default").click()
    expect(page.get_by_role("button", name="Resume default")).to_be_visible()
    assert [queue.paused for queue in engine.queues()] == [True]
    page.get_by_role("link", name="default").first.click()
    expect(page.get_by_role("heading", name="Queue default")).to_be_visible()
    expect(page.locator("#connection")).to_have_text("live")
    page.get_by_role("button", name="Resume").click()
    expect(page.get_by_role("button", name="Pause")).to_be_visible()
    assert [queue.paused for queue in engine.queues()] == [False]


def test_limits_are_shown_and_deleted(page: Page, engine: Engine) -> None:
    engine.limits.set("shop:a/b", max_running=4, rate_limit="5/30s", by="anna")
    with engine.worker(concurrency=2):
        handle = engine.submit(shown_jobs.sync, shop="a/b", seconds=60)
        live(page, "/")
        row = page.get_by_role("row").filter(has_text="shop:a/b")
        expect(row).to_contain_text("1 of 4")
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
    live(page, "/")
    expect(page.get_by_role("link", name=f"job:{job_id[-8:]}")).to_be_visible()
    row = page.get_by_role("row").filter(has_text="queue:mail/out")
    expect(row).to_contain_text("anna")
    expect(row).to_contain_text("the disk is full")
    for target in targets:
        page.get_by_role("button", name=f"Release {target}").click()
        expect(page.get_by_role("button", name=f"Release {target}")).to_have_count(0)
    expect(page.get_by_text("Nothing is held.")).to_be_visible()
    assert engine.holds() == []
    assert engine.history(job_id)[-1].actor == "dashboard"


def test_a_job_is_submitted_from_the_page_of_its_name(
    page: Page, engine: Engine
) -> None:
    live(page, "/names")
    page.get_by_role("link", name="Submit reports.render").click()
    expect(page.get_by_text("whole number, required")).to_be_visible()
    page.get_by_label("pages").fill("many")
    page.get_by_role("button", name="Submit", exact=True).click()
    expect(page.get_by_text("Write a whole number.")).to_be_visible()
    assert engine.search().items == ()
    page.get_by_label("pages").fill("7")
    page.get_by_label("priority").fill("5")
    page.get_by_role("button", name="Submit", exact=True).click()
    page.wait_for_url("**/jobs/*")
    (job,) = engine.search().items
    assert page.url.endswith(f"/jobs/{job.id}")
    assert (job.params, job.priority, job.submitted_by) == (
        {"pages": 7},
        5,
        "dashboard",
    )


def test_what_the_server_refuses_stays_in_the_form(page: Page, engine: Engine) -> None:
    live(page, "/names/reports.render")
    page.get_by_label("pages").fill("1")
    page.get_by_label("priority").fill("99999999999999")
    page.get_by_role("button", name="Submit", exact=True).click()
    expect(page.locator("#submit-form").get_by_role("alert")).to_contain_text(
        "priority"
    )
    assert engine.search().items == ()


def test_an_address_that_is_not_there_gets_a_page(browser: Browser, url: str) -> None:
    page = browser.new_page(base_url=url)
    for path, status, title in (
        ("/jobs/nobody", 404, "Job not found"),
        ("/names/nobody", 404, "Name not found"),
        ("/queues/nobody", 404, "Queue not found"),
        ("/groups/nobody", 404, "Group not found"),
        ("/schedules/nobody", 404, "Schedule not found"),
        ("/nowhere", 404, "Page not found"),
        ("/jobs?q=foo:bar", 422, "This search means nothing"),
        ("/jobs?cursor=x", 422, "This search means nothing"),
    ):
        answer = page.goto(path)
        assert answer is not None
        assert (answer.status, path) == (status, path)
        expect(page.get_by_role("heading", name=title)).to_be_attached()
        expect(page.get_by_role("link", name="All jobs")).to_be_visible()
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
        live(page, f"/jobs/{handle.id}")
        page.get_by_role("button", name="Cancel…").click()
        page.get_by_role("button", name="Cancel the job").click()
        expect(page.locator("#verdict")).to_contain_text("Canceled")
        context.close()
    assert engine.history(handle.id)[-1].actor == "dashboard via anna"
