"""When a schedule is due, also where the clocks change."""

from __future__ import annotations

import random
import zoneinfo
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta, tzinfo
from itertools import count
from typing import Any

import pytest

from interlock import InvalidOption, Schedule
from interlock.core import schedule as schedules
from pace import THOROUGH

START = datetime(2026, 1, 1, tzinfo=UTC)
FIRST_YEAR, LAST_YEAR = 2020, 2030
ZONES = sorted(zoneinfo.available_timezones() - {"localtime"})
SAMPLE = [
    *("Europe/Berlin", "America/New_York", "Australia/Lord_Howe", "Africa/Cairo"),
    *("America/Havana", "Africa/Casablanca", "America/Santiago", "Asia/Beirut"),
    *("Asia/Gaza", "Antarctica/Troll", "Europe/Dublin", "Asia/Kathmandu"),
]
#: Minute, hour and day of each expression, as the independent rule reads them.
CRONS: dict[str, tuple[set[int], set[int]]] = {
    "30 2 * * *": ({30}, {2}),
    "0,30 0,1,2,23 * * *": ({0, 30}, {0, 1, 2, 23}),
    "*/20 * * * *": ({0, 20, 40}, set(range(24))),
    "45 * * * *": ({45}, set(range(24))),
    "*/10 0,1,2,3 * * *": ({0, 10, 20, 30, 40, 50}, {0, 1, 2, 3}),
}
_FIXED = ("30 2 * * *", "0,30 0,1,2,23 * * *")


def _changes(zone: zoneinfo.ZoneInfo) -> Iterator[datetime]:
    """Yield when the offset of a zone changes, to the minute."""
    moment = datetime(FIRST_YEAR, 1, 1, tzinfo=UTC)
    end = datetime(LAST_YEAR, 1, 1, tzinfo=UTC)
    while moment < end:
        later = moment + timedelta(days=2)
        if _offset(moment, zone) != _offset(later, zone):
            low, high = 0, 2 * 24 * 60
            while high - low > 1:
                middle = (low + high) // 2
                between = moment + timedelta(minutes=middle)
                same = _offset(between, zone) == _offset(moment, zone)
                low, high = (middle, high) if same else (low, middle)
            yield moment + timedelta(minutes=high)
        moment = later


def _offset(moment: datetime, zone: zoneinfo.ZoneInfo) -> timedelta | None:
    return moment.astimezone(zone).utcoffset()


def _expected(
    cron: str, zone: zoneinfo.ZoneInfo, start: datetime, end: datetime
) -> list[datetime]:
    """Return the ticks of a cron expression, found by looking at every minute."""
    minutes, hours = CRONS[cron]
    minute = timedelta(minutes=1)
    ticks: set[datetime] = set()
    moment = start + minute
    seen: set[datetime] = set()  # times on the wall
    last = (start).astimezone(zone).replace(tzinfo=None)
    while moment <= end:
        wall = moment.astimezone(zone).replace(tzinfo=None)
        if cron not in _FIXED:
            if wall.minute in minutes and wall.hour in hours:
                ticks.add(moment)
        else:
            skipped = last + minute  # times that no clock has shown
            while skipped < wall:
                if skipped.minute in minutes and skipped.hour in hours:
                    ticks.add(moment)
                skipped += minute
            if wall.minute in minutes and wall.hour in hours and wall not in seen:
                ticks.add(moment)
            seen.add(wall)
        last = wall
        moment += minute
    return sorted(ticks)


def _ticks(schedule: Schedule, start: datetime, end: datetime) -> list[datetime]:
    found: list[datetime] = []
    for tick in schedule.ticks(after=start, anchor=START):
        if tick > end:
            return found
        found.append(tick)
    return found


