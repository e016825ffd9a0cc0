"""A pooler before PostgreSQL that lends a server connection for one transaction."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import quote

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
from .pooler import Pooler

HOSTILE = {
    "datestyle": "'SQL, DMY'",
    "timezone": "'Asia/Kolkata'",
    "client_encoding": "'LATIN1'",
    "default_transaction_isolation": "'serializable'",
    "extra_float_digits": "'-15'",
    "standard_conforming_strings": "off",
    "statement_timeout": "'77s'",
}


@pytest.fixture(scope="module")
def server() -> Iterator[postgres.OwnServer]:
    program = postgres.initdb()
    if program is None:
        pytest.skip("NO initdb: a pooler before PostgreSQL is not tried")
    started = postgres.OwnServer(program)
    yield started
    started.remove()


@pytest.fixture(params=[False, True], ids=["refuses settings", "ignores settings"])
def pooler(
    request: pytest.FixtureRequest, server: postgres.OwnServer
) -> Iterator[Pooler]:
    with psycopg.connect(server.url, autocommit=True) as raw:
        for name, value in HOSTILE.items():
            raw.execute(f"ALTER DATABASE postgres SET {name} = {value}".encode())
    with Pooler(server.socket, ignores=request.param) as started:
        yield started


def _database(engine: Engine) -> sa.Engine:
    assert isinstance(engine._store, SqlStore)
    return engine._store.database.engine


@pytest.mark.parametrize("schema", ["", "?schema=apart"])
def test_jobs_run_through_a_pooler(pooler: Pooler, schema: str, tmp_path: Path) -> None:
    url = pooler.url + schema
    with Engine.open(url) as engine:  # makes the tables
        text = "\u00e9\U0001f600\\"
        kept = engine.submit(jobs.add.options(queue=text, metadata={"n": 0.1}), 1)
        with worker(url, tmp_path / "log"):
            handles = [engine.submit(jobs.add, number) for number in range(12)]
            assert [h.result(deadline(30)) for h in handles] == list(range(1, 13))
            running = engine.submit(jobs.alone, str(tmp_path), seconds=60)
            while running.job().status is not JobStatus.RUNNING:
                pass
            assert running.cancel(wait=deadline(20)).status is JobStatus.CANCELED
        job = kept.wait(deadline(20))
        assert (job.queue, job.metadata, job.result) == (text, {"n": 0.1}, 2)
        assert engine.verify() == []
    said = (tmp_path / "log").read_text()
    assert "found by polling, up to 2 s later. Add listen=HOST:PORT" in said


def test_settings_are_those_of_each_transaction(pooler: Pooler) -> None:
    with Engine.open(pooler.url) as engine:
        for _ in range(12):  # more than psycopg needs to prepare a statement
            with _database(engine).connect() as opened:
                found = {
                    name: opened.scalar(
                        sa.text("SELECT current_setting(:name)"), {"name": name}
                    )
                    for name in (*connection.settings(None), "transaction_isolation")
                }
                prepared = opened.scalar(
                    sa.text("SELECT count(*) FROM pg_prepared_statements")
                )
            assert prepared == 0
            assert found.pop("datestyle").startswith("ISO")
            assert found.pop("statement_timeout") == "1min"
            assert found.pop("transaction_isolation") == "read committed"
            expected = connection.settings(None)
            assert found == {name: expected[name] for name in found}


def test_a_direct_connection_listens(
    pooler: Pooler, server: postgres.OwnServer, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO, "interlock.store")
    with Engine.open(f"{pooler.url}?listen={quote(server.url, safe='')}") as engine:
        wakeup = engine._store.watch()
        try:
            assert not wakeup.wait(0)
            engine.submit(jobs.add, 1)
            assert wakeup.wait(deadline(20))
        finally:
            wakeup.close()
    assert "Listening for changes at" in caplog.text
    assert "pooler" not in caplog.text


def test_who_cannot_listen_does_not_try(pooler: Pooler) -> None:
    with Engine.open(pooler.url) as engine:
        wakeup = engine._store.watch()
        assert isinstance(wakeup, PostgresWakeup)
        engine.submit(jobs.add, 1)
        assert not wakeup.wait(0.1)
        assert wakeup._connection is None
        wakeup.close()


def test_a_server_is_no_pooler(server: postgres.OwnServer) -> None:
    connector = Connector(connection.target(server.url))
    connector().close()
    assert not connector.is_pooled


def test_a_url_can_say_that_there_is_a_pooler(server: postgres.OwnServer) -> None:
    with Engine.open(f"{server.url}&pooler=transaction") as engine:
        assert engine.counts()[JobStatus.RUNNING] == 0
        with _database(engine).connect() as opened:
            mark = sa.text("SELECT current_setting(:name, true)")
            assert opened.scalar(mark, {"name": connection.MARK}) in (None, "")


def test_a_server_that_is_away_is_not_taken_for_a_pooler(
    server: postgres.OwnServer,
) -> None:
    away = server.url.replace("host=", "host=/nowhere")
    with pytest.raises(StoreUnavailable, match="cannot be reached"):
        Engine.open(away)
