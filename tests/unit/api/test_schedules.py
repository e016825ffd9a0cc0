"""`Engine.schedules`: who may create and change what, and what is refused."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from interlock import (
    AsyncEngine,
    DuplicateJob,
    Engine,
    InvalidOption,
    InvalidParams,
    JobStatus,
    Retry,
    Schedule,
    ScheduleNotFound,
    TickOutcome,
    UnknownJobName,
    job,
)
from interlock.core.job import Job
from interlock.core.records import ClaimRequest
from interlock.jobs.registry import find
from interlock.jobs.schedules import declarations, declare
from interlock.testing.clock import ManualClock
from interlock.testing.inline import inline_engine
from interlock_adapters.memory import MemoryStore

HOURLY = Schedule(cron="@hourly", timezone="Europe/Berlin")
NOON = datetime(2026, 1, 1, 12, tzinfo=UTC)


@job(name="tsched.report", queue="slow", secret=("pin",))
def report(days: int, pin: str = "0000", *, at: datetime | None = None) -> int:
    assert pin or at
    return days


@job(
    name="tsched.nightly",
    priority=4,
    schedule=Schedule(cron="0 2 * * *", params={"days": 2}),
)
def nightly(days: int) -> int:
    return days


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock()


@pytest.fixture
def engine(clock: ManualClock) -> Iterator[Engine]:
    with Engine(MemoryStore(clock), clock=clock) as opened:
        yield opened


def _fire(engine: Engine) -> list[Job]:
    while engine._store.schedules.fire(now=engine._clock.now()):
        pass
    return list(engine.search().items)


def test_a_schedule_submits_jobs_with_all_options(
    engine: Engine, clock: ManualClock
) -> None:
    info = engine.schedules.create(
        "reports",
        report.options(timeout=5, retry=Retry(max_attempts=2)),
        {"days": 3, "at": NOON},
        schedule=HOURLY,
        priority=7,
        metadata={"team": "a"},
        by="anna",
        reason="wanted",
    )
    assert (info.next_at, info.job) == (NOON + timedelta(hours=1), "tsched.report")
    assert info.schedule.params == {"days": 3, "at": "2026-01-01T12:00:00Z"}
    assert engine.schedules.get("reports") == info
    assert engine.schedules.list() == [info]
    clock.advance(3600)
    (made,) = _fire(engine)
    assert (made.queue, made.timeout_s, made.priority) == ("slow", 5, 7)
    assert (made.retry.max_attempts, made.metadata) == (2, {"team": "a"})
    assert made.submitted_by == "schedule:reports"
    assert engine.search(schedule="reports").items == (made,)
    assert engine.search(schedule="others").items == ()
    (edit,) = engine.schedules.edits("reports")
    assert (edit.actor, edit.what, edit.reason) == ("anna", "created", "wanted")


def test_what_cannot_be_is_refused(engine: Engine) -> None:
    create = engine.schedules.create
    with pytest.raises(InvalidParams, match="days is missing"):
        create("r", report, schedule=HOURLY)
    with pytest.raises(UnknownJobName):
        create("r", "tsched.nobody", schedule=HOURLY)
    for name in ("", "a/b", ".", "x" * 201, "ü", 5):
        with pytest.raises(InvalidOption, match="Invalid value for name"):
            create(name, report, {"days": 1}, schedule=HOURLY)  # type: ignore[arg-type]  # refused
        with pytest.raises(ScheduleNotFound):
            engine.schedules.get(str(name))
    with pytest.raises(InvalidOption, match="run_at belongs to one job"):
        create("r", report, {"days": 1}, schedule=HOURLY, run_at=NOON)
    with pytest.raises(InvalidOption, match="idempotency_key belongs to one job"):
        create("r", report, {"days": 1}, schedule=HOURLY, idempotency_key="k")
    with pytest.raises(InvalidOption, match="a Schedule, such as"):
        create("r", report, {"days": 1}, schedule="@daily")  # type: ignore[arg-type]  # refused
    with pytest.raises(InvalidOption, match="priority"):
        create("r", report, {"days": 1}, schedule=HOURLY, priority=2**40)
    assert engine.schedules.list() == []
    create("r", report, {"days": 1}, schedule=HOURLY)
    with pytest.raises(InvalidOption, match="already a schedule named 'r'"):
        create("r", report, {"days": 2}, schedule=HOURLY)
    assert engine.schedules.get("r").schedule.params == {"days": 1}


def test_an_update_changes_what_it_names(engine: Engine, clock: ManualClock) -> None:
    before = engine.schedules.create(
        "r", report, {"days": 1}, schedule=Schedule(every="1h"), priority=1
    )
    clock.advance(60)
    after = engine.schedules.update(
        "r", schedule=Schedule(every="2h"), by="bob", reason="too often"
    )
    assert after.schedule.params == {"days": 1}
    assert (after.options, after.edited, after.version) == (before.options, True, 2)
    assert after.next_at == NOON + timedelta(hours=2, minutes=1)
    after = engine.schedules.update("r", params={"days": 9}, queue="fast", timeout=3)
    assert after.schedule == Schedule(every="2h", params={"days": 9})
    changed = {"queue": "fast", "timeout_s": 3}
    assert after.options == {**before.options, **changed}
    with pytest.raises(InvalidParams):
        engine.schedules.update("r", params={"day": 9})
    whats = [(e.actor, e.what) for e in engine.schedules.edits("r")]
    assert whats == [
        ("client", "created"),
        ("bob", "every 1h -> 2h"),
        ("client", "params, queue slow -> fast, timeout_s None -> 3"),
    ]


def test_a_pause_ends_with_the_next_tick_from_then(
    engine: Engine, clock: ManualClock
) -> None:
    engine.schedules.create("r", report, {"days": 1}, schedule=HOURLY)
    paused = engine.schedules.pause("r", by="anna", reason="holidays")
    assert engine.schedules.pause("r") == paused
    clock.advance(10 * 3600 + 60)
    assert _fire(engine) == []
    resumed = engine.schedules.resume("r")
    assert resumed.next_at == NOON + timedelta(hours=11)
    assert engine.schedules.ticks("r") == []
    clock.advance(3600)
    assert len(_fire(engine)) == 1
    assert [e.what for e in engine.schedules.edits("r")] == [
        "created",
        "paused",
        "resumed",
    ]


@pytest.mark.parametrize("edit", ["pause", "update"])
def test_an_edit_gives_up_the_tick_that_waits(
    engine: Engine, clock: ManualClock, edit: str
) -> None:
    hourly = Schedule(every="1h", overlap="replace")
    engine.schedules.create("r", report, {"days": 1}, schedule=hourly)
    clock.advance(3600)
    (made,) = _fire(engine)
    engine._store.claim(
        ClaimRequest(
            worker_id="w",
            names=frozenset({"tsched.report"}),
            limit=1,
            lease=timedelta(days=1),
            now=clock.now(),
        )
    )
    clock.advance(3600)
    assert _fire(engine) == [engine.get(made.id)]  # it is asked to end
    assert engine.schedules.get("r").waiting_at == clock.now()
    if edit == "pause":
        engine.schedules.pause("r")
    else:
        engine.schedules.update("r", priority=5)
    assert engine.schedules.get("r").waiting_at is None
    (given_up, _) = engine.schedules.ticks("r")
    assert (given_up.due_at, given_up.outcome) == (clock.now(), TickOutcome.SKIPPED)
    assert given_up.why in {"its schedule was paused", "its schedule was changed"}


def test_a_trigger_submits_a_job_at_once(engine: Engine) -> None:
    engine.schedules.create("r", report, {"days": 1}, schedule=HOURLY, unique_key="one")
    engine.schedules.pause("r")
    made = engine.schedules.trigger("r", by="anna").job()
    assert (made.schedule, made.scheduled_for) == ("r", None)
    assert (made.submitted_by, made.status) == ("anna", JobStatus.PENDING)
    assert engine.schedules.ticks("r") == []
    with pytest.raises(DuplicateJob):
        engine.schedules.trigger("r")
    again = engine.rerun(engine.cancel(made.id).id).job()
    assert (again.schedule, again.scheduled_for) == (None, None)


def test_a_preview_shows_the_next_ticks_in_their_zone(engine: Engine) -> None:
    engine.schedules.create("r", report, {"days": 1}, schedule=HOURLY)
    shown = [tick.isoformat() for tick in engine.schedules.preview("r", 2)]
    assert shown == ["2026-01-01T14:00:00+01:00", "2026-01-01T15:00:00+01:00"]
    later = NOON + timedelta(days=180)
    (tick,) = engine.schedules.preview(HOURLY, 1, after=later)
    assert tick.isoformat() == "2026-06-30T15:00:00+02:00"
    with pytest.raises(InvalidOption):
        engine.schedules.preview("r", 0)
    with pytest.raises(InvalidOption):
        engine.schedules.preview("r", after=datetime(2026, 1, 1))  # noqa: DTZ001  (refused)


def test_nobody_finds_a_schedule_that_is_not_there(engine: Engine) -> None:
    schedules = engine.schedules
    for act in (
        schedules.get,
        schedules.pause,
        schedules.resume,
        schedules.trigger,
        schedules.preview,
        schedules.ticks,
        schedules.edits,
        schedules.delete,
        schedules.update,
    ):
        with pytest.raises(ScheduleNotFound, match="No schedule is named 'r'"):
            act("r")


def test_a_deleted_schedule_keeps_its_edits(engine: Engine) -> None:
    engine.schedules.create("r", report, {"days": 1}, schedule=HOURLY)
    engine.schedules.delete("r", by="anna", reason="not needed")
    assert engine.schedules.list() == []
    last = engine.schedules.edits("r")[-1]
    assert (last.actor, last.what, last.reason) == ("anna", "deleted", "not needed")


def test_code_declares_a_schedule_of_the_name_of_its_job(engine: Engine) -> None:
    (declaration,) = declarations([find("tsched.nightly"), find("tsched.report")])
    for _ in range(2):
        declare(engine._store, declaration, by="w")
    info = engine.schedules.get("tsched.nightly")
    assert (info.declared, info.options["priority"]) == (True, 4)
    assert info.schedule.params == {"days": 2}
    assert len(engine.schedules.edits("tsched.nightly")) == 1
    engine.schedules.update("tsched.nightly", schedule=HOURLY)
    declare(engine._store, declaration, by="w")
    assert engine.schedules.get("tsched.nightly").schedule.cron == "@hourly"
    engine.schedules.delete("tsched.nightly")
    declare(engine._store, declaration, by="w")
    assert engine.schedules.get("tsched.nightly").schedule.cron == "0 2 * * *"


def test_code_whose_declaration_was_replaced_says_so(
    engine: Engine, caplog: pytest.LogCaptureFixture
) -> None:
    (newer,) = declarations([find("tsched.nightly")])
    older = replace(newer, schedule=HOURLY, digest="older")
    for declaration in (older, newer, newer):
        declare(engine._store, declaration, by="w")
    assert caplog.text == ""
    declare(engine._store, older, by="w")
    assert engine.schedules.get("tsched.nightly").schedule.cron == "0 2 * * *"
    assert "newer code has replaced the declaration" in caplog.text


def test_a_declaration_gives_what_the_function_needs() -> None:
    with pytest.raises(InvalidOption, match="gives no value for days"):
        job(name="tsched.bad", schedule=HOURLY)(report.function)
    with pytest.raises(InvalidOption, match="a Schedule, such as"):
        job(name="tsched.bad", schedule="@daily")(report.function)  # type: ignore[call-overload]  # refused


def test_an_async_engine_has_the_same_schedules() -> None:
    async def use() -> None:
        async with await AsyncEngine.open("memory:") as engine:
            schedules = engine.schedules
            made = await schedules.create("r", report, {"days": 4}, schedule=HOURLY)
            assert await schedules.list() == [made]
            await schedules.update("r", params={"days": 5}, by="anna")
            await schedules.pause("r", reason="holidays")
            assert not (await schedules.resume("r")).paused
            handle = await schedules.trigger("r")
            assert (await handle.job()).params == {"days": 5}
            assert len(await schedules.preview("r", 3)) == 3
            assert await schedules.ticks("r") == []
            assert len(await schedules.edits("r")) == 4
            await schedules.delete("r")
            with pytest.raises(ScheduleNotFound):
                await schedules.get("r")

    asyncio.run(use())


def test_an_inline_engine_runs_what_is_triggered_and_due() -> None:
    clock = ManualClock()
    with inline_engine(clock) as engine:
        engine.schedules.create("r", report, {"days": 5}, schedule=HOURLY)
        assert engine.schedules.trigger("r").result(timeout=0) == 5
        clock.advance(3600)
        engine.drain()
        (tick,) = engine.schedules.ticks("r")
        assert engine.get(tick.job_id or "").status is JobStatus.SUCCEEDED
