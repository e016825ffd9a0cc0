"""A database of schema 0003, with running jobs: upgraded with all that it holds."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import psycopg
import pytest
import sqlalchemy as sa

from interlock import Engine, JobStatus
from interlock.core.records import ClaimRequest
from interlock.ports import discovery
from interlock.worker.reaper import loss
from interlock_adapters.sql.schema.flavor import POSTGRES, SQLITE
from interlock_adapters.sql.schema.tables import TABLES, VERSION_TABLE
from interlock_adapters.sql.store.store import SqlStore

from .old_databases import (
    COUNTS_0003,
    VALUES_0003,
    OldDatabase,
    empty_database,
    old_database,
)


@pytest.fixture(params=[SQLITE, POSTGRES])
def old(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[OldDatabase]:
    with old_database(str(request.param), tmp_path, "0003") as made:
        yield made


def _store(engine: Engine) -> SqlStore:
    assert isinstance(engine._store, SqlStore)
    return engine._store


def _limits(store: SqlStore) -> list[tuple[str, int, int | None]]:
    return [(each.key, each.running, each.max_running) for each in store.limits()]


def test_every_job_and_value_is_there(old: OldDatabase) -> None:
    assert discovery.upgrade_store(old.url) == []
    with Engine.open(old.url, create=False) as engine:
        counts = {status.value: n for status, n in engine.counts().items() if n}
        assert counts == COUNTS_0003
        assert engine.verify() == []
        values = dict(VALUES_0003)
        if not old.url.startswith("sqlite"):
            del values["big"]  # jsonb had made an integer of it
        for name, value in values.items():
            job = engine.get(f"v-{name}")
            assert (job.params, job.metadata) == ({"v": value}, {"v": value})
            assert repr(job.result) == repr(value)
        progress = engine.get("running-1").progress
        assert progress is not None
        assert (progress.completed, progress.message) == (1, "half")
        (attempt,) = engine.attempts("failed")
        assert (attempt.cpu_seconds, attempt.peak_memory_bytes) == (0.5, 2**40)
        assert [line.text for line in engine.log("failed")] == ["hello"]


def test_what_ran_keeps_its_slots_and_is_rescued(old: OldDatabase) -> None:
    discovery.upgrade_store(old.url)
    with Engine.open(old.url, create=False) as engine:
        store = _store(engine)
        assert _limits(store) == [("name:limited", 3, 2)]
        now = store.database.clock.now()
        request = ClaimRequest(
            worker_id="w",
            names=frozenset({"add", "limited"}),
            limit=9,
            lease=timedelta(seconds=30),
            now=now,
        )
        claimed = {job.id for job in store.claim(request)}
        assert claimed == {"waits", "later"}  # its hour is over
        lost = store.lost(now=now, limit=9)
        assert {each.job.id for each in lost if each.lease_expired} == {
            "running-1",
            "running-2",
            "running-3",
        }
        for each in lost:
            if each.lease_expired:
                rescued = store.apply(loss(each.job, now=now, actor="reaper"))
                assert rescued.status is JobStatus.PENDING
        assert _limits(store) == [("name:limited", 0, 2)]
        assert len(store.claim(request)) == 2
        engine.resume("halted")
        assert [job.id for job in store.claim(request)][:1] == ["paused"]
        assert engine.verify() == []


def test_an_upgraded_database_has_the_indexes_of_a_new_one(tmp_path: Path) -> None:
    query = "SELECT indexname, indexdef FROM pg_indexes WHERE schemaname = 'public'"
    found = []
    with (
        old_database(POSTGRES, tmp_path, "0003") as upgraded,
        empty_database(POSTGRES, tmp_path) as new,
    ):
        for database in (upgraded, new):
            discovery.upgrade_store(database.url)
            with psycopg.connect(database.url) as raw:
                rows = raw.execute(query).fetchall()
                found.append({name: text for name, text in rows if "ix_" in name})
    assert found[0] == found[1]


def test_nothing_keeps_an_old_name(old: OldDatabase) -> None:
    discovery.upgrade_store(old.url)
    if old.url.startswith("sqlite"):
        engine = sa.create_engine(old.url)
    else:
        engine = sa.create_engine(old.url.replace("postgresql:", "postgresql+psycopg:"))
        with psycopg.connect(old.url) as raw:
            query = (
                "SELECT relname FROM pg_class"
                " WHERE relnamespace = 'public'::regnamespace UNION"
                " SELECT conname FROM pg_constraint"
                " WHERE connamespace = 'public'::regnamespace"
            )
            names = [str(row[0]) for row in raw.execute(query)]
            assert [name for name in names if "interlock_" not in name] == []
    with engine.connect() as connection:
        inspected = sa.inspect(connection)
        assert set(inspected.get_table_names()) == {*TABLES, VERSION_TABLE}
        for table in TABLES:
            for index in inspected.get_indexes(table):
                assert "interlock_" in str(index["name"])
    engine.dispose()
