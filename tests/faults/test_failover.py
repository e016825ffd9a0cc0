"""A PostgreSQL server that is away, comes back as a standby, or has no connection."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import psycopg
import pytest
import sqlalchemy as sa

import postgres
from e2e import sample_jobs as jobs
from interlock import Engine, JobStatus, StoreUnavailable
from interlock_adapters.sql.postgres import connection
from interlock_adapters.sql.postgres.pooler import Connector
from interlock_adapters.sql.postgres.wakeup import PostgresWakeup
from interlock_adapters.sql.store.store import SqlStore
from pace import deadline

from .evidence import worker


@pytest.fixture
def server() -> Iterator[postgres.OwnServer]:
    program = postgres.initdb()
    if program is None:
        pytest.skip("NO initdb: a PostgreSQL that fails over is not tried")
    started = postgres.OwnServer(program)
    yield started
    started.remove()


def _demote(server: postgres.OwnServer) -> None:
    """Restart it as a standby: it can be read, and not even listened to."""
    server.stop_at_once()
    signal_file = Path(server.data, "standby.signal")
    signal_file.touch()
    owner = Path(server.data).stat()
    os.chown(signal_file, owner.st_uid, owner.st_gid)
    server.start()


def _promote(server: postgres.OwnServer) -> None:
    with psycopg.connect(server.url, autocommit=True) as connection:
        connection.execute("SELECT pg_promote()")


def test_a_standby_costs_no_job_and_no_worker(
    server: postgres.OwnServer, tmp_path: Path
) -> None:
    with worker(server.url, tmp_path / "log"):
        with Engine.open(server.url) as engine:
            assert (
                engine.submit(jobs.add, 1).wait(deadline(20)).status
                is JobStatus.SUCCEEDED
            )
            handle = engine.submit(jobs.add.options(queue="later"), 1)
        _demote(server)
        with Engine.open(server.url) as engine:
            assert engine.counts()[JobStatus.SUCCEEDED] >= 1
            with pytest.raises(StoreUnavailable, match="read-only"):
                engine.submit(jobs.add, 2)
            time.sleep(2)  # so long the worker tries to listen
            _promote(server)
            assert engine.wait(handle.id, deadline(30)).status is JobStatus.SUCCEEDED
            assert (
                engine.submit(jobs.add, 3).wait(deadline(20)).status
                is JobStatus.SUCCEEDED
            )


def test_who_waits_for_a_server_that_is_away_waits(server: postgres.OwnServer) -> None:
    where = connection.target(server.url)
    server.stop_at_once()
    wakeup = PostgresWakeup(Connector(where))
    try:
        for _ in range(3):
            began = time.monotonic()
            assert not wakeup.wait(0.2)
            assert time.monotonic() - began >= 0.19  # or it would spin
    finally:
        wakeup.close()


def test_a_pool_without_a_connection_is_told_as_such(
    server: postgres.OwnServer,
) -> None:
    with Engine.open(server.url) as engine, ExitStack() as held:
        assert isinstance(engine._store, SqlStore)
        pool = engine._store.database.engine.pool
        assert isinstance(pool, sa.QueuePool)
        pool._timeout = 0.1
        for _ in range(pool.size() + pool._max_overflow):
            held.enter_context(engine._store.database.engine.connect())
        with pytest.raises(StoreUnavailable, match="no connection left"):
            engine.counts()
        held.close()
        assert engine.counts()[JobStatus.PENDING] == 0
