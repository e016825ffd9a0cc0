"""An inline engine runs what becomes due while the clock of the test is moved."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from freezegun import freeze_time

import interlock.jobs.codecs  # noqa: F401  (takes the real datetime before it is frozen)
from interlock import JobStatus
from interlock.testing.inline import inline_engine

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
