"""When a schedule is due: cron in a time zone, or every so often. Pure.

`cronsim` reads cron expressions and walks calendars without a zone. What a change of
clocks (DST) means is decided here, as Debian's cron(8) does it:

* A tick that names its minute and hour happens once a day. If that time does not exist,
  it happens when the clocks have been put forward; if it comes twice, the first time.
* Any other (`*` begins its minute or hour) happens whenever a clock on the wall shows a
  time that fits: as often as there are such minutes in that day.

One file, because what a schedule says and how its ticks are found are read together.
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta, timezone, tzinfo
from functools import lru_cache
from itertools import islice
from typing import TYPE_CHECKING, Any, Final, Literal, get_args

from interlock.core.errors import InvalidOption
from interlock.core.retry import MAX_SECONDS

if TYPE_CHECKING:
    from cronsim import CronSim

Catchup = Literal["latest", "skip", "all"]
Overlap = Literal["allow", "skip", "replace"]

#: Words for cron expressions: crontab(5), "Extensions".
NICKNAMES: Final[Mapping[str, str]] = {
    "@hourly": "0 * * * *",
    "@daily": "0 0 * * *",
    "@weekly": "0 0 * * 0",
    "@monthly": "0 0 1 * *",
    "@yearly": "0 0 1 1 *",
}
_FIELDS: Final = 5
_UNITS: Final = {"d": 86_400, "h": 3600, "m": 60, "s": 1}
_EVERY: Final = re.compile(r"(?:([0-9]+)d)?(?:([0-9]+)h)?(?:([0-9]+)m)?(?:([0-9]+)s)?")
_STRETCH_DAYS: Final = 32  # the longest time that is walked in one calendar
_DAY: Final = timedelta(days=1)
_SECOND: Final = timedelta(seconds=1)
_SOME_DAY: Final = datetime(2024, 1, 1)  # noqa: DTZ001  (a time on the wall)


@dataclass(frozen=True, slots=True, kw_only=True)
class Schedule:
    """When a job runs, again and again: `cron` or `every`, one of the two.

    Args:
        cron: five fields (minute, hour, day of the month, month, day of the week), or
            @hourly, @daily, @weekly, @monthly, @yearly.
        every: days, hours, minutes, seconds, such as "1h30m" or "10s": one second to
            ten years of elapsed time, counted from the creation of the schedule.
        timezone: a name of the IANA database; `cron` is read in it.
        catchup: what to do with ticks that no worker was there for. "latest": run the
            newest one, "all": each of them, "skip": none that is over a minute late.
        overlap: what to do with a tick while a job of the schedule has not ended.
            "allow": start another, "skip": leave the tick out, "replace": cancel the
            job, and start another when it has ended.
        params: the parameters of its jobs.

    Raises:
        InvalidOption: a value is out of its range.
    """

    cron: str | None = None
    every: str | None = None
    timezone: str = "UTC"
    catchup: Catchup = "latest"
    overlap: Overlap = "allow"
    params: Mapping[str, object] = field(default_factory=dict[str, object])

    def __post_init__(self) -> None:
        if (self.cron is None) == (self.every is None):
            given = {"cron": self.cron, "every": self.every}
            allowed = 'cron="0 2 * * *" or every="1h30m", one of the two'
            raise InvalidOption("schedule", given, allowed)
        for option in ("cron", "every", "timezone"):
            value = getattr(self, option)
            if not isinstance(value, str | None):
                raise InvalidOption(option, value, "a text")
        _zone(self.timezone)
        if self.cron is not None:
            _expression(self.cron)
        else:
            duration("every", self.every or "")
        for option, words in (("catchup", Catchup), ("overlap", Overlap)):
            value = getattr(self, option)
            if not isinstance(value, str) or value not in get_args(words):
                allowed = " or ".join(f'"{word}"' for word in get_args(words))
                raise InvalidOption(option, value, allowed)
        if not isinstance(self.params, Mapping):
            raise InvalidOption("params", self.params, "a mapping of names to values")

    def to_json(self) -> dict[str, object]:
        """Return the schedule as JSON values, for `from_json`, if its params are."""
        values = {name: getattr(self, name) for name in self.__dataclass_fields__}
        return {**values, "params": dict(self.params)}

    @staticmethod
    def from_json(stored: Mapping[str, Any]) -> "Schedule":
        """Return a stored schedule."""
        known = Schedule.__dataclass_fields__
        return Schedule(**{k: v for k, v in stored.items() if k in known})

    @property
    def rhythm(self) -> str:
        """The cron expression, or "every ...", with the zone."""
        if self.cron is None:
            return f"every {self.every}"
        return f"{self.cron} {self.timezone}"

    def wall_time(self, moment: datetime) -> datetime:
        """Return a moment as a clock in the schedule's zone shows it, with the offset.

        The offset alone: by PEP 495 a time that comes twice in a zone equals no other.
        """
        offset = _offset(_zone(self.timezone), moment)
        return moment.astimezone(timezone(offset))

    def ticks(self, *, after: datetime, anchor: datetime) -> Iterator[datetime]:
        """Yield every tick after a moment, in UTC, in order; without an end.

        `every` counts from the anchor.
        """
        if self.cron is None:
            return _counted(duration("every", self.every or ""), after, anchor)
        return _of_cron(self.cron, _zone(self.timezone), after)

    def next_tick(self, *, after: datetime, anchor: datetime) -> datetime | None:
        """Return the first tick after a moment, None if there is none any more."""
        return next(self.ticks(after=after, anchor=anchor), None)

    def upcoming(
        self, n: int, *, after: datetime, anchor: datetime | None = None
    ) -> list[datetime]:
        """Return the next ticks, in the zone; the default of `anchor` is `after`."""
        anchor = anchor or after.replace(microsecond=0)
        ticks = self.ticks(after=after, anchor=anchor)
        return [self.wall_time(tick) for tick in islice(ticks, n)]

    def due(
        self, *, since: datetime, until: datetime, anchor: datetime, limit: int
    ) -> list[datetime]:
        """Return the ticks from `since` to `until`, both included; the first ones."""
        found: list[datetime] = []
        just_before = since - _SECOND
        for tick in islice(self.ticks(after=just_before, anchor=anchor), limit + 1):
            if tick > until or len(found) == limit:
                break
            if tick >= since:
                found.append(tick)
        return found

    def last_tick(
        self, *, since: datetime, until: datetime, anchor: datetime
    ) -> datetime:
        """Return the newest tick until a moment, `since` if there is none after it.

        It looks at ever longer times before the end, and so never at all ticks.
        """
        span = timedelta(minutes=1)
        while span < until - since:
            last = None
            for tick in self.ticks(after=until - span, anchor=anchor):
                if tick > until:
                    break
                last = tick
            if last is not None:
                return last
            span *= 4
        found = self.due(since=since, until=until, anchor=anchor, limit=10**6)
        return found[-1] if found else since


def _counted(step: timedelta, after: datetime, anchor: datetime) -> Iterator[datetime]:
    tick = anchor + step * max(1, (after - anchor) // step + 1)
    while True:
        yield tick
        tick += step


def _of_cron(cron: str, zone: tzinfo, after: datetime) -> Iterator[datetime]:
    """Yield the ticks of a cron expression, until the calendar ends."""
    expression = NICKNAMES.get(cron, cron)
    minute, hour = expression.split()[:2]
    is_fixed = not (minute.startswith("*") or hour.startswith("*"))
    walk = _once_a_day if is_fixed else _by_the_clock
    try:
        yield from walk(expression, zone, after)
    except (OverflowError, ValueError):  # the year 9999
        return


def _once_a_day(expression: str, zone: tzinfo, after: datetime) -> Iterator[datetime]:
    last = after
    start = after.astimezone(zone).replace(tzinfo=None)
    for wall in _calendar(expression, start):
        tick = wall.replace(tzinfo=zone).astimezone(UTC)
        if tick.astimezone(zone).replace(tzinfo=None) != wall:  # it does not exist
            tick = _change(zone, tick - _DAY, tick)
        if tick > last:  # others of the same gap are the same tick
            yield tick
            last = tick


def _by_the_clock(expression: str, zone: tzinfo, after: datetime) -> Iterator[datetime]:
    """Walk one stretch after the other in which the clocks are not changed."""
    start = after.astimezone(UTC)
    while True:
        offset, end = _stretch(zone, start)
        wall = (start + offset).replace(tzinfo=None)
        for shown in _calendar(expression, wall):
            tick = shown.replace(tzinfo=UTC) - offset
            if tick >= end:
                break
            yield tick
        else:  # no day of the next fifty years fits
            return
        # A tick may be at the very end; none is long before what the calendar shows.
        start = max(end, tick - 2 * _DAY) - _SECOND


def _stretch(zone: tzinfo, start: datetime) -> tuple[timedelta, datetime]:
    """Return the offset after `start`, and a time until which it stays the same.

    `start` itself is no part of it: it may be the last second of another one.
    """
    first = start.replace(microsecond=0) + _SECOND
    offset = _offset(zone, first)
    for _ in range(_STRETCH_DAYS):
        following = first + _DAY
        if _offset(zone, following) != offset:
            return offset, _change(zone, first, following)
        first = following
    return offset, first


def _offset(zone: tzinfo, moment: datetime) -> timedelta:
    offset = moment.astimezone(zone).utcoffset()
    assert offset is not None  # noqa: S101  (of an aware datetime)
    return offset


def _change(zone: tzinfo, low: datetime, high: datetime) -> datetime:
    """Return when the offset changes between two moments, to the second."""
    before = _offset(zone, low)
    while high - low > _SECOND:
        middle = low + timedelta(seconds=(high - low) // _SECOND // 2)
        if _offset(zone, middle) == before:
            low = middle
        else:
            high = middle
    return high


def _calendar(expression: str, wall: datetime) -> "CronSim":
    """Return the times after another that fit an expression, without a zone."""
    from cronsim import CronSim  # noqa: PLC0415  (processes without schedules need none)

    return CronSim(expression, wall)


@lru_cache(maxsize=1024)
def _expression(cron: str) -> None:
    """Check a cron expression. Raises InvalidOption."""
    from cronsim import CronSimError  # noqa: PLC0415  (likewise)

    words = ", ".join(NICKNAMES)
    allowed = f"five fields (minute hour day month weekday), or {words}"
    expression = NICKNAMES.get(cron, cron)
    if len(expression.split()) != _FIELDS or not expression.isascii():
        if len(expression.split()) == _FIELDS + 1:
            allowed += '; for seconds: every="10s"'
        raise InvalidOption("cron", cron, allowed)
    try:
        first = next(_calendar(expression, _SOME_DAY), None)
    except CronSimError as error:
        why = str(error).replace("Bad", "a valid").lower()
        raise InvalidOption("cron", cron, f"{why}: {allowed}") from None
    if first is None:
        raise InvalidOption("cron", cron, "a day that exists: this one never comes")


@lru_cache(maxsize=1024)
def duration(option: str, text: str) -> timedelta:
    """Return a duration such as "1h30m". Raises InvalidOption."""
    found = _EVERY.fullmatch(text)
    seconds = 0
    if found is not None:
        counts = zip(found.groups(), _UNITS.values(), strict=True)
        seconds = sum(int(count or 0) * unit for count, unit in counts)
    if not 1 <= seconds <= MAX_SECONDS:
        allowed = '"1h30m", "10s" or the like: one second to ten years'
        raise InvalidOption(option, text, allowed)
    return timedelta(seconds=seconds)


@lru_cache(maxsize=1024)
def _zone(name: str) -> tzinfo:
    """Return a time zone. Raises InvalidOption."""
    if name == "UTC":
        return UTC
    from zoneinfo import ZoneInfo  # noqa: PLC0415  (processes without schedules need none)

    try:
        return ZoneInfo(name)
    except (ValueError, TypeError, OSError, LookupError):
        allowed = 'a time zone of the IANA database, such as "Europe/Berlin"'
        raise InvalidOption("timezone", name, allowed) from None
