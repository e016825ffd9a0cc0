"""A database of schema 0006, with running jobs: upgraded with all that it holds."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import psycopg
import pytest

from interlock import DuplicateJob, Engine, JobStatus, Retry, Schedule, TickOutcome
from interlock.core.job import NewJob
from interlock.core.ticks import ScheduleEdit, new_schedule
from interlock.core.uniqueness import OnConflict, Unique
from interlock.ports import discovery
from interlock.testing.clock import START, ManualClock
from interlock_adapters.sql.schema.flavor import POSTGRES, SQLITE
from interlock_adapters.sql.store.store import SqlStore

from .old_databases import OldDatabase, empty_database, old_database

COUNTS = {
    "PENDING": 5,
    "RUNNING": 2,
    "SUCCEEDED": 6,
    "FAILED": 1,
    "TIMEOUT": 1,
    "CANCELED": 1,
}
#: The results of the jobs `v-NAME`, which are their params and metadata.
VALUES = {
    "text": "a",
    "yes": True,
    "nothing": None,
    "list": [1.5, "x", {"k": []}],
    "half": 0.5,
    "int": 12,
}


@pytest.fixture(params=[SQLITE, POSTGRES])
def old(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[OldDatabase]:
    with old_database(str(request.param), tmp_path, "0006") as made:
        yield made


def test_every_job_and_value_is_there(old: OldDatabase) -> None:
    assert discovery.upgrade_store(old.url) == []
    with Engine.open(old.url, create=False) as engine:
        counts = {status.value: n for status, n in engine.counts().items() if n}
        assert counts == COUNTS
        assert engine.verify() == []
        for name, value in VALUES.items():
            job = engine.get(f"v-{name}")
            assert (job.params, job.metadata) == ({"v": value}, {"v": value})
            assert repr(job.result) == repr(value)
            assert (job.deadline_at, job.stalled_after_s) == (None, None)
        failed, again = engine.get("failed"), engine.get("again")
        assert failed.error is not None
        assert (failed.error.delay_s, failed.parent_id) == (3.0, "v-text")
        assert (again.failures, again.retry) == (
            1,
            Retry(max_attempts=3, backoff=(1, 2)),
        )
        assert engine.get("timed-out").timeout_s == 2.5
        expired = engine.get("expired")
        assert expired.expires_at == expired.created_at + timedelta(seconds=1)


def test_keys_of_an_older_version_are_still_taken(old: OldDatabase) -> None:
    discovery.upgrade_store(old.url)
    with Engine.open(old.url, create=False) as engine:
        store = engine._store
        assert isinstance(store, SqlStore)
        now = store.database.clock.now()

        def new(job_id: str, key: str) -> NewJob:
            values = {"params": {}, "created_at": now, "run_at": now}
            return NewJob(id=job_id, name="add", unique_key=key, **values)  # type: ignore[arg-type]  # as named

        replace = Unique(on_conflict=OnConflict.REPLACE)
        with pytest.raises(DuplicateJob, match="running-1"):
            store.add([new("a", "u1")], unique={"a": replace})
        store.add([new("b", "u3")], unique={"b": replace})
        assert engine.get("waits").status is JobStatus.CANCELED
        assert engine.verify() == []


def test_an_upgraded_database_has_the_indexes_of_a_new_one(tmp_path: Path) -> None:
    query = "SELECT indexname, indexdef FROM pg_indexes WHERE schemaname = 'public'"
    found = []
    with (
        old_database(POSTGRES, tmp_path, "0006") as upgraded,
        empty_database(POSTGRES, tmp_path) as new,
    ):
        for database in (upgraded, new):
            discovery.upgrade_store(database.url)
            with psycopg.connect(database.url) as raw:
                rows = raw.execute(query).fetchall()
                found.append({name: text for name, text in rows if "ix_" in name})
    assert found[0] == found[1]


def test_a_schedule_begins(old: OldDatabase) -> None:
    discovery.upgrade_store(old.url)
    clock = ManualClock()
    with Engine.open(old.url, create=False, clock=clock) as engine:
        assert {(j.schedule, j.scheduled_for) for j in engine.search().items} == {
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


def test_a_role_that_could_use_the_store_can_use_the_new_tables(tmp_path: Path) -> None:
    with old_database(POSTGRES, tmp_path, "0006") as old:
        role = f"interlock_app_{old.url.rpartition('_')[2]}"
        old.run(
            f'CREATE ROLE "{role}"',
            f'GRANT SELECT, INSERT, UPDATE, DELETE ON interlock_job TO "{role}"',
        )
        try:
            discovery.upgrade_store(old.url)
            with psycopg.connect(old.url) as raw:
                raw.execute(f'SET ROLE "{role}"'.encode())
                raw.execute("DELETE FROM interlock_unique")
                with pytest.raises(psycopg.errors.InsufficientPrivilege):
                    raw.execute("DELETE FROM interlock_lifecycle")
        finally:
            old.run(f'DROP OWNED BY "{role}"', f'DROP ROLE "{role}"')
