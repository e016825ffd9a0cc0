"""The list of jobs: search, selection, actions on many, failures by cause, keys."""

from __future__ import annotations

import re
from pathlib import Path

from playwright.sync_api import Page, Route, expect

from interlock import Engine, JobStatus
from pace import deadline

from . import shown_jobs
from .conftest import live


def test_a_row_says_what_the_job_is_and_what_happened(
    page: Page, engine: Engine
) -> None:
    with engine.worker(concurrency=1):
        handle = engine.submit(shown_jobs.send, to="nobody", password="hunter22")
        handle.wait(deadline(20))
    live(page, "/jobs")
    row = page.locator("#selection tbody tr")
    expect(row.locator("a.name")).to_have_text("mail.send")
    expect(row).to_contain_text('to="nobody" password="***"')
    expect(row).to_contain_text("ValueError: no such address: nobody · shown_jobs.py:")
    expect(row).to_contain_text("Failed")
    expect(row.get_by_role("link", name=handle.id[-8:])).to_be_visible()
    time = row.locator("time")
    expect(time).to_have_text(re.compile("just now|ago"))
    expect(time).to_have_attribute("title", re.compile("UTC, .* in your zone"))


def test_the_search_is_in_the_address_and_its_words_can_be_removed(
    page: Page, engine: Engine
) -> None:
    mail = engine.submit(shown_jobs.send, to="a", password="hunter22")
    engine.submit(shown_jobs.send, to="b", password="hunter22")
    engine.submit(shown_jobs.render, pages=1)
    live(page, "/jobs")
    box = page.get_by_role("combobox", name="Search jobs")
    box.fill("queue:mail")
    box.press("Enter")
    page.wait_for_url("**/jobs?q=queue%3Amail")
    rows = page.locator("#selection tbody tr")
    expect(rows).to_have_count(2)
    box.fill("param.to:a")
    box.press("Enter")
    expect(rows).to_have_count(1)
    expect(page.get_by_role("link", name=mail.id[-8:])).to_be_visible()
    page.get_by_role("link", name="Remove queue:mail").click()
    page.wait_for_url("**/jobs?q=param.to%3Aa")
    expect(rows).to_have_count(1)
    page.get_by_role("navigation", name="Status").get_by_text("Failed").click()
    expect(page.get_by_text("No job matches.")).to_be_visible()
    page.get_by_role("link", name="status:failed", exact=True).click()
    expect(rows).to_have_count(1)


def test_words_are_suggested(page: Page, engine: Engine) -> None:
    engine.submit(shown_jobs.send, to="a", password="hunter22")
    live(page, "/jobs")
    box = page.get_by_role("combobox", name="Search jobs")
    box.fill("qu")
    expect(page.get_by_role("option")).to_have_count(1)
    box.press("ArrowDown")
    box.press("Enter")
    expect(box).to_have_value("queue:")
    expect(page.get_by_role("option", name="queue:mail")).to_be_visible()
    box.press("ArrowDown")
    box.press("Enter")
    page.wait_for_url("**/jobs?q=queue%3Amail")


def test_an_id_or_its_end_leads_to_the_job(page: Page, engine: Engine) -> None:
    handle = engine.submit(shown_jobs.render, pages=1)
    live(page, "/jobs")
    box = page.get_by_role("combobox", name="Search jobs")
    box.fill(handle.id[-8:])
    box.press("Enter")
    page.wait_for_url(f"**/jobs/{handle.id}")
    page.goto(f"/jobs/{handle.id[-8:]}")
    page.wait_for_url(f"**/jobs/{handle.id}")


def test_addresses_with_one_filter_each_still_work(page: Page, engine: Engine) -> None:
    engine.submit(shown_jobs.send, to="a", password="hunter22")
    engine.submit(shown_jobs.render, pages=1)
    live(page, "/jobs?queue=mail&status=PENDING")
    assert page.url.endswith("q=queue%3Amail+status%3Apending")
    expect(page.locator("#selection tbody tr")).to_have_count(1)


def test_older_jobs_are_on_further_pages(page: Page, engine: Engine) -> None:
    engine.submit_many([shown_jobs.render.call(pages=n) for n in range(60)])
    live(page, "/jobs?q=name:reports.render")
    rows = page.locator("#selection tbody tr")
    expect(rows).to_have_count(50)
    page.get_by_role("link", name="Older").click()
    expect(rows).to_have_count(10)
    page.get_by_role("link", name="Newest").click()
    expect(rows).to_have_count(50)


