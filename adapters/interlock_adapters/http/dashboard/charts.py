"""The numbers and the geometry of the charts of throughput and duration.

Plots are drawn in percent of their width and height; texts stand around them.
"""

import math
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from interlock.core.lifecycle import TERMINAL, Event, JobStatus, row_of
from interlock.core.records import EndedJob
from interlock_adapters.http.dashboard import words

_SUCCEEDED: Final = row_of(Event.SUCCEED).target
_BAD: Final = [s for s in JobStatus if s in TERMINAL and s is not _SUCCEEDED]
_FAILED: Final = [row_of(event).target for event in (Event.FAIL, Event.TIME_OUT)]
SPARKS: Final = 14  # parts of a spark
_TICKS: Final = 6  # of the axis of time
_WHOLE: Final = 100.0
#: Round tops of a scale, times powers of ten.
_ROUND: Final = (1, 2, 3, 5, 10)


@dataclass(frozen=True, slots=True, kw_only=True)
class Window:
    """A stretch of time up to now, in buckets."""

    key: str
    label: str
    bucket: timedelta
    buckets: int

    @property
    def span(self) -> timedelta:
        """The whole stretch."""
        return self.bucket * self.buckets

    @property
    def is_days(self) -> bool:
        """Whether it is longer than a day, so that its axis has dates."""
        return self.span > timedelta(days=1)

    @property
    def a_bucket(self) -> str:
        """What one bar counts: `a minute`, `in 30 min`."""
        if self.bucket == timedelta(minutes=1):
            return "a minute"
        return f"in {words.span(self.bucket)}"


