"""Jobs that wait for each other as a graph: columns by how much comes before."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from interlock.core.dependencies import Graph
from interlock.core.job import Job

_BOX: Final = (184, 46)
_GAP: Final = (56, 14)
_BEND: Final = 8
_PAD: Final = 4
MOST: Final = 40  # jobs that are drawn


@dataclass(frozen=True, slots=True)
class Node:
    """A job, by its upper left corner."""

    job: Job
    x: int
    y: int


@dataclass(frozen=True, slots=True)
class Dag:
    """The drawing. `columns` are the same jobs as lists, for narrow screens."""

    nodes: Sequence[Node]
    paths: Sequence[str]
    columns: Sequence[Sequence[Job]]
    width: int
    height: int
    is_whole: bool
    box: tuple[int, int] = _BOX


def dag(graph: Graph) -> Dag:
    """Lay a graph out from left to right: what is waited for, then who waits."""
    columns = _columns(graph)
    tallest = max(len(column) for column in columns)
    step_x, step_y = _BOX[0] + _GAP[0], _BOX[1] + _GAP[1]
    nodes = {
        job.id: Node(
            job,
            _PAD + at * step_x,
            _PAD + row * step_y + (tallest - len(column)) * step_y // 2,
        )
        for at, column in enumerate(columns)
        for row, job in enumerate(column)
    }
    return Dag(
        nodes=list(nodes.values()),
        paths=[
            _path(nodes[edge.parent_id], nodes[edge.job_id])
            for edge in graph.edges
            if edge.parent_id in nodes and edge.job_id in nodes
        ],
        columns=columns,
        width=len(columns) * step_x - _GAP[0] + 2 * _PAD,
        height=tallest * step_y - _GAP[1] + 2 * _PAD,
        is_whole=graph.is_whole,
    )


def _columns(graph: Graph) -> list[list[Job]]:
    parents: dict[str, list[str]] = {job.id: [] for job in graph.jobs}
    for edge in graph.edges:
        if edge.job_id in parents and edge.parent_id in parents:
            parents[edge.job_id].append(edge.parent_id)
    depth: dict[str, int] = {}
    for job in sorted(graph.jobs, key=lambda each: each.id):  # parents are older
        depth[job.id] = _after(parents[job.id], depth)
    found: list[list[Job]] = [[] for _ in range(max(depth.values()) + 1)]
    for job in graph.jobs:
        found[depth[job.id]].append(job)
    return found


def _after(parents: Sequence[str], depth: Mapping[str, int]) -> int:
    return max((depth.get(parent, 0) + 1 for parent in parents), default=0)


def _path(source: Node, target: Node) -> str:
    """Return a track from one job to another: level, with corners of 45 degrees."""
    x, y = source.x + _BOX[0], source.y + _BOX[1] // 2
    end, level = target.x, target.y + _BOX[1] // 2
    if y == level:
        return f"M{x} {y}H{end}"
    middle = end - _GAP[0] // 2
    bend = min(_BEND, abs(level - y) // 2)
    down = bend if level > y else -bend
    return f"M{x} {y}H{middle - bend}l{bend} {down}V{level - down}l{bend} {down}H{end}"
