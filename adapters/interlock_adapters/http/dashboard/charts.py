"""The numbers and the geometry of the charts of throughput and duration."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from interlock.core.lifecycle import TERMINAL, JobStatus
from interlock.core.records import EndedJob

MINUTES: Final = 30
WIDTH, HEIGHT = 600, 120
_STEP: Final = WIDTH // MINUTES
_BY: Final = timedelta(minutes=1)
SPAN: Final = MINUTES * _BY


@dataclass(frozen=True, slots=True, kw_only=True)
class Bar:
    """The jobs of one status that ended in one minute."""

    status: JobStatus
    count: int
    x: int
    y: float
    width: int
    height: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Charts:
    """The charts of the overview."""

    bars: Sequence[Bar]
    highest: int  # jobs a minute, at the top of the chart
    per_minute: float
    totals: Sequence[tuple[JobStatus, int]]
    lines: Sequence[tuple[str, list[str], float | None]]  # points; seconds of the last
    longest_s: float  # at the top of the chart


def charts(endings: Sequence[EndedJob], *, now: datetime) -> Charts:
    """Return the charts of the last minutes."""
    minutes: list[list[EndedJob]] = [[] for _ in range(MINUTES)]
    for ending in endings:
        age = int((now - ending.finished_at) / _BY)
        if 0 <= age < MINUTES:
            minutes[MINUTES - 1 - age].append(ending)
    highest = max(1, *map(len, minutes))
    totals = Counter(ending.status for minute in minutes for ending in minute)
    quantiles = {
        name: [_quantile(minute, share) for minute in minutes]
        for name, share in (("p50", 0.5), ("p95", 0.95))
    }
    durations = [s for values in quantiles.values() for s in values if s is not None]
    longest = max(durations, default=1.0) or 1.0
    return Charts(
        bars=_bars(minutes, highest),
        highest=highest,
        per_minute=round(totals.total() / MINUTES, 1),
        totals=[(status, totals[status]) for status in JobStatus if totals[status]],
        lines=[
            (name, _points(values, longest), _last(values))
            for name, values in quantiles.items()
        ],
        longest_s=longest,
    )


def _bars(minutes: Sequence[Sequence[EndedJob]], highest: int) -> list[Bar]:
    bars = []
    for place, minute in enumerate(minutes):
        bottom = float(HEIGHT)
        counts = Counter(ending.status for ending in minute)
        for status in JobStatus:
            if status in TERMINAL and counts[status]:
                height = round(HEIGHT * counts[status] / highest, 2)
                bottom -= height
                bars.append(
                    Bar(
                        status=status,
                        count=counts[status],
                        x=place * _STEP + 1,
                        y=round(bottom, 2),
                        width=_STEP - 2,
                        height=height,
                    )
                )
    return bars


def _quantile(minute: Sequence[EndedJob], share: float) -> float | None:
    """Return the seconds within which this share of the jobs ran (nearest rank)."""
    durations = sorted(
        (ending.finished_at - ending.started_at).total_seconds()
        for ending in minute
        if ending.started_at is not None
    )
    return (
        durations[min(len(durations) - 1, int(share * len(durations)))]
        if durations
        else None
    )


def _points(values: Sequence[float | None], longest: float) -> list[str]:
    top, left = 4, _STEP // 2
    return [
        f"{place * _STEP + left},{HEIGHT - top - (HEIGHT - 2 * top) * s / longest:.1f}"
        for place, s in enumerate(values)
        if s is not None
    ]


def _last(values: Sequence[float | None]) -> float | None:
    return next((value for value in reversed(values) if value is not None), None)
