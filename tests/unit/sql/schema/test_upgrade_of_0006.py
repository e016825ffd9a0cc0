"""A database of schema 0006: its jobs are of no schedule, and schedules can begin."""

from __future__ import annotations

from pathlib import Path

import pytest

from interlock import Engine, JobStatus, Schedule, TickOutcome
from interlock.core.ticks import ScheduleEdit, new_schedule
from interlock.ports import discovery
from interlock.testing.clock import START, ManualClock
from interlock_adapters.sql.schema.flavor import POSTGRES, SQLITE

from .old_databases import old_database


@pytest.mark.parametrize("kind", [SQLITE, POSTGRES])
def test_its_jobs_go_on_and_a_schedule_begins(kind: str, tmp_path: Path) -> None:
    with old_database(kind, tmp_path, "0006") as old:
        assert discovery.upgrade_store(old.url) == []
        clock = ManualClock()
        with Engine.open(old.url, create=False, clock=clock) as engine:
            jobs = {job.id: job for job in engine.search().items}
            assert {job_id: str(job.status) for job_id, job in jobs.items()} == {
                "waits": "PENDING",
                "later": "PENDING",
                "done": "SUCCEEDED",
                "runs": "RUNNING",
            }
            assert (jobs["done"].result, jobs["done"].parent_id) == ({"n": 1}, "waits")
            assert {(j.schedule, j.scheduled_for) for j in jobs.values()} == {
                (None, None)
            }
            info = new_schedule("s", "add", Schedule(every="1m"), {}, now=START)
            edit = ScheduleEdit(schedule="s", at=START, actor="anna", what="created")
            store = engine._store
            assert store.schedules.save(info, edit)
            clock.advance(60)
            assert store.schedules.fire(now=clock.now())
            (tick,) = engine.schedules.ticks("s")
            assert tick.outcome is TickOutcome.FIRED
            job = engine.get(tick.job_id or "")
            assert (job.schedule, job.status) == ("s", JobStatus.PENDING)
            assert engine.verify() == []