def test_selected_jobs_are_canceled_and_rerun(page: Page, engine: Engine) -> None:
    handles = [engine.submit(shown_jobs.render, pages=n) for n in range(3)]
    live(page, "/jobs")
    bulk = page.get_by_role("region", name="Selected jobs")
    expect(bulk).to_be_hidden()
    for handle in handles[:2]:
        page.get_by_label(f"Select reports.render {handle.id[-8:]}").check()
    expect(bulk).to_contain_text("2 selected")
    bulk.get_by_role("button", name="Cancel…").click()
    page.get_by_role("textbox", name="Reason").fill("too many")
    page.get_by_role("button", name="Cancel 2 jobs").click()
    dialog = page.get_by_role("dialog")
    expect(dialog).to_contain_text("2 done, 0 refused, of 2")
    dialog.get_by_role("button", name="Close").click()
    statuses = [handle.job().status for handle in handles]
    assert statuses == [JobStatus.CANCELED, JobStatus.CANCELED, JobStatus.PENDING]
    assert handles[0].job().cancel_reason == "too many"
    page.get_by_label("Select all on this page").check()
    bulk.get_by_role("button", name="Rerun…").click()
    page.get_by_role("button", name="Rerun 3 jobs").click()
    expect(dialog).to_contain_text("2 done, 1 refused, of 3")
    expect(dialog.get_by_role("alert")).to_contain_text("PENDING")
    assert engine.counts()[JobStatus.PENDING] == 3


def test_a_selection_freezes_the_list_and_counts_what_comes(
    page: Page, engine: Engine
) -> None:
    handle = engine.submit(shown_jobs.render, pages=1)
    live(page, "/jobs")
    box = page.get_by_label(f"Select reports.render {handle.id[-8:]}")
    box.check()
    engine.submit(shown_jobs.render, pages=2)
    handle.cancel()
    row = page.locator(f"#row-{handle.id}")
    expect(row).to_contain_text("Canceled")
    expect(box).to_be_checked()
    expect(page.locator("#selection tbody tr")).to_have_count(1)
    expect(page.get_by_text("1 job more has come")).to_be_visible()
    box.uncheck()
    expect(page.locator("#selection tbody tr")).to_have_count(2)


def test_a_refresh_that_comes_late_leaves_a_selection_alone(
    page: Page, engine: Engine
) -> None:
    handle = engine.submit(shown_jobs.render, pages=1)
    live(page, "/jobs")
    box = page.get_by_label(f"Select reports.render {handle.id[-8:]}")
    held: list[Route] = []

    released = False

    def hold(route: Route) -> None:
        if released:
            route.continue_()
        else:
            held.append(route)

    page.route("**/jobs", hold)
    engine.submit(shown_jobs.render, pages=2)
    while not held:
        page.wait_for_timeout(20)
    box.check()
    released = True
    with page.expect_response("**/jobs"):
        for route in held:
            route.continue_()
    page.wait_for_timeout(300)
    expect(box).to_be_checked()
    expect(page.locator("#selection tbody tr")).to_have_count(1)
    box.uncheck()
    expect(page.locator("#selection tbody tr")).to_have_count(2)


def test_all_that_match_are_canceled_and_rerun_beyond_the_page(
    page: Page, engine: Engine
) -> None:
    fast = shown_jobs.render.options(queue="fast")
    engine.submit_many([fast.call(pages=n) for n in range(520)])
    kept = engine.submit(shown_jobs.render, pages=1)
    live(page, "/jobs?q=status:succeeded queue:fast")
    cancel = page.get_by_role("button", name="Cancel all that match")
    rerun = page.get_by_role("button", name="Rerun all that match")
    expect(cancel).to_have_count(0)
    live(page, "/jobs")
    expect(cancel).to_have_count(0)
    live(page, "/jobs?q=status:ready queue:fast")
    expect(rerun).to_have_count(0)
    cancel.click()
    page.get_by_role("button", name="Cancel all", exact=True).click()
    dialog = page.get_by_role("dialog")
    expect(dialog).to_contain_text("520 done, 0 refused", timeout=deadline(20_000))
    assert engine.counts()[JobStatus.CANCELED] == 520
    assert kept.job().status is JobStatus.PENDING
    live(page, "/jobs?q=status:canceled param.pages:7")
    rerun.click()
    page.get_by_role("button", name="Rerun all", exact=True).click()
    expect(dialog).to_contain_text("1 done, 0 refused")
    assert engine.counts()[JobStatus.PENDING] == 2


