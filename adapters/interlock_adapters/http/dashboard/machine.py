"""The states as a track plan: where each stands, and what joins them.

Laid out from the table of transitions alone. The beginning, the state between and the
first end stand on the main line; other ends leave it by one ladder; what goes back runs
over the top, and what skips a column below everything. Labels stand above their own
track's horizontal part, where no other track is.
"""

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cache
from typing import Final

from interlock.core.job import HistoryEntry
from interlock.core.lifecycle import (
    EDGES,
    INITIAL,
    STATUS_MEANING,
    TERMINAL,
    Event,
    JobStatus,
    row_of,
)

Pair = tuple[JobStatus, JobStatus]

#: Of a wide plan, and of a tall one for phones.
WIDE: Final = (916, 268)
TALL: Final = (358, 430)
_BOX: Final = (178, 36)
_PITCH: Final = 46
_CORNER: Final = 14
_X: Final = (4, 312, 722)
_Y: Final = 70
_LADDER: Final = _X[1] + _BOX[0] + 26
_OVER, _BELOW = _BOX[1] / 2 + 30, _BOX[1] / 2 + 32
_TALL_BOX: Final = 38
_TALL_PITCH: Final = 50
_TALL_CORNER: Final = 10
_TRUNK: Final = 92
_MIDDLE: Final = next(s for s in JobStatus if s not in TERMINAL and s is not INITIAL)
_ENDS: Final = [status for status in JobStatus if status in TERMINAL]
#: Plain words for the arrows; the names of the events stand in the title.
_WORDS: Final = {
    (row_of(event).source, row_of(event).target): words
    for event, words in (
        (Event.CLAIM, "started"),
        (Event.CANCEL, "canceled before start"),
        (Event.RETRY, "back in line"),
        (Event.SUCCEED, "finished"),
        (Event.FAIL, "failed"),
        (Event.TIME_OUT, "ran too long"),
        (Event.FINISH_CANCEL, "stopped on request"),
    )
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Box:
    """A state, by its upper left corner."""

    status: JobStatus
    meaning: str
    x: float
    y: float
    width: float
    height: float
    ends: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Track:
    """All events between two states: one arrow, its tip, and its words."""

    pair: Pair
    words: str
    events: tuple[str, ...]
    path: str
    tip: str
    x: float
    y: float
    anchor: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """A drawing of the machine."""

    kind: str
    width: int
    height: int
    boxes: tuple[Box, ...]
    tracks: tuple[Track, ...]  # far ones first: the main line is drawn last, on top


def weight(per_minute: float) -> float:
    """Return the width of a track with so many transitions a minute."""
    return round(2 + min(4.5, 1.9 * math.log10(1 + per_minute)), 1)


def walked(history: Iterable[HistoryEntry]) -> Mapping[Pair, int]:
    """Return how often a job went along each track."""
    times: dict[Pair, int] = {}
    for entry in history:
        if entry.source is not None and entry.source is not entry.target:
            pair = (entry.source, entry.target)
            times[pair] = times.get(pair, 0) + 1
    return times


@cache
def plans() -> tuple[Plan, Plan]:
    """Return the wide plan and the tall one."""
    wide = _boxes({INITIAL: (_X[0], _Y), _MIDDLE: (_X[1], _Y)}, _X[2], _BOX)
    tall = _tall_boxes()
    return (
        Plan(
            kind="wide",
            width=WIDE[0],
            height=WIDE[1],
            boxes=tuple(wide.values()),
            tracks=tuple(_wide(pair, wide) for pair in _pairs(wide)),
        ),
        Plan(
            kind="tall",
            width=TALL[0],
            height=TALL[1],
            boxes=tuple(tall.values()),
            tracks=tuple(_tall(pair, tall) for pair in _pairs(tall)),
        ),
    )


def _boxes(
    places: Mapping[JobStatus, tuple[float, float]],
    right: float,
    size: tuple[float, float],
) -> dict[JobStatus, Box]:
    every = {**places}
    for row, status in enumerate(_ENDS):
        every[status] = (right, _Y + row * _PITCH)
    return {
        status: _box(status, x, middle, size) for status, (x, middle) in every.items()
    }


def _tall_boxes() -> dict[JobStatus, Box]:
    wide, narrow = (190.0, float(_TALL_BOX)), (178.0, float(_TALL_BOX))
    found = {
        INITIAL: _box(INITIAL, 64, 34, wide),
        _MIDDLE: _box(_MIDDLE, 64, 130, wide),
    }
    for row, status in enumerate(_ENDS):
        found[status] = _box(status, 166, 214 + row * _TALL_PITCH, narrow)
    return found


def _box(status: JobStatus, x: float, middle: float, size: tuple[float, float]) -> Box:
    return Box(
        status=status,
        meaning=STATUS_MEANING[status],
        x=x,
        y=middle - size[1] / 2,
        width=size[0],
        height=size[1],
        ends=status in TERMINAL,
    )


def _pairs(boxes: Mapping[JobStatus, Box]) -> list[Pair]:
    pairs = dict.fromkeys((row.source, row.target) for row in EDGES)
    return sorted(pairs, key=lambda pair: -boxes[pair[1]].y)


def _arrow(x: float, y: float, towards: str) -> str:
    head = {
        "right": "l-9 -5.5v11z",
        "down": "l-5.5 -9h11z",
        "up": "l-5.5 9h11z",
        "left": "l9 -5.5v11z",
    }
    return f"M{x:g} {y:g}{head[towards]}"


def _track(
    pair: Pair, path: str, tip: str, at: tuple[float, float], anchor: str = "start"
) -> Track:
    events = [row.event.value for row in EDGES if (row.source, row.target) == pair]
    return Track(
        pair=pair,
        words=_WORDS.get(pair, ", ".join(events)),
        events=tuple(events),
        path=path,
        tip=tip,
        x=at[0],
        y=at[1],
        anchor=anchor,
    )


def _wide(pair: Pair, boxes: Mapping[JobStatus, Box]) -> Track:
    source, target = boxes[pair[0]], boxes[pair[1]]
    c, half = _CORNER, _BOX[1] / 2
    sy, ty = source.y + half, target.y + half
    right = source.x + source.width
    if pair[1] is INITIAL:  # back: over the top
        a, b = source.x + source.width / 2, target.x + target.width / 2
        top = _Y - _OVER
        path = (
            f"M{a:g} {sy - half:g}V{top + c:g}l{-c} {-c}H{b + c:g}l{-c} {c}"
            f"V{ty - half - 8:g}"
        )
        tip = _arrow(b, ty - half - 1, "down")
        return _track(pair, path, tip, ((a + b) / 2, top - 8), "middle")
    if pair[0] is INITIAL and target.ends:  # past a column: below everything
        a, b = source.x + source.width / 2 - 50, target.x + target.width / 2
        low = max(box.y for box in boxes.values()) + half + _BELOW
        path = (
            f"M{a:g} {sy + half:g}V{low - c:g}l{c} {c}H{b - c:g}l{c} {-c}"
            f"V{ty + half + 8:g}"
        )
        tip = _arrow(b, ty + half + 1, "up")
        return _track(pair, path, tip, (_LADDER + 22, low - 8))
    tip = _arrow(target.x - 1, ty, "right")
    if sy == ty:
        path = f"M{right:g} {sy:g}H{target.x - 8:g}"
        if source.status is _MIDDLE:
            return _track(pair, path, tip, (_LADDER + 22, ty - 9))
        return _track(pair, path, tip, ((right + target.x) / 2, ty - 9), "middle")
    path = (
        f"M{right:g} {sy:g}H{_LADDER - c:g}l{c} {c}V{ty - c:g}l{c} {c}H{target.x - 8:g}"
    )
    return _track(pair, path, tip, (_LADDER + 22, ty - 9))


def _tall(pair: Pair, boxes: Mapping[JobStatus, Box]) -> Track:
    source, target = boxes[pair[0]], boxes[pair[1]]
    c, half = _TALL_CORNER, _TALL_BOX / 2
    sy, ty = source.y + half, target.y + half
    if pair[1] is INITIAL:
        right = source.x + source.width + 32
        path = (
            f"M{right - 32:g} {sy:g}H{right - c:g}l{c} {-c}V{ty + c:g}l{-c} {-c}"
            f"H{target.x + target.width + 8:g}"
        )
        tip = _arrow(target.x + target.width + 1, ty, "left")
        return _track(pair, path, tip, (right + 10, (sy + ty) / 2 + 5))
    if pair[0] is INITIAL and target.ends:
        left, b = 22.0, target.x + target.width / 2
        low = ty + half + 30
        path = (
            f"M{source.x:g} {sy:g}H{left + c:g}l{-c} {c}V{low - c:g}l{c} {c}"
            f"H{b - c:g}l{c} {-c}V{ty + half + 8:g}"
        )
        tip = _arrow(b, ty + half + 1, "up")
        return _track(pair, path, tip, (left + 16, low - 9))
    if target.status is _MIDDLE:
        x = source.x + source.width / 2
        path = f"M{x:g} {sy + half:g}V{ty - half - 8:g}"
        tip = _arrow(x, ty - half - 1, "down")
        return _track(pair, path, tip, (x + 14, (sy + ty) / 2 + 4))
    path = f"M{_TRUNK} {sy + half:g}V{ty - c:g}l{c} {c}H{target.x - 8:g}"
    tip = _arrow(target.x - 1, ty, "right")
    return _track(pair, path, tip, (_TRUNK + 13, ty - 9))
