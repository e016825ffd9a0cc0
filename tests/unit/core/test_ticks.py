"""What becomes of ticks, and of declarations of older and newer code. Pure."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from interlock import Schedule, ScheduleInfo, TickOutcome
from interlock.core.ticks import (
    MOST_FIRED,
    Declaration,
    declared,
    differences,
    new_schedule,
    plan,
    rescheduled,
)

NOW = datetime(2026, 1, 1, 12, tzinfo=UTC)
HOUR = timedelta(hours=1)


def _info(**when: Any) -> ScheduleInfo:
    return new_schedule("s", "f", Schedule(**when), {}, now=NOW)


def _declaration(cron: str, digest: str) -> Declaration:
    return Declaration(
        name="s", schedule=Schedule(cron=cron), options={"queue": cron}, digest=digest
    )


def test_nothing_is_decided_before_its_time() -> None:
    info = _info(cron="@hourly", overlap="replace")
    just_before = NOW + HOUR - timedelta(microseconds=1)
    decided = plan(info, now=just_before, live=[])
    assert decided.after == info
    assert not decided.fired
    assert not decided.ticks


def test_a_backlog_is_fired_in_portions() -> None:
    info = _info(every="1s", catchup="all")
    now = NOW + timedelta(seconds=250)
    portions = []
    while (decided := plan(info, now=now, live=[])).fired:
        portions.append(len(decided.fired))
        info = decided.after
    assert portions == [MOST_FIRED, MOST_FIRED, 50]
    assert info.next_at == now + timedelta(seconds=1)


def test_the_newest_of_many_late_ticks_replaces_the_others() -> None:
    info = _info(cron="@hourly", catchup="all", overlap="replace")
    decided = plan(info, now=NOW + 3 * HOUR, live=[])
    assert [job.scheduled_for for job in decided.fired] == [NOW + 3 * HOUR]
    assert [(t.due_at, t.outcome) for t in decided.ticks] == [
        (NOW + HOUR, TickOutcome.SKIPPED),
        (NOW + 2 * HOUR, TickOutcome.SKIPPED),
    ]


def test_a_schedule_whose_calendar_ends_is_never_due_again() -> None:
    info = replace(_info(cron="@hourly"), next_at=None)
    assert plan(info, now=NOW + HOUR, live=[]).after == info


@pytest.mark.parametrize("catchup", ["latest", "skip", "all"])
def test_a_tick_that_newer_rules_of_a_zone_have_moved_is_due_once(catchup: Any) -> None:
    moved = NOW + timedelta(minutes=17)
    info = replace(_info(cron="@hourly", catchup=catchup), next_at=moved)
    decided = plan(info, now=moved, live=[])
    assert [job.scheduled_for for job in decided.fired] == [moved]
    assert decided.after.next_at == NOW + HOUR


def test_newer_code_changes_a_declaration_and_older_code_does_not() -> None:
    old, new = _declaration("0 1 * * *", "old"), _declaration("0 2 * * *", "new")
    first = declared(None, old, now=NOW)
    assert first is not None
    assert (first.declared, first.version, first.job) == (True, 1, "s")
    assert declared(first, old, now=NOW) is None
    second = declared(first, new, now=NOW)
    assert second is not None
    assert second.schedule.cron == "0 2 * * *"
    assert second.options == {"queue": "0 2 * * *"}
    assert (second.version, second.replaced) == (2, ("old",))
    assert declared(second, old, now=NOW) is None  # a worker of the older release
    assert declared(second, new, now=NOW) is None
    third = declared(second, _declaration("0 3 * * *", "newer"), now=NOW)
    assert third is not None
    assert third.replaced == ("old", "new")
    assert declared(third, old, now=NOW) is None


@pytest.mark.parametrize(("is_declared", "is_edited"), [(True, True), (False, False)])
def test_what_people_made_is_not_changed_by_code(
    *, is_declared: bool, is_edited: bool
) -> None:
    first = declared(None, _declaration("0 1 * * *", "old"), now=NOW)
    assert first is not None
    edited = replace(first, declared=is_declared, edited=is_edited)
    assert declared(edited, _declaration("0 2 * * *", "new"), now=NOW) is None


def test_a_pause_outlives_a_new_declaration() -> None:
    first = declared(None, _declaration("0 1 * * *", "old"), now=NOW)
    assert first is not None
    paused = replace(first, paused=True)
    second = declared(paused, _declaration("0 2 * * *", "new"), now=NOW)
    assert second is not None
    assert second.paused


def test_a_deployment_during_a_tick_does_not_lose_it() -> None:
    info = _info(cron="0 13 * * *")
    later = NOW + 2 * HOUR  # no worker has looked at 13:00
    same = rescheduled(info, replace(info.schedule, overlap="skip"), later)
    assert same.next_at == NOW + HOUR
    other = rescheduled(info, Schedule(cron="30 13 * * *"), later)
    assert other.next_at == NOW + 1.5 * HOUR
    tomorrow = rescheduled(_info(cron="0 1 * * *"), Schedule(cron="0 2 * * *"), NOW)
    assert tomorrow.next_at == NOW + 14 * HOUR


def test_another_interval_counts_from_its_edit() -> None:
    info = _info(every="1h")
    later = NOW + timedelta(minutes=20, microseconds=5)
    after = rescheduled(info, Schedule(every="30m"), later)
    assert after.anchor == NOW + timedelta(minutes=20)
    assert after.next_at == NOW + timedelta(minutes=50)


def test_an_edit_is_told_without_what_may_be_secret() -> None:
    before = _info(cron="@daily", params={"password": "hunter2"})
    after = replace(
        before,
        schedule=replace(
            before.schedule, cron="@hourly", params={"password": "swordfish"}
        ),
        options={"metadata": {"token": "abc"}, "priority": 2},
    )
    told = differences(before, after)
    assert told == "cron @daily -> @hourly, params, priority None -> 2, metadata"
    assert differences(before, before) == "nothing"