@pytest.mark.parametrize("name", ZONES if THOROUGH else SAMPLE)
def test_every_change_of_clocks_in_ten_years_keeps_the_rule(name: str) -> None:
    zone = zoneinfo.ZoneInfo(name)
    changes = list(_changes(zone))
    rng = random.Random(name)
    some = changes if name in SAMPLE else rng.sample(changes, min(2, len(changes)))
    for change in some if THOROUGH else some[-6:]:
        start, end = change - timedelta(hours=9), change + timedelta(hours=9)
        for cron in CRONS:
            schedule = Schedule(cron=cron, timezone=name)
            found = _ticks(schedule, start, end)
            assert found == _expected(cron, zone, start, end), (cron, change)
            inside = rng.choice(found or [start])  # to go on from one finds the others
            rest = [tick for tick in found if tick > inside]
            assert _ticks(schedule, inside, end) == rest
            odd = inside + timedelta(seconds=rng.random() * 7200)
            rest = [tick for tick in found if tick > odd]
            assert _ticks(schedule, odd, end) == rest


def _walls(schedule: Schedule, after: datetime, n: int = 3) -> list[str]:
    return [tick.isoformat() for tick in schedule.upcoming(n, after=after)]


def test_a_time_that_does_not_exist_is_when_the_clocks_go_forward() -> None:
    nightly = Schedule(cron="30 2 * * *", timezone="Europe/Berlin")
    assert _walls(nightly, datetime(2026, 3, 28, tzinfo=UTC)) == [
        "2026-03-28T02:30:00+01:00",
        "2026-03-29T03:00:00+02:00",
        "2026-03-30T02:30:00+02:00",
    ]


def test_a_time_that_comes_twice_is_the_first_one() -> None:
    nightly = Schedule(cron="30 2 * * *", timezone="Europe/Berlin")
    assert _walls(nightly, datetime(2026, 10, 24, tzinfo=UTC)) == [
        "2026-10-24T02:30:00+02:00",
        "2026-10-25T02:30:00+02:00",
        "2026-10-26T02:30:00+01:00",
    ]
    second = datetime(2026, 10, 25, 1, 15, tzinfo=UTC)  # 02:15, for the second time
    assert _walls(nightly, second, 1) == ["2026-10-26T02:30:00+01:00"]


def test_what_is_due_each_hour_is_due_in_both_hours() -> None:
    hourly = Schedule(cron="@hourly", timezone="Europe/Berlin")
    assert _walls(hourly, datetime(2026, 10, 25, 0, 30, tzinfo=UTC)) == [
        "2026-10-25T02:00:00+01:00",
        "2026-10-25T03:00:00+01:00",
        "2026-10-25T04:00:00+01:00",
    ]


def test_an_interval_is_elapsed_time_from_its_anchor() -> None:
    anchor = datetime(2026, 3, 28, 23, 0, 7, tzinfo=UTC)
    schedule = Schedule(every="1h30m", timezone="Europe/Berlin")
    ticks = schedule.ticks(after=anchor - timedelta(days=9), anchor=anchor)
    found = [next(ticks) for _ in range(3)]
    assert found == [anchor + n * timedelta(minutes=90) for n in (1, 2, 3)]
    assert schedule.next_tick(after=found[0], anchor=anchor) == found[1]
    just_before = found[1] - timedelta(microseconds=1)
    assert schedule.next_tick(after=just_before, anchor=anchor) == found[1]


@pytest.mark.parametrize(
    ("every", "seconds"),
    [("1s", 1), ("90s", 90), ("1m30s", 90), ("2h", 7200), ("1d1s", 86_401)],
)
def test_an_interval_is_written_in_units(every: str, seconds: int) -> None:
    tick = Schedule(every=every).next_tick(after=START, anchor=START)
    assert tick == START + timedelta(seconds=seconds)


@pytest.mark.parametrize(
    ("word", "cron"),
    [
        ("@hourly", "0 * * * *"),
        ("@daily", "0 0 * * *"),
        ("@weekly", "0 0 * * 0"),
        ("@monthly", "0 0 1 * *"),
        ("@yearly", "0 0 1 1 *"),
    ],
)
def test_a_nickname_is_its_expression(word: str, cron: str) -> None:
    zone = "America/New_York"
    named, plain = (Schedule(cron=c, timezone=zone) for c in (word, cron))
    assert named.upcoming(9, after=START) == plain.upcoming(9, after=START)


