"""What a worker that has nothing to do costs the database."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator
from datetime import timedelta

import pytest
import sqlalchemy as sa

from interlock import Engine, TickOutcome
from interlock.core.job import Job
from interlock.core.lifecycle import Event, JobStatus
from interlock.testing.inline import InlineRunner
from interlock.testing.scenario import Scenario
from interlock.testing.store_schedules import stored
from interlock.worker.loop import Worker
from interlock.worker.settings import WorkerSettings
from interlock_adapters.sql.store.store import SqlStore

MINUTE_S, HEARTBEATS, LOOKS = 60, 6, 30
Pass = Callable[[float], int]


@pytest.fixture
def worker(scene: Scenario) -> Iterator[Worker]:
    made = Worker(
        scene.store,
        InlineRunner(Engine(scene.store, clock=scene.clock)),
        {},
        WorkerSettings(concurrency=2, lease=30),
        scene.clock,
        rng=random.Random(1),
    )
    made._begin()
    yield made
    made._wakeup.close()


@pytest.fixture
def passing(scene: Scenario, worker: Worker) -> Pass:
    """Return what lets seconds pass, turn by turn; it returns the transactions."""
    assert isinstance(scene.store, SqlStore)
    begun = [0]

    def count(_: sa.Connection) -> None:
        begun[0] += 1

    sa.event.listen(scene.store.database.engine, "begin", count)

    def let_pass(seconds: float) -> int:
        begun[0] = 0
        until = scene.clock.boot() + seconds
        while scene.clock.boot() < until:
            scene.clock.advance(max(worker._idle_s(), 0.001))  # as it would sleep
            worker.turn(0.0)
        return begun[0]

    let_pass(4)
    return let_pass


def _most(scene: Scenario) -> int:
    """Return the limit; on SQLite its own heartbeats wake it too: two cheap reads."""
    assert isinstance(scene.store, SqlStore)
    is_postgres = scene.store.database.flavor.is_postgres
    return LOOKS if is_postgres else LOOKS + 2 * (HEARTBEATS + 1)


def test_an_idle_worker_makes_one_transaction_in_two_seconds(
    scene: Scenario, passing: Pass
) -> None:
    assert LOOKS - 1 <= passing(MINUTE_S) <= _most(scene)


def test_it_goes_on_to_renew_its_heartbeat(
    scene: Scenario, worker: Worker, passing: Pass
) -> None:
    for _ in range(HEARTBEATS):
        passing(MINUTE_S / HEARTBEATS)
        (seen,) = scene.store.workers()
        assert seen.id == worker.id
        assert scene.clock.now() - seen.seen_at <= timedelta(seconds=10)


def _hear(worker: Worker) -> None:
    """Take what is announced late: this machine may be busy."""
    while worker._wakeup.wait(0.2):
        pass


def test_scheduled_jobs_do_not_make_it_look_more_often(
    scene: Scenario, worker: Worker, passing: Pass
) -> None:
    later = scene.clock.now() + timedelta(hours=1)
    scene.store.add([scene.new(run_at=later) for _ in range(20)])
    _hear(worker)
    passing(4)
    assert passing(MINUTE_S) <= _most(scene)


def test_schedules_do_not_make_it_look_more_often(
    scene: Scenario, worker: Worker, passing: Pass
) -> None:
    for number in range(20):
        stored(scene, f"s{number}", every="1h")
    _hear(worker)
    passing(4)
    assert passing(MINUTE_S) <= _most(scene)


def test_it_wakes_up_for_the_next_tick(scene: Scenario, passing: Pass) -> None:
    info = stored(scene, every="7s", catchup="all")
    began = scene.clock.now()
    passing(MINUTE_S)
    ticks = scene.store.schedules.ticks("s", limit=99)
    assert {tick.outcome for tick in ticks} == {TickOutcome.FIRED}
    assert len(ticks) == (scene.clock.now() - began) // timedelta(seconds=7)
    late = max(tick.at - tick.due_at for tick in ticks)
    assert late <= timedelta(milliseconds=10), info


def test_it_finds_without_a_wake_up_what_is_lost_and_what_expires(
    scene: Scenario, passing: Pass
) -> None:
    lost = scene.running(worker="gone")
    late = scene.add(expires_at=scene.clock.now() + timedelta(seconds=1))
    passing(40)

    def after(job: Job) -> list[str]:
        return [entry.event for entry in scene.store.history(job.id)]

    assert Event.RESCUE in after(lost)
    assert scene.store.get(late.id).status is JobStatus.CANCELED
