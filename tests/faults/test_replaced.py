"""A PostgreSQL database that is dropped and restored under running processes."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import psycopg
import pytest
import sqlalchemy as sa
from psycopg.pq import TransactionStatus

import postgres
from e2e import sample_jobs as jobs
from e2e.processes import alive, until
from interlock import Engine, JobStatus, SchemaMismatch, StoreUnavailable
from interlock_adapters.sql.postgres import connection
from interlock_adapters.sql.postgres.postgres import PostgresSchema
from interlock_adapters.sql.postgres.same_database import SameDatabase
from pace import deadline

from .evidence import worker


class _Replaced:
    """A database that a test drops and makes anew, under one name."""

    def __init__(self, url: str) -> None:
        self.url = url
        self._name = url.rpartition("/")[2]

    def drop(self) -> None:
        postgres._run(f"DROP DATABASE {self._name} WITH (FORCE)")

    def make(self, *, empty: bool) -> None:
        template = "template1" if empty else postgres._template()
        postgres._run(f"CREATE DATABASE {self._name} TEMPLATE {template}")

    def run(self, *statements: str) -> None:
        with psycopg.connect(self.url) as raw:
            for statement in statements:
                raw.execute(statement.encode())


@pytest.fixture
def replaced() -> Iterator[_Replaced]:
    with postgres.database() as url:
        yield _Replaced(url)


@pytest.fixture
def engine(replaced: _Replaced) -> Iterator[Engine]:
    with Engine.open(replaced.url) as opened:
        yield opened


def _has_run(engine: Engine) -> bool:
    job = engine.submit(jobs.add, 1).wait(deadline(20))
    return job.status is JobStatus.SUCCEEDED


def test_a_worker_outlives_its_database_and_goes_on_with_the_next(
    replaced: _Replaced, engine: Engine, tmp_path: Path
) -> None:
    log = tmp_path / "log"

    def says(words: str) -> Callable[[], bool]:
        return lambda: words in log.read_text()

    with worker(replaced.url, log):
        assert _has_run(engine)
        running = engine.submit(jobs.alone, str(tmp_path), seconds=60)
        until(lambda: alive(running.id))
        limits = {limit.key: limit.max_running for limit in engine.limits.list()}
        assert limits
        replaced.drop()
        until(says("does not exist"))
        with pytest.raises(StoreUnavailable, match="does not exist"):
            engine.counts()
        replaced.make(empty=True)
        until(says("has no tables of Interlock of this version any more"))
        for call in (engine.counts, lambda: engine.submit(jobs.add, 1)):
            with pytest.raises(StoreUnavailable, match="with `interlock db upgrade`"):
                call()
        PostgresSchema(replaced.url).upgrade()
        assert _has_run(engine)
        assert limits == {each.key: each.max_running for each in engine.limits.list()}
        until(lambda: not alive(running.id))  # nobody knows it any more
        assert _has_run(engine)
    assert engine.verify() == []


def test_tables_that_are_dropped_alone_are_missed_at_once(
    replaced: _Replaced, engine: Engine, tmp_path: Path
) -> None:
    with worker(replaced.url, tmp_path / "log"):
        assert _has_run(engine)
        replaced.run("DROP SCHEMA public CASCADE", "CREATE SCHEMA public")
        with pytest.raises(StoreUnavailable, match="with `interlock db upgrade`"):
            engine.submit(jobs.add, 1)
        PostgresSchema(replaced.url).upgrade()
        assert _has_run(engine)


def test_tables_that_come_back_in_place_are_checked(
    replaced: _Replaced, engine: Engine
) -> None:
    replaced.run("DROP SCHEMA public CASCADE", "CREATE SCHEMA public")
    with pytest.raises(StoreUnavailable, match="with `interlock db upgrade`"):
        engine.counts()
    PostgresSchema(replaced.url).upgrade()
    replaced.run("DROP TRIGGER interlock_job_insert ON interlock_job")
    with pytest.raises(SchemaMismatch, match="interlock_job_insert"):
        engine.submit(jobs.add, 1)


def test_the_same_database_is_not_checked_again(replaced: _Replaced) -> None:
    where = connection.target(replaced.url)

    def check() -> None:
        raise AssertionError

    same = SameDatabase(where, check)
    made = sa.create_engine(
        "postgresql+psycopg://", creator=lambda: connection.connect(where)
    )
    with made.connect() as opened:
        same.note(opened)
    made.dispose()
    with connection.connect(where) as raw:
        same.require(raw)
        assert raw.info.transaction_status is TransactionStatus.IDLE


def test_nobody_writes_to_a_restored_database_before_its_guards_are_there(
    replaced: _Replaced, engine: Engine
) -> None:
    assert engine.counts()[JobStatus.PENDING] == 0
    replaced.drop()
    replaced.make(empty=False)
    replaced.run("DROP TRIGGER interlock_job_insert ON interlock_job")
    for _ in range(2):
        with pytest.raises(SchemaMismatch, match="interlock_job_insert"):
            engine.submit(jobs.add, 1)
    PostgresSchema(replaced.url).upgrade()  # as the end of the restore
    handle = engine.submit(jobs.add, 1)
    assert [entry.event for entry in engine.history(handle.id)] == ["submit"]


def test_a_restored_database_of_another_version_is_refused(
    replaced: _Replaced, engine: Engine
) -> None:
    assert engine.counts()[JobStatus.PENDING] == 0
    replaced.drop()
    replaced.make(empty=False)
    replaced.run("UPDATE interlock_schema_version SET version_num = '9999'")
    with pytest.raises(SchemaMismatch, match="knows only up to"):
        engine.counts()
