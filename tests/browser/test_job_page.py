"""The page of one job, and its output, as a person would use them."""

from __future__ import annotations

import re
from datetime import UTC, datetime

from playwright.sync_api import Browser, Page, expect

from interlock import Engine, Job
from pace import deadline

from . import shown_jobs
from .conftest import live


def test_a_waiting_job_is_held_and_released(page: Page, engine: Engine) -> None:
    wants = shown_jobs.sync.options(when_full="replace", aging=600)
    handle = engine.submit(wants, shop="a/b")
    live(page, f"/jobs/{handle.id}")
    settings = page.locator("section", has=page.locator("#settings"))
    expect(settings).to_contain_text("shop:a/b of shop:{shop}")
    expect(settings).to_contain_text("replace")
    expect(settings).to_contain_text("with other keys as a/b")
    expect(settings).to_contain_text("more urgent by one for each 10 min")
    held: list[Job] = []
    for until in ("", "2100-01-31T18:30"):
        page.get_by_role("button", name="Hold…").click()
        page.get_by_role("textbox", name="Reason").fill("not now")
        page.get_by_label("Until, in your zone").fill(until)
        page.get_by_role("button", name="Hold the job").click()
        expect(page.locator("#verdict")).to_contain_text("not now")
        expect(settings).to_contain_text("by dashboard")
        held.append(handle.job())
        page.get_by_role("button", name="Release", exact=True).click()
        expect(page.get_by_role("button", name="Hold…")).to_be_visible()
        assert handle.job().hold_by is None
    assert [(job.hold_by, job.hold_reason, job.hold_until) for job in held] == [
        ("dashboard", "not now", None),
        ("dashboard", "not now", datetime(2100, 1, 31, 17, 30, tzinfo=UTC)),
    ]


def test_a_running_job_is_watched_and_canceled(page: Page, engine: Engine) -> None:
    with engine.worker(concurrency=1):
        handle = engine.submit(shown_jobs.train, epochs=300)
        live(page, f"/jobs/{handle.id}")
        lines = page.get_by_label("Lines of the output")
        expect(lines).to_contain_text("<b id=evil>epoch 1</b>")
        assert page.locator("#evil").count() == 0
        expect(page.locator("#verdict")).to_contain_text("Running for")
        expect(page.get_by_label("Progress")).to_have_attribute("max", "300")
        page.get_by_role("button", name="Cancel…").click()
        page.get_by_role("button", name="Keep it").click()
        assert handle.job().cancel_requested_at is None
        page.get_by_role("button", name="Cancel…").click()
        page.get_by_role("textbox", name="Reason").fill("too slow")
        page.get_by_role("button", name="Cancel the job").click()
        verdict = page.locator("#verdict")
        expect(verdict).to_contain_text("Canceled")
        expect(verdict).to_contain_text("by dashboard: “too slow”. It ran for")
        expect(verdict).to_contain_text("all its processes are proved gone")
    asked = next(e for e in engine.history(handle.id) if e.event == "request_cancel")
    assert (asked.actor, asked.reason) == ("dashboard", "too slow")
    strip = page.locator(".path")
    expect(strip).to_contain_text(
        re.compile("Submitted.*Attempt 1.*Canceled", re.DOTALL)
    )
    page.get_by_text("The machine, and where it went").click()
    expect(page.locator(".machine.wide .track.walked")).to_have_count(2)
    page.get_by_text(re.compile("^History: ")).click()
    expect(page.get_by_label("Table of history")).to_contain_text("too slow")
    expect(page.locator("#connection")).to_have_text("ended")


def test_the_reader_is_not_fought(page: Page, engine: Engine) -> None:
    with engine.worker(concurrency=1):
        handle = engine.submit(shown_jobs.train, epochs=300)
        live(page, f"/jobs/{handle.id}")
        fields = page.locator("#fields")
        fields.locator("summary").click()
        machine = page.locator("#machine")
        machine.locator("summary").click()
        page.get_by_role("searchbox").fill("epoch")
        before = page.locator("#progress-text").inner_text(timeout=deadline(15_000))
        page.evaluate("scrollTo(0, 300)")
        expect(page.locator("#progress-text")).not_to_have_text(before)
        expect(fields).to_have_attribute("open", "")
        expect(machine).to_have_attribute("open", "")
        expect(page.get_by_role("searchbox")).to_be_focused()
        assert page.evaluate("scrollY") == 300
        page.evaluate("getSelection().selectAllChildren(document.querySelector('h1'))")
        told = page.locator("#progress-text").inner_text()
        expect(page.locator("#connection")).to_have_text("paused")
        page.wait_for_timeout(1500)
        assert page.locator("#progress-text").inner_text() == told
        assert page.evaluate("String(getSelection())") == "train.model"
        page.evaluate("getSelection().removeAllRanges()")
        expect(page.locator("#progress-text")).not_to_have_text(told)
        expect(page.locator("#connection")).to_have_text("live")
        handle.cancel(wait=deadline(20))


def test_a_job_that_has_ended_is_not_loaded_again(page: Page, engine: Engine) -> None:
    handle = engine.submit(shown_jobs.render, pages=1)
    handle.cancel()
    page.goto(f"/jobs/{handle.id}")
    expect(page.locator("#connection")).to_have_text("ended")
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    for number in range(3):
        engine.submit(shown_jobs.render, pages=number)
    page.wait_for_timeout(6000)
    assert asked == []


