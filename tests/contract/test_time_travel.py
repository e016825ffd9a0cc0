"""An inline engine runs what becomes due while the clock of the test is moved."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from freezegun import freeze_time

import interlock.jobs.codecs  # noqa: F401  (takes the real datetime before it is frozen)
from interlock import InvalidOption, JobStatus, Schedule
from interlock.testing.clock import START, ManualClock
from interlock.testing.inline import inline_engine
from interlock.testing.submits import assert_submitted

from . import ending_kinds as kinds


def test_time_travel_runs_what_becomes_due() -> None:
    later = datetime(2026, 1, 1, 12, 30, tzinfo=UTC)
    with freeze_time("2026-01-01 12:00") as frozen, inline_engine() as engine:
        handle = engine.submit(kinds.changes.options(run_at=later), [1])
        engine.drain()
        assert handle.job().status is JobStatus.PENDING
        frozen.tick(timedelta(minutes=31))
        engine.drain()
        assert handle.job().status is JobStatus.SUCCEEDED
        again = engine.submit(
            kinds.changes.options(run_at=later + timedelta(days=9)), []
        )
        engine.drain(scheduled=True)
        assert again.job().started_at == later + timedelta(days=9)


def test_travelling_stops_at_each_moment() -> None:
    hour = timedelta(hours=1)
    with inline_engine(ManualClock()) as engine:
        engine.hold(f"name:{kinds.changes.name}", by="anna", until=START + 2 * hour)
        engine.schedules.create(
            "s", kinds.changes, {"values": [1]}, schedule=Schedule(every="4h")
        )
        held = engine.submit(kinds.changes, [])
        late = engine.submit(kinds.changes.options(deadline=3600), [])
        engine.travel(9 * hour)
        assert held.job().started_at == START + 2 * hour + timedelta(microseconds=1)
        assert late.job().status is JobStatus.CANCELED
        ticks = [job.scheduled_for for job in engine.search(schedule="s").items]
        assert ticks == [START + 8 * hour, START + 4 * hour]
        assert engine._clock.now() == START + 9 * hour
        with pytest.raises(InvalidOption):
            engine.travel(-1)


def test_what_was_submitted_is_found_by_its_arguments() -> None:
    with inline_engine() as engine:
        first = engine.submit(kinds.changes, [1])
        engine.submit(kinds.changes, [2])
        assert assert_submitted(engine, kinds.changes, values=[1]) == [first.job()]
        assert len(assert_submitted(engine, kinds.changes.name, times=2)) == 2
        assert_submitted(engine, kinds.changes, times=0, values=[3])
        with pytest.raises(AssertionError, match=r"(?s)found 2.*\[1\].*\[2\]") as wrong:
            assert_submitted(engine, kinds.changes, times=1)
        assert "Expected 1 submitted" in str(wrong.value)
