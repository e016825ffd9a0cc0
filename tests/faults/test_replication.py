"""A PostgreSQL database that moves to another by logical replication, as documented."""

from __future__ import annotations

import re
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest

import postgres
from e2e import sample_jobs as jobs
from e2e.processes import until
from interlock import Engine, JobStatus, SchemaMismatch
from interlock_adapters.sql.postgres.postgres import PostgresSchema
from pace import deadline

from .evidence import worker

DOCUMENT = Path(__file__).parents[2] / "docs/databases.md"
TABLES = ("interlock_job", "interlock_history", "interlock_attempt", "interlock_log")


@pytest.fixture
def server() -> Iterator[postgres.OwnServer]:
    program = postgres.initdb()
    if program is None or shutil.which("pg_dump") is None:
        pytest.skip("NO initdb or pg_dump: logical replication is not tried")
    started = postgres.OwnServer(program, "", "-c", "wal_level=logical")
    yield started
    started.remove()


def _documented() -> list[str]:
    """Return the statements of the chapter: without guards, then the sequences."""
    chapter = DOCUMENT.read_text().partition("### Logical replication")[2]
    return re.findall(r"```sql\n(.*?)```", chapter, re.DOTALL)[:2]


def _run(url: str, *statements: str) -> list[tuple[object, ...]]:
    with psycopg.connect(url, autocommit=True) as raw:
        cursor = raw.cursor()
        for statement in statements:
            cursor.execute(statement.encode())
        return cursor.fetchall() if cursor.description else []


def _counts(url: str) -> list[tuple[object, ...]]:
    return _run(url, " UNION ALL ".join(f"SELECT count(*) FROM {t}" for t in TABLES))


def _without_guards(blue: str, green: str) -> None:
    """Make the tables of the copy."""
    dump = subprocess.run(
        ["pg_dump", "--schema-only", blue], check=True, capture_output=True
    )
    subprocess.run(
        ["psql", "-q", "-v", "ON_ERROR_STOP=1", green],
        input=dump.stdout,
        stdout=subprocess.DEVNULL,
        check=True,
    )
    _run(green, _documented()[0])


def test_jobs_go_on_after_a_switch_to_a_replica(
    server: postgres.OwnServer, tmp_path: Path
) -> None:
    blue, green = server.url, server.url.replace("/postgres?", "/green?")
    host = server.url.partition("host=")[2]
    _run(blue, "CREATE DATABASE green")
    with Engine.open(blue) as engine:
        early = engine.submit(jobs.add.options(queue="later"), 1)
        _without_guards(blue, green)
        with pytest.raises(SchemaMismatch, match="a copy is not complete"):
            Engine.open(green)
        slot = "SELECT pg_create_logical_replication_slot('moving', 'pgoutput')"
        _run(blue, "CREATE PUBLICATION moving FOR ALL TABLES", slot)
        from_blue = f"CONNECTION 'host={host} user=postgres dbname=postgres'"
        with_slot = "WITH (create_slot = false, slot_name = 'moving')"
        _run(
            green,
            f"CREATE SUBSCRIPTION moving {from_blue} PUBLICATION moving {with_slot}",
        )
        with worker(blue, tmp_path / "log"):
            handles = [engine.submit(jobs.talk, 3) for _ in range(4)]
            for handle in handles:
                handle.wait(deadline(20))
        late = engine.submit(jobs.add.options(queue="later"), 2)
        until(lambda: _counts(green) == _counts(blue))
    _run(green, "ALTER SUBSCRIPTION moving DISABLE")
    _run(green, "ALTER SUBSCRIPTION moving SET (slot_name = NONE)")
    _run(green, "DROP SUBSCRIPTION moving", *_documented()[1].split(";"))
    PostgresSchema(green).upgrade()
    with Engine.open(green) as engine, worker(green, tmp_path / "log"):
        for waiting in (early, late, engine.submit(jobs.talk, 3)):
            ended = engine.wait(waiting.id, deadline(20))
            assert ended.status is JobStatus.SUCCEEDED
        assert engine.verify() == []