def test_failures_are_grouped_and_rerun_by_a_canary(
    page: Page, engine: Engine, tmp_path: Path
) -> None:
    cure = tmp_path / "cure"
    with engine.worker(concurrency=2):
        for number in range(3):
            failing = engine.submit(shown_jobs.fragile, number=number, needs=cure)
            failing.wait(deadline(20))
        live(page, "/failures")
        group = page.get_by_role("region", name="Open causes").get_by_role("listitem")
        expect(group).to_have_count(1)
        expect(group).to_contain_text("shop.fragile")
        expect(group).to_contain_text("RuntimeError: number 2 is not ready")
        expect(group).to_contain_text("shown_jobs.py")
        dialog = page.get_by_role("dialog")
        group.get_by_role("button", name="Rerun 3…").click()
        dialog.get_by_role("button", name="Run one, then the others").click()
        expect(dialog.get_by_role("alert")).to_contain_text(
            "The first one ended as FAILED", timeout=deadline(20_000)
        )
        assert len(engine.search().items) == 4
        dialog.get_by_role("button", name="Close").click()
        cure.touch()
        group.get_by_role("button", name="Rerun 3…").click()
        dialog.get_by_role("button", name="Run one, then the others").click()
        expect(dialog).to_contain_text("2 done", timeout=deadline(20_000))
        dialog.get_by_role("button", name="Close").click()
        expect(page.get_by_text("No failed job is open.")).to_be_visible(
            timeout=deadline(20_000)
        )
        expect(page.get_by_text("1 cause with nothing open")).to_be_visible()


def test_a_cause_is_noted_acknowledged_and_reopened(
    page: Page, engine: Engine, tmp_path: Path
) -> None:
    with engine.worker():
        failing = engine.submit(shown_jobs.fragile, number=1, needs=tmp_path / "cure")
        failing.wait(deadline(20))
    live(page, "/")
    needs = page.get_by_role("region", name="What needs you")
    expect(needs).to_contain_text("1 shop.fragile")
    page.goto("/failures")
    group = page.get_by_role("region", name="Open causes").get_by_role("listitem")
    group.get_by_role("link", name="Look").click()
    remarks = page.get_by_role("region", name="Remarks")
    expect(remarks).to_contain_text("Nobody has said anything")
    dialog = page.get_by_role("dialog")
    for button, name, text in (
        ("Note", "", "<b>the shop</b> moved"),
        ("Acknowledge", "anna", "I am on it"),
    ):
        remarks.get_by_role("button", name=f"{button}…").click()
        dialog.get_by_label("Your name").fill(name)
        dialog.get_by_role("textbox").last.fill(text)
        dialog.get_by_role("button", name=re.compile(f"^({button}|Keep)")).click()
        expect(remarks).to_contain_text(text)
        expect(dialog).to_have_count(0)
    expect(remarks).to_contain_text("dashboard noted")
    expect(remarks).to_contain_text("anna acknowledged it")
    live(page, "/")
    expect(page.get_by_text("shop.fragile failed with")).to_have_count(0)
    page.goto("/failures")
    known = page.get_by_role("region", name="Acknowledged")
    expect(known).to_contain_text("anna acknowledged it just now: I am on it")
    known.get_by_role("link", name="Look").click()
    remarks.get_by_role("button", name="Reopen…").click()
    dialog.get_by_role("button", name="Reopen").click()
    expect(remarks.get_by_role("button", name="Acknowledge…")).to_be_visible()
    (cause,) = engine.failures.list()
    assert [each.by for each in cause.remarks] == ["dashboard", "anna", "dashboard"]


def test_keys_move_open_select_and_search(page: Page, engine: Engine) -> None:
    for number in range(3):
        engine.submit(shown_jobs.render, pages=number)
    live(page, "/jobs")
    page.keyboard.press("j")
    page.keyboard.press("j")
    page.keyboard.press("x")
    expect(page.locator("#selection tbody input:checked")).to_have_count(1)
    expect(page.locator("tr.here")).to_contain_text("pages=1")
    page.keyboard.press("k")
    expect(page.locator("tr.here")).to_contain_text("pages=2")
    page.keyboard.press("?")
    expect(page.get_by_role("dialog", name="Keys")).to_be_visible()
    page.keyboard.press("Escape")
    page.keyboard.press("/")
    expect(page.get_by_role("combobox", name="Search jobs")).to_be_focused()
    page.keyboard.type("xj")  # letters, while one writes
    expect(page.get_by_role("combobox", name="Search jobs")).to_have_value("xj")
    page.keyboard.press("Escape")
    page.keyboard.press("g")
    page.keyboard.press("s")
    page.wait_for_url("**/schedules")
    page.keyboard.press("/")
    page.wait_for_url("**/jobs#search")
    expect(page.get_by_role("combobox", name="Search jobs")).to_be_focused()
