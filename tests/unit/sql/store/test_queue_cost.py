"""The depth of queues costs the same, however many jobs have ended."""

from __future__ import annotations

from pathlib import Path

from interlock.core.lifecycle import Event
from interlock.testing.clock import ManualClock
from interlock.testing.scenario import Scenario
from interlock_adapters.sql.sqlite.sqlite import open_store

from .test_claim_cost import MANY, counted


def test_ended_jobs_cost_nothing(tmp_path: Path) -> None:
    clock = ManualClock()
    store = open_store(f"sqlite:///{tmp_path}/jobs.db?synchronous=NORMAL", clock)
    scene = Scenario(store, clock)
    costs: list[int] = []
    for ended in (0, MANY):
        jobs = store.add([scene.new(queue="q") for _ in range(ended)])
        store.commit([scene.move(job, Event.CANCEL) for job in jobs])
        if not costs:
            store.add([scene.new(queue="q") for _ in range(10)])
        with counted(store) as steps:
            (queue,) = store.queues()
        assert (queue.pending, queue.ready) == (10, 10)
        costs.append(steps[0])
    store.close()
    assert costs[1] <= costs[0] * 1.1 + 5
