"""The live state diagram: where the statuses of the table stand, and what joins them.

Computed from the table alone, as `diagrams/` is: a status or an event that is added
there appears here.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cache
from typing import Final

from interlock.core.job import HistoryEntry
from interlock.core.lifecycle import EDGES, INITIAL, STATUS_MEANING, TERMINAL, JobStatus

Pair = tuple[JobStatus, JobStatus]

WIDTH, HEIGHT = 900, 400
_BOX: Final = (150, 62)
_COLUMNS: Final = (20, 340, 730)
_TOP: Final = 10


@dataclass(frozen=True, slots=True, kw_only=True)
class Node:
    """A status: its box by its upper left corner."""

    status: JobStatus
    meaning: str
    x: int
    y: int
    ends: bool
    width: int = _BOX[0]
    height: int = _BOX[1]


@dataclass(frozen=True, slots=True, kw_only=True)
class Edge:
    """All events between two statuses: one arrow, with their names beside it."""

    pair: Pair
    events: tuple[str, ...]
    path: str
    x: int
    y: int


@cache
def nodes() -> tuple[Node, ...]:
    """Return every status in its place: beginning, middle and ends from left."""
    columns: dict[int, list[JobStatus]] = {0: [], 1: [], 2: []}
    for status in JobStatus:
        column = 2 if status in TERMINAL else int(status is not INITIAL)
        columns[column].append(status)
    return tuple(
        Node(
            status=status,
            meaning=STATUS_MEANING[status],
            x=_COLUMNS[column],
            y=_TOP
            + round((place + 0.5) * (HEIGHT - 2 * _TOP) / len(inside) - _BOX[1] / 2),
            ends=status in TERMINAL,
        )
        for column, inside in columns.items()
        for place, status in enumerate(inside)
    )


@cache
def edges() -> tuple[Edge, ...]:
    """Return every arrow, in the order of the table."""
    at = {node.status: node for node in nodes()}
    by_pair: dict[Pair, list[str]] = {}
    for row in EDGES:
        by_pair.setdefault((row.source, row.target), []).append(row.event.value)
    return tuple(
        _edge(at[pair[0]], at[pair[1]], tuple(events))
        for pair, events in by_pair.items()
    )


def _edge(source: Node, target: Node, events: tuple[str, ...]) -> Edge:
    left, top = source.x + source.width, source.y + source.height // 2
    right, middle = target.x, target.y + target.height // 2
    if target.x < source.x:  # back: over the top
        begin, end = source.x + source.width // 2, target.x + target.width // 2
        over = source.y - 110
        path = f"M{begin} {source.y} C{begin} {over} {end} {over} {end} {target.y}"
        x, y = (begin + end) // 2, source.y - 92
    elif target.x - source.x > _COLUMNS[2] - _COLUMNS[1]:  # past a column: below it
        begin, bottom = source.x + source.width // 2, source.y + source.height
        path = f"M{begin} {bottom} C{begin} {middle + 60} 420 {middle} {right} {middle}"
        x, y = (begin + right) // 2 - 90, middle + 4
    else:
        half = (left + right) // 2
        path = f"M{left} {top} C{half} {top} {half} {middle} {right} {middle}"
        x, y = right - 14 if middle != top else (left + right) // 2, middle - 10
    pair = (source.status, target.status)
    return Edge(pair=pair, events=events, path=path, x=x, y=y)


def walked(history: Iterable[HistoryEntry]) -> Mapping[Pair, int]:
    """Return how often a job went along each arrow."""
    times: dict[Pair, int] = {}
    for entry in history:
        if entry.source is not None and entry.source is not entry.target:
            pair = (entry.source, entry.target)
            times[pair] = times.get(pair, 0) + 1
    return times
