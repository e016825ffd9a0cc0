"""What the contract of stores cannot see of schedules in a SQL database."""

from __future__ import annotations

import logging

import pytest
import sqlalchemy as sa

from interlock import StoreUnavailable
from interlock.testing.scenario import Scenario
from interlock.testing.store_schedules import fire, jobs_of, stored
from interlock_adapters.sql.schema.tables import schedule
from interlock_adapters.sql.store.store import SqlStore


def _store(scene: Scenario) -> SqlStore:
    assert isinstance(scene.store, SqlStore)
    return scene.store


def test_a_schedule_that_cannot_be_read_does_not_stop_the_others(
    scene: Scenario, caplog: pytest.LogCaptureFixture
) -> None:
    """Such as one in a zone that another host's newer time zone database has."""
    info = stored(scene, "foreign")
    stored(scene, "plain")
    spec = {**info.schedule.to_json(), "timezone": "Mars/Olympus"}
    which = schedule.c.name == "foreign"
    with _store(scene).database.write() as connection:
        connection.execute(sa.update(schedule).where(which).values(spec=spec))
    with caplog.at_level(logging.ERROR):
        for _ in range(3):
            scene.clock.advance(60)
            fire(scene)
    assert len(jobs_of(scene, "plain")) == 3
    assert jobs_of(scene, "foreign") == []
    assert caplog.text.count("Schedule foreign is passed over here") == 1
    with pytest.raises(StoreUnavailable, match="Mars/Olympus"):
        scene.store.schedules.get("foreign")