@pytest.mark.parametrize(
    ("values", "words"),
    [
        ({}, "one of the two"),
        ({"cron": "@daily", "every": "1h"}, "one of the two"),
        ({"cron": "x"}, "five fields"),
        ({"cron": "* * * * * *"}, 'for seconds: every="10s"'),
        ({"cron": "0 25 * * *"}, "a valid hour"),
        ({"cron": "0 0 31 2 *"}, "day-of-month"),
        ({"cron": "0 0 30 2 */8"}, "Invalid value for cron"),
        ({"cron": "@reboot"}, "five fields"),
        ({"cron": 5}, "Use a text"),
        ({"every": "0s"}, "one second to ten years"),
        ({"every": "99999d"}, "one second to ten years"),
        ({"every": "1x"}, "one second to ten years"),
        ({"every": ""}, "one second to ten years"),
        ({"every": 60}, "Use a text"),
        ({"cron": "@daily", "timezone": "Mars"}, "IANA"),
        ({"cron": "@daily", "timezone": "../etc/passwd"}, "IANA"),
        ({"cron": "@daily", "timezone": "Europe"}, "IANA"),
        ({"cron": "@daily", "timezone": None}, "IANA"),
        ({"cron": "@daily", "catchup": "none"}, '"latest" or "skip" or "all"'),
        ({"cron": "@daily", "overlap": ["skip"]}, '"allow" or "skip" or "replace"'),
        ({"cron": "@daily", "params": [1]}, "mapping"),
    ],
)
def test_a_value_that_cannot_be_is_refused(values: dict[str, Any], words: str) -> None:
    with pytest.raises(InvalidOption, match=words):
        Schedule(**values)


def test_it_comes_back_from_json() -> None:
    schedule = Schedule(cron="5 4 * * *", timezone="Asia/Tokyo", params={"a": [1]})
    newer = {**schedule.to_json(), "unknown": 1}
    assert Schedule.from_json(newer) == schedule


def test_the_last_tick_of_a_long_time_is_found_from_its_end() -> None:
    minutely = Schedule(cron="* * * * *")
    years = timedelta(days=3650, seconds=7)
    last = minutely.last_tick(since=START, until=START + years, anchor=START)
    assert last == START + years - timedelta(seconds=7)
    leap = Schedule(cron="0 0 29 2 *")
    since = datetime(2024, 2, 29, tzinfo=UTC)
    until = datetime(2028, 2, 28, tzinfo=UTC)
    assert leap.last_tick(since=since, until=until, anchor=since) == since


def test_long_times_without_a_tick_are_passed_over(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A Monday that is a 29th of February comes each 28 years."""
    walked = count()
    stretch = schedules._stretch

    def counted(zone: tzinfo, start: datetime) -> tuple[timedelta, datetime]:
        next(walked)
        return stretch(zone, start)

    monkeypatch.setattr(schedules, "_stretch", counted)
    rare = Schedule(cron="*/30 0 * 2 MON#5", timezone="Europe/Berlin")
    found = [tick.isoformat() for tick in rare.upcoming(5, after=START)]
    assert found == [
        "2044-02-29T00:00:00+01:00",
        "2044-02-29T00:30:00+01:00",
        "2072-02-29T00:00:00+01:00",
        "2072-02-29T00:30:00+01:00",
        "2112-02-29T00:00:00+01:00",
    ]
    assert next(walked) < 20


def test_the_calendar_ends_and_so_do_the_ticks() -> None:
    late = datetime(9999, 12, 30, tzinfo=UTC)
    for zone in ("UTC", "Europe/Berlin"):
        for cron in ("0 0 * * *", "* * * * *"):
            schedule = Schedule(cron=cron, timezone=zone)
            assert len(list(schedule.ticks(after=late, anchor=START))) < 3000
