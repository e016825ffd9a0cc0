"""What the contract of stores cannot see of schedules in a SQL database."""

from __future__ import annotations

import logging
from typing import Any

import pytest
import sqlalchemy as sa

from interlock import InterlockError, JobStatus, StoreUnavailable, TickOutcome
from interlock.core.job import NewJob
from interlock.testing.scenario import Scenario
from interlock.testing.store_schedules import fire, jobs_of, stored
from interlock_adapters.sql.schema.tables import schedule
from interlock_adapters.sql.store import inserts
from interlock_adapters.sql.store.store import SqlStore
from pace import deadline


def _store(scene: Scenario) -> SqlStore:
    assert isinstance(scene.store, SqlStore)
    return scene.store


def test_one_transaction_does_not_do_everything(scene: Scenario) -> None:
    for number in range(6):
        stored(scene, f"s{number}", every="1m", catchup="all")
    scene.clock.advance(40 * 60)
    assert scene.store.schedules.fire(now=scene.clock.now())
    assert scene.store.counts()[JobStatus.PENDING] == 120
    fire(scene)
    assert scene.store.counts()[JobStatus.PENDING] == 240


def test_a_job_that_is_refused_skips_its_own_tick_alone(
    scene: Scenario, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whatever the reason: a schedule may not keep the others from their ticks."""
    for name in ("a", "b", "c"):
        stored(scene, name)
    add = inserts.add

    def refusing(connection: Any, jobs: list[NewJob], *args: Any, **facts: Any) -> Any:
        if any(job.schedule == "b" for job in jobs):
            raise InterlockError("no room for b")
        return add(connection, jobs, *args, **facts)

    monkeypatch.setattr(inserts, "add", refusing)
    scene.clock.advance(60)
    fire(scene)
    assert [len(jobs_of(scene, name)) for name in ("a", "b", "c")] == [1, 0, 1]
    (tick,) = scene.store.schedules.ticks("b", limit=9)
    assert (tick.outcome, tick.why) == (TickOutcome.SKIPPED, "no room for b")
    assert tick.job_id is None


def test_who_waits_is_woken_by_an_edit(scene: Scenario) -> None:
    """Its first tick may come before a worker that polls looks again."""
    wakeup = scene.store.watch()
    while wakeup.wait(0.2):  # what was written before, and that it listens
        pass
    stored(scene, every="1s")
    assert wakeup.wait(deadline(10))
    wakeup.close()


def test_a_schedule_that_cannot_be_read_does_not_stop_the_others(
    scene: Scenario, caplog: pytest.LogCaptureFixture
) -> None:
    """Such as one in a zone that another host's newer time zone database has."""
    info = stored(scene, "foreign")
    stored(scene, "plain")
    spec = {**info.schedule.to_json(), "timezone": "Mars/Olympus"}
    stored(scene, "newer")
    changes: dict[str, dict[str, object]] = {
        "foreign": {"spec": spec},
        "newer": {"options": {"retry": {"moods": 3}}},
    }
    with _store(scene).database.write() as connection:
        for name, change in changes.items():
            which = schedule.c.name == name
            connection.execute(sa.update(schedule).where(which).values(change))
    with caplog.at_level(logging.ERROR):
        for _ in range(3):
            scene.clock.advance(60)
            fire(scene)
    assert len(jobs_of(scene, "plain")) == 3
    assert jobs_of(scene, "foreign") == jobs_of(scene, "newer") == []
    assert caplog.text.count("Schedule newer is passed over here") == 1
    assert caplog.text.count("Schedule foreign is passed over here") == 1
    with pytest.raises(StoreUnavailable, match="Mars/Olympus"):
        scene.store.schedules.get("foreign")
