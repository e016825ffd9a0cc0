"""What a claim costs in front of 10,000 waiting jobs and behind a million ended ones.

`python bench/claims.py [--postgres URL]`: two databases each, one with 1,000 ended jobs
and one with 1,000,000, measured in turn. No ended job can be inserted past the guard,
so the owner takes the guard away, copies one job, and puts the guard back.
"""

import argparse
import statistics
import tempfile
import time
from datetime import timedelta
from typing import Any

import sqlalchemy as sa

from interlock.core.lifecycle import Event
from interlock.core.records import ClaimRequest
from interlock.ports.clock import SystemClock
from interlock.testing.scenario import Scenario
from interlock_adapters.sql.postgres import postgres
from interlock_adapters.sql.schema import tables
from interlock_adapters.sql.sqlite import sqlite
from interlock_adapters.sql.store.store import SqlStore

FEW, MANY, WAITING, CLAIMS = 1_000, 1_000_000, 10_000, 300
_SERIES = {
    "sqlite": "WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n"
    " WHERE i < :many)",
    "postgresql": "WITH n (i) AS (SELECT generate_series(1, :many))",
}


def _unguard(connection: sa.Connection) -> None:
    if connection.dialect.name == "postgresql":
        connection.exec_driver_sql("ALTER TABLE interlock_job DISABLE TRIGGER USER")
        return
    query = "SELECT name FROM sqlite_master WHERE type = 'trigger'"
    for (name,) in connection.exec_driver_sql(query).all():
        connection.exec_driver_sql(f"DROP TRIGGER {name}")


def _owner(url: str) -> sa.Engine:
    return sa.create_engine(url.replace("postgresql:", "postgresql+psycopg:"))


def _ended(url: str, count: int) -> None:
    """Copy the one job of the database so many times."""
    engine = _owner(url)
    names = [column.name for column in tables.job.c]
    values = ["'e' || printf('%08d', i)" if n == "id" else n for n in names]
    if engine.dialect.name == "postgresql":
        values[names.index("id")] = "'e' || lpad(i::text, 8, '0')"
    copy = (
        f"INSERT INTO interlock_job ({', '.join(names)}) {_SERIES[engine.dialect.name]}"
        f" SELECT {', '.join(values)} FROM n, interlock_job AS job WHERE job.id = 'j1'"
    )
    with engine.begin() as connection:
        _unguard(connection)
        connection.execute(sa.text(copy), {"many": count})
    engine.dispose()


def store(kind: Any, schema: Any, url: str, ended: int) -> SqlStore:
    """Return a store with so many ended jobs, and jobs that wait."""
    opened: SqlStore = kind.open_store(url)
    scene = Scenario(opened, SystemClock())  # type: ignore[arg-type]  # moved by nobody
    scene.apply(scene.add(name="fast", queue="q"), Event.CANCEL)
    opened.close()
    _ended(url, ended)
    schema(url).upgrade()
    opened = kind.open_store(url)
    scene = Scenario(opened, SystemClock())  # type: ignore[arg-type]
    for start in range(0, WAITING, 500):
        ids = [f"w{number:06}" for number in range(start, start + 500)]
        opened.add([scene.new(job_id, name="fast", queue="q") for job_id in ids])
    engine = _owner(url)
    with engine.begin() as connection:
        connection.exec_driver_sql("ANALYZE")
    engine.dispose()
    return opened


def claim_ms(opened: SqlStore) -> float:
    """Return the milliseconds of one claim of one job."""
    request = ClaimRequest(
        worker_id="w",
        names=frozenset({"fast"}),
        limit=1,
        lease=timedelta(seconds=600),
        now=SystemClock().now(),
    )
    began = time.perf_counter()
    claimed = opened.claim(request)
    ended = time.perf_counter()
    assert len(claimed) == 1
    return (ended - began) * 1000


def compare(name: str, few: SqlStore, many: SqlStore) -> None:
    """Measure both in turn and print the ratio of the medians."""
    times: tuple[list[float], list[float]] = ([], [])
    for _ in range(CLAIMS):
        times[0].append(claim_ms(few))
        times[1].append(claim_ms(many))
    p50 = [statistics.median(durations) for durations in times]
    print(
        f"{name}: claim p50 {p50[0]:.3f} ms with {FEW:,} ended jobs,"
        f" {p50[1]:.3f} ms with {MANY:,}; ratio {p50[1] / p50[0]:.2f}"
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--postgres", help="URL of a server where databases are made")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        stores = [
            store(sqlite, sqlite.SqliteSchema, f"sqlite:///{folder}/{n}.db", n)
            for n in (FEW, MANY)
        ]
        compare("SQLite", *stores)
        for opened in stores:
            opened.close()
    if options.postgres:
        _on_postgres(sa.make_url(options.postgres))


def _on_postgres(server: sa.URL) -> None:
    admin = sa.create_engine(
        server.set(drivername="postgresql+psycopg"), isolation_level="AUTOCOMMIT"
    )
    names = [f"interlock_bench_{number}" for number in (FEW, MANY)]
    with admin.connect() as connection:
        for name in names:
            connection.exec_driver_sql(f"DROP DATABASE IF EXISTS {name}")
            connection.exec_driver_sql(f"CREATE DATABASE {name}")
        urls = [server.set(database=n).render_as_string(False) for n in names]
        stores = [
            store(postgres, postgres.PostgresSchema, url, ended)
            for url, ended in zip(urls, (FEW, MANY), strict=True)
        ]
        compare("PostgreSQL", *stores)
        for opened in stores:
            opened.close()
        for name in names:
            connection.exec_driver_sql(f"DROP DATABASE {name}")


if __name__ == "__main__":
    main()
