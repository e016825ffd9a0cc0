"""A schedule's day: the ticks that were, and those to come, as places on a line."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Final

from interlock.core.ticks import Tick, TickOutcome
from interlock_adapters.http.dashboard import words

TICKS: Final = 100  # of a day that are shown
_DAY: Final = timedelta(days=1)


@dataclass(frozen=True, slots=True)
class Mark:
    """One tick: percent of the day, when, whether it was fired, what to say."""

    x: float
    at: datetime
    ran: bool
    text: str  # begins with the time in UTC


@dataclass(frozen=True, slots=True)
class Day:
    """The ticks of today in UTC."""

    past: Sequence[Mark]
    coming: Sequence[Mark]
    now: float


def day(ticks: Iterable[Tick], coming: Iterable[datetime], *, now: datetime) -> Day:
    """Return the day of a schedule."""
    start = now.astimezone(UTC).replace(hour=0, minute=0, second=0, microsecond=0)

    def place(moment: datetime) -> float:
        return round(100 * ((moment - start) / _DAY), 2)

    return Day(
        past=[
            Mark(
                place(tick.due_at),
                tick.due_at,
                tick.outcome is TickOutcome.FIRED,
                f"{words.clock(tick.due_at)} UTC: {tick.outcome}"
                + (f", {tick.why}" if tick.why else ""),
            )
            for tick in ticks
            if tick.due_at >= start
        ],
        coming=[
            Mark(place(at), at, ran=False, text=f"{words.clock(at)} UTC")
            for at in coming
            if at < start + _DAY
        ],
        now=place(now),
    )