WINDOWS: Final = {
    window.key: window
    for window in (
        Window(key="1h", label="1 hour", bucket=timedelta(minutes=1), buckets=60),
        Window(key="24h", label="24 hours", bucket=timedelta(minutes=30), buckets=48),
        Window(key="7d", label="7 days", bucket=timedelta(hours=3), buckets=56),
    )
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Bar:
    """The jobs of one status that ended in one bucket."""

    status: JobStatus
    x: float
    y: float
    width: float
    height: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Plot:
    """A plot with its axes: texts from the bottom up, and from the left."""

    unit: str
    ticks: Sequence[str]
    bars: Sequence[Bar] = ()
    lines: Sequence[tuple[str, str]] = ()  # class, path


@dataclass(frozen=True, slots=True, kw_only=True)
class Hit:
    """A bucket, and what it says when one points at it."""

    x: float
    width: float
    at: datetime
    text: str  # begins with the time in UTC


@dataclass(frozen=True, slots=True, kw_only=True)
class Charts:
    """The charts of the jobs that ended in a window."""

    window: Window
    good: Plot
    bad: Plot
    durations: Plot
    times: Sequence[datetime]  # of the axis
    hits: Sequence[Hit]
    durations_hits: Sequence[Hit]
    totals: Counter[JobStatus]
    p50: float | None  # seconds
    p95: float | None

    @property
    def ended(self) -> int:
        """How many jobs ended."""
        return self.totals.total()

    @property
    def per_minute(self) -> float:
        """Jobs that ended a minute."""
        return self.ended / (self.window.span / timedelta(minutes=1))

    @property
    def failed(self) -> int:
        """How many failed or ran too long."""
        return sum(self.totals[status] for status in _FAILED)

    @property
    def failure_share(self) -> str:
        """Their share of all that ended."""
        return words.share(self.failed, self.ended)


def charts(endings: Iterable[EndedJob], window: Window, *, now: datetime) -> Charts:
    """Return the charts of a window."""
    buckets: list[list[EndedJob]] = [[] for _ in range(window.buckets)]
    for ending in endings:
        age = int((now - ending.finished_at) / window.bucket)
        if 0 <= age < window.buckets:
            buckets[window.buckets - 1 - age].append(ending)
    counts = [Counter(ending.status for ending in bucket) for bucket in buckets]
    runs = [_runs(bucket) for bucket in buckets]
    every = sorted(seconds for bucket in runs for seconds in bucket)
    start = now - window.span
    moments = [start + window.bucket * at for at in range(window.buckets)]
    return Charts(
        window=window,
        good=_stacked(counts, [_SUCCEEDED], f"Succeeded, {window.a_bucket}"),
        bad=_stacked(
            counts,
            _BAD,
            f"Everything else that ended, {window.a_bucket}; its own scale",
        ),
        durations=_durations(runs),
        times=[start + window.span * at / _TICKS for at in range(_TICKS + 1)],
        hits=_hits(moments, lambda at: _counted(counts[at])),
        durations_hits=_hits(moments, lambda at: _quantiles(runs[at])),
        totals=sum(counts, Counter[JobStatus]()),
        p50=quantile(every, 0.5),
        p95=quantile(every, 0.95),
    )


def spark(moments: Sequence[datetime], now: datetime) -> list[float]:
    """Return how many moments are in each part of the time since the first one.

    In percent of the most.
    """
    first = min(moments)
    whole = max((now - first).total_seconds(), 1.0)
    counts = [0] * SPARKS
    for moment in moments:
        part = (moment - first).total_seconds() / whole
        counts[min(SPARKS - 1, int(part * SPARKS))] += 1
    return [round(100 * count / max(counts), 1) for count in counts]


def quantile(ordered: Sequence[float], part: float) -> float | None:
    """Return the value below which this part of ordered ones lies (nearest rank)."""
    if not ordered:
        return None
    return ordered[min(len(ordered) - 1, int(part * len(ordered)))]


def _runs(bucket: Iterable[EndedJob]) -> list[float]:
    return sorted(
        (ending.finished_at - ending.started_at).total_seconds()
        for ending in bucket
        if ending.started_at is not None
    )


def _top(highest: float) -> int:
    """Return the top of a scale, a round number."""
    least = max(1.0, highest)
    power = 10 ** int(math.log10(least))
    return int(next(step * power for step in _ROUND if step * power >= least))


def _stacked(
    counts: Sequence[Counter[JobStatus]], statuses: Sequence[JobStatus], unit: str
) -> Plot:
    width = _WHOLE / len(counts)
    highest = max(sum(each[status] for status in statuses) for each in counts)
    top = _top(highest)
    bars = []
    for place, each in enumerate(counts):
        bottom = _WHOLE
        for status in statuses:
            if each[status]:
                height = _WHOLE * each[status] / top
                bottom -= height
                bars.append(
                    Bar(
                        status=status,
                        x=round(place * width + width / 10, 2),
                        y=round(bottom, 2),
                        width=round(width * 0.8, 2),
                        height=round(height, 2),
                    )
                )
    middle = [f"{top // 2:,}"] if top % 2 == 0 else []
    return Plot(unit=unit, ticks=["0", *middle, f"{top:,}"], bars=bars)


def _durations(runs: Sequence[Sequence[float]]) -> Plot:
    values = {
        name: [quantile(bucket, part) for bucket in runs]
        for name, part in (("p95", 0.95), ("p50", 0.5))
    }
    seen = [max(s, 0.001) for line in values.values() for s in line if s is not None]
    low = math.floor(math.log10(min(seen, default=0.1)))
    high = max(low + 1, math.ceil(math.log10(max(seen, default=1.0))))
    return Plot(
        unit="From start to end, log scale",
        ticks=[_power(exponent) for exponent in range(low, high + 1)],
        lines=[(name, _line(line, low, high)) for name, line in values.items()],
    )


def _power(exponent: int) -> str:
    return f"{10**exponent:,} s" if exponent >= 0 else f"{10 ** (exponent + 3):g} ms"


def _line(values: Sequence[float | None], low: int, high: int) -> str:
    """Return a path through the values; where there is none, it is broken."""
    width = _WHOLE / len(values)
    parts, is_drawing = [], False
    for place, seconds in enumerate(values):
        if seconds is None:
            is_drawing = False
            continue
        up = (math.log10(max(seconds, 0.001)) - low) / (high - low)
        x, y = (place + 0.5) * width, _WHOLE * (1 - up)
        parts.append(f"{'L' if is_drawing else 'M'}{x:.2f} {y:.2f}")
        is_last = place + 1 == len(values) or values[place + 1] is None
        if not is_drawing and is_last:  # alone: a short dash
            parts.append(f"h{width / 2:.2f}")
        is_drawing = True
    return "".join(parts)


def _hits(moments: Sequence[datetime], text: Callable[[int], str]) -> list[Hit]:
    width = _WHOLE / len(moments)
    return [
        Hit(
            x=round(at * width, 2),
            width=round(width, 2),
            at=moment,
            text=f"{words.stamp(moment)[5:16]} UTC: {text(at)}",
        )
        for at, moment in enumerate(moments)
    ]


def _counted(counts: Counter[JobStatus]) -> str:
    told = [f"{counts[status]:,} {status}" for status in JobStatus if counts[status]]
    return ", ".join(told) or "nothing ended"


def _quantiles(bucket: Sequence[float]) -> str:
    if not bucket:
        return "nothing ended"
    low, high = quantile(bucket, 0.5), quantile(bucket, 0.95)
    return f"p50 {words.span(low)}, p95 {words.span(high)}"