def test_a_rerun_leads_to_the_new_job(page: Page, engine: Engine) -> None:
    handle = engine.submit(shown_jobs.render, pages=1)
    handle.cancel()
    page.goto(f"/jobs/{handle.id}")
    page.get_by_role("button", name="Rerun", exact=True).click()
    expect(page.get_by_text("a rerun of")).to_be_visible()
    assert page.url.rpartition("/")[2] != handle.id
    page.get_by_role("link", name=handle.id[-8:]).click()
    expect(page.locator("section", has=page.locator("#settings"))).to_contain_text(
        re.compile("Reruns.*reports.render", re.DOTALL)
    )


def test_a_job_is_rerun_with_other_parameters(page: Page, engine: Engine) -> None:
    handle = engine.submit(shown_jobs.sync, shop="a", seconds=2.5)
    handle.cancel()
    page.goto(f"/jobs/{handle.id}")
    page.get_by_role("link", name="Rerun with changes…").click()
    expect(page.get_by_label("shop")).to_have_value("a")
    expect(page.get_by_label("seconds")).to_have_value("2.5")
    page.get_by_label("shop").fill("b")
    page.get_by_role("button", name="Submit", exact=True).click()
    expect(page.get_by_text('shop="b" seconds=2.5')).to_be_visible()


def test_a_failed_job_shows_its_error_and_no_secret(page: Page, engine: Engine) -> None:
    with engine.worker(concurrency=1):
        handle = engine.submit(shown_jobs.send, to="nobody", password="hunter22")
        handle.wait(deadline(20))
    page.goto(f"/jobs/{handle.id}")
    expect(page.locator("#verdict")).to_contain_text(
        "ValueError: no such address: nobody in your code at"
    )
    frame = page.locator(".frame")
    expect(frame).to_contain_text("browser/shown_jobs.py")
    expect(frame).to_contain_text('raise ValueError(f"no such address: {to}")')
    expect(page.get_by_label("Traceback")).to_be_hidden()
    page.get_by_text(re.compile("^The whole traceback")).click()
    expect(page.get_by_label("Traceback")).to_contain_text("no such address: nobody")
    expect(page.get_by_label("Lines of the output")).to_contain_text(
        "logging in with ***"
    )
    assert "hunter22" not in page.content()


def test_things_are_copied(browser: Browser, url: str, engine: Engine) -> None:
    handle = engine.submit(shown_jobs.send, to="it's", password="hunter22")
    context = browser.new_context(
        base_url=url, permissions=["clipboard-read", "clipboard-write"]
    )
    page = context.new_page()
    live(page, f"/jobs/{handle.id}")
    copied = []
    for name in ("Id", "curl", "Python"):
        page.get_by_text("Copy ▾").click()
        page.get_by_role("button", name=name, exact=True).click()
        expect(page.get_by_text("Copied.")).to_be_visible()
        copied.append(page.evaluate("navigator.clipboard.readText()"))
    context.close()
    assert copied[0] == handle.id
    assert copied[1].endswith(f"' {url}/v1/jobs")
    assert copied[2].startswith('engine.submit("mail.send", {')
    assert not any("hunter22" in text for text in copied)


def test_output_is_followed_searched_filtered_and_loaded(
    page: Page, engine: Engine
) -> None:
    with engine.worker(concurrency=1):
        handle = engine.submit(shown_jobs.chatty, lines=1000)
        handle.wait(deadline(30))
    page.goto(f"/jobs/{handle.id}")
    lines = page.get_by_label("Lines of the output").locator("li[data-seq]")
    expect(lines).to_have_count(200)
    expect(lines.last).to_contain_text("line 999")
    expect(page.get_by_text("there is output before this")).to_be_visible()
    page.get_by_role("button", name="Load earlier").click()
    expect(lines).to_have_count(700)
    page.get_by_role("button", name="Load earlier").click()
    expect(lines).to_have_count(1000)
    expect(page.get_by_role("button", name="Load earlier")).to_be_hidden()
    expect(lines.first).to_contain_text("line 0")
    expect(page.locator(".a-r").first).to_have_text("line 0")
    page.get_by_role("searchbox").fill("line 99")
    expect(page.get_by_text("1 of 11")).to_be_visible()
    page.get_by_role("button", name="Later match").click()
    expect(page.get_by_text("2 of 11")).to_be_visible()
    expect(page.locator("li.now mark")).to_have_text("line 99")
    page.get_by_role("button", name="Errors").click()
    expect(lines.filter(visible=True)).to_have_count(10)
    with page.expect_download() as download:
        page.get_by_role("link", name="Download").click()
    text = download.value.path().read_text()
    assert text.count("\n") == 1000
    assert "\x1b" not in text


def test_a_link_to_a_line_finds_it(page: Page, engine: Engine) -> None:
    with engine.worker(concurrency=1):
        handle = engine.submit(shown_jobs.chatty, lines=900)
        handle.wait(deadline(30))
    seq = engine.log(handle.id, limit=1)[0].seq
    page.goto(f"/jobs/{handle.id}#L{seq}")
    line = page.locator(f"#L{seq}")
    expect(line).to_contain_text("line 0")
    expect(line).to_be_in_viewport()


def test_times_are_in_the_readers_zone(
    browser: Browser, url: str, engine: Engine
) -> None:
    handle = engine.submit(shown_jobs.render, pages=1)
    created = handle.job().created_at
    context = browser.new_context(base_url=url, timezone_id="Asia/Kolkata")
    page = context.new_page()
    live(page, f"/jobs/{handle.id}")
    time = page.locator(".path time").first
    hours = (created.hour + 5 + (created.minute + 30) // 60) % 24
    expect(time).to_have_text(
        re.compile(rf"{hours:02}:{(created.minute + 30) % 60:02}:")
    )
    expect(time).to_have_attribute("title", re.compile(f"{created:%H:%M:%S} UTC, "))
    context.close()
