"""What stands in front of a claim does not make it slower.

Counted, not timed: SQLite says how many steps of its virtual machine a statement took.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path

import pytest
import sqlalchemy as sa

from interlock.core.lifecycle import Event
from interlock.testing.clock import ManualClock
from interlock.testing.scenario import Scenario
from interlock_adapters.sql.sqlite.sqlite import open_store
from interlock_adapters.sql.store.store import SqlStore

FEW, MANY = 600, 3000  # more than a claim looks at, and parks, at once


@contextmanager
def counted(store: SqlStore) -> Iterator[list[int]]:
    """Count the steps, by tens, of every connection of the store."""
    steps = [0]

    def step() -> int:
        steps[0] += 1
        return 0

    def watch(connection: sqlite3.Connection, *_: object) -> None:
        connection.set_progress_handler(step, 10)

    sa.event.listen(store.database.engine, "checkout", watch)
    yield steps
    sa.event.remove(store.database.engine, "checkout", watch)


def _finished(scene: Scenario, many: int) -> None:
    jobs = scene.store.add([scene.new(name="fast", queue="q") for _ in range(many)])
    scene.store.commit([scene.move(job, Event.CANCEL) for job in jobs])


def _scheduled(scene: Scenario, many: int) -> None:
    at = scene.clock.now() + timedelta(hours=1)
    new = [scene.new(name="fast", queue="q", run_at=at) for _ in range(many)]
    scene.store.add(new)


def _of_another_name(scene: Scenario, many: int) -> None:
    scene.store.add([scene.new(name="alien", queue="q") for _ in range(many)])


def _paused(scene: Scenario, many: int) -> None:
    scene.store.add([scene.new(name="fast", queue="a") for _ in range(many)])
    scene.store.set_paused("a", paused=True)


def _at_their_limit(scene: Scenario, many: int) -> None:
    scene.store.set_limit("name:full", 1)
    scene.store.add([scene.new(name="full", queue="a") for _ in range(many)])
    scene.claim("full", limit=1)


def _in_the_same_lane(scene: Scenario, many: int) -> None:
    scene.store.add([scene.new(name="fast", queue="q") for _ in range(many)])


@pytest.mark.parametrize(
    "crowd",
    [
        _finished,
        _scheduled,
        _of_another_name,
        _paused,
        _at_their_limit,
        _in_the_same_lane,
    ],
)
def test_a_crowd_does_not_make_a_claim_slower(
    crowd: Callable[[Scenario, int], None], tmp_path: Path
) -> None:
    cost = {}
    for many in (FEW, MANY):
        clock = ManualClock()
        store = open_store(f"sqlite:///{tmp_path}/{many}.db", clock)
        scene = Scenario(store, clock)
        scene.add(name="fast", queue="q", priority=1)
        crowd(scene, many)
        with counted(store) as steps:
            (claimed,) = scene.claim("fast", "full", limit=1)
        assert (claimed.name, claimed.priority) == ("fast", 1)
        cost[many] = steps[0]
        store.close()
    assert cost[MANY] <= 1.3 * cost[FEW]


Ask = Callable[[SqlStore, ManualClock], object]
ASKS: dict[str, Ask] = {
    "cancels": lambda store, _: store.cancels("w1"),
    "lost": lambda store, clock: store.lost(now=clock.now(), limit=100),
    "overdue": lambda store, clock: store.overdue(now=clock.now(), limit=100),
    "needs": lambda store, clock: store.needs(now=clock.now()),
    "next_due": lambda store, clock: store.next_due(now=clock.now()),
}


@pytest.mark.parametrize("ask", ASKS)
def test_a_crowd_does_not_make_a_worker_look_longer(ask: str, tmp_path: Path) -> None:
    cost = {}
    for many in (FEW, MANY):
        clock = ManualClock()
        store = open_store(f"sqlite:///{tmp_path}/{many}.db", clock)
        scene = Scenario(store, clock)
        for crowd in (_finished, _in_the_same_lane, _scheduled):
            crowd(scene, many)
        with counted(store) as steps:
            ASKS[ask](store, clock)
        cost[many] = steps[0]
        store.close()
    assert cost[MANY] <= 1.3 * cost[FEW]


def test_a_move_costs_the_same_among_many_others(tmp_path: Path) -> None:
    clock = ManualClock()
    store = open_store(f"sqlite:///{tmp_path}/jobs.db", clock)
    scene = Scenario(store, clock)
    cost = {}
    for many in (FEW, MANY):
        _in_the_same_lane(scene, many)
        one = scene.add()
        with counted(store) as steps:
            scene.apply(one, Event.CANCEL)
        cost[many] = steps[0]
    store.close()
    assert cost[MANY] <= 1.3 * cost[FEW]
