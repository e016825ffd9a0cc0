"""What a claim of four jobs costs beside what else the database holds.

`python bench/claims.py [--postgres URL] [--scale F] [--analyze]`: a database for each
crowd, never analyzed unless asked for, all measured in turn; each row is compared with
the plain case of the same run. Rows are copied past the guard by the tables' owner: the
guard is taken away and put back.
"""

import argparse
import statistics
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

import sqlalchemy as sa

from interlock.core.records import ClaimRequest
from interlock.ports.clock import SystemClock
from interlock.testing.scenario import Scenario
from interlock_adapters.sql.postgres import postgres
from interlock_adapters.sql.schema import tables
from interlock_adapters.sql.sqlite import sqlite
from interlock_adapters.sql.store.store import SqlStore

LIMIT, CLAIMS, ROUNDS, WARM_UP = 4, 60, 5, 10
NAME, QUEUE = "fast", "q"


@dataclass(frozen=True)
class Crowd:
    """Copies of one waiting job: how many, and the columns that differ, in SQL of i."""

    count: int
    columns: dict[str, str] = field(default_factory=dict)
    then: Callable[[SqlStore], object] = lambda _store: None


def _is_of(column: str, many: int) -> str:
    return f"'{column}' || (i % {many})"


_ENDED = {
    "status": "'CANCELED'",
    "finished_at": "job.created_at",
    "event": "'cancel'",
    "reason": "'before_start'",
}
_FRONT = {"priority": "5"}
CROWDS: dict[str, list[Crowd]] = {
    "plain: 100,000 waiting jobs": [Crowd(100_000)],
    "1,000,000 ended jobs": [Crowd(100_000), Crowd(1_000_000, _ENDED)],
    "100,000 pairs of queue and name": [
        Crowd(100_000, {"queue": _is_of("q", 100_000), "name": _is_of("n", 100_000)}),
        Crowd(10_000),
    ],
    "100,000 foreign names in front": [
        Crowd(100_000, {"name": _is_of("n", 100_000), **_FRONT}),
        Crowd(10_000),
    ],
    "paused queue of 200,000 in front": [
        Crowd(200_000, {"queue": "'paused'", **_FRONT}),
        Crowd(10_000, then=lambda store: store.set_paused("paused", paused=True)),
    ],
    "1,000,000 just due": [
        Crowd(1_000_000, {"held_by": "'due'"}),
    ],
}
_SERIES = {
    "sqlite": "WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n"
    " WHERE i < :many)",
    "postgresql": "WITH n (i) AS (SELECT generate_series(1, :many))",
}


def _unguard(connection: sa.Connection) -> None:
    if connection.dialect.name == "postgresql":
        for table in ("job", "history"):
            disable = f"ALTER TABLE interlock_{table} DISABLE TRIGGER USER"
            connection.exec_driver_sql(disable)
        return
    query = "SELECT name FROM sqlite_master WHERE type = 'trigger'"
    for (name,) in connection.exec_driver_sql(query).all():
        connection.exec_driver_sql(f"DROP TRIGGER {name}")


def _owner(url: str) -> sa.Engine:
    return sa.create_engine(url.replace("postgresql:", "postgresql+psycopg:"))


def _copy(connection: sa.Connection, number: int, crowd: Crowd) -> None:
    dialect = connection.dialect.name
    padded = "lpad(i::text, 8, '0')" if dialect == "postgresql" else "printf('%08d', i)"
    own = {
        "id": f"'c{number}' || {padded}",
        "metadata": "job.metadata",
        **crowd.columns,
    }
    names = [column.name for column in tables.job.c]
    values = [own.get(name, f"job.{name}") for name in names]
    copy = (
        f"INSERT INTO interlock_job ({', '.join(names)}) {_SERIES[dialect]}"
        f" SELECT {', '.join(values)} FROM n, interlock_job AS job WHERE job.id = 'j1'"
    )
    connection.execute(sa.text(copy), {"many": crowd.count})
    history = (
        "INSERT INTO interlock_history (job_id, seq, event, target, at, actor, attempt)"
        " SELECT id, 1, 'submit', 'PENDING', created_at, actor, 0 FROM interlock_job"
        f" WHERE id LIKE 'c{number}%'"
    )
    connection.execute(sa.text(history))


def store(
    kind: Any, schema: Any, url: str, crowds: list[Crowd], *, analyze: bool
) -> SqlStore:
    """Return a store with crowds of jobs."""
    opened: SqlStore = kind.open_store(url)
    scene = Scenario(opened, SystemClock())  # type: ignore[arg-type]  # moved by nobody
    scene.add(name=NAME, queue=QUEUE)
    opened.close()
    engine = _owner(url)
    with engine.begin() as connection:
        _unguard(connection)
        for number, crowd in enumerate(crowds):
            _copy(connection, number, crowd)
        if analyze:
            connection.exec_driver_sql("ANALYZE")
    engine.dispose()
    schema(url).upgrade()
    opened = kind.open_store(url)
    for crowd in crowds:
        crowd.then(opened)
    return opened


def claim_ms(opened: SqlStore) -> float:
    """Return the milliseconds of one claim."""
    request = ClaimRequest(
        worker_id="w",
        names=frozenset({NAME, *(f"own{number}" for number in range(50))}),
        limit=LIMIT,
        lease=timedelta(seconds=600),
        now=SystemClock().now(),
    )
    began = time.perf_counter()
    claimed = opened.claim(request)
    ended = time.perf_counter()
    assert len(claimed) == LIMIT, claimed
    return (ended - began) * 1000


def measure(kind: str, stores: dict[str, SqlStore]) -> None:
    """Measure all in turn, and print the medians and their ratios to the first."""
    times: dict[str, list[float]] = {name: [] for name in stores}
    for opened in stores.values():
        for _ in range(WARM_UP):
            claim_ms(opened)
    for _ in range(ROUNDS):
        for name, opened in stores.items():
            times[name] += [claim_ms(opened) for _ in range(CLAIMS)]
    p50 = {name: statistics.median(durations) for name, durations in times.items()}
    plain = next(iter(p50.values()))
    print(f"{kind}: a claim of {LIMIT}, median of {ROUNDS * CLAIMS}")
    for name, median in p50.items():
        most = max(times[name])
        print(f"  {name}: {median:.2f} ms (max {most:.0f}); ratio {median / plain:.2f}")


@contextmanager
def _sqlite_urls() -> Iterator[list[str]]:
    with tempfile.TemporaryDirectory() as folder:
        yield [f"sqlite:///{folder}/{number}.db" for number in range(len(CROWDS))]


@contextmanager
def _postgres_urls(server: sa.URL) -> Iterator[list[str]]:
    admin = sa.create_engine(
        server.set(drivername="postgresql+psycopg"), isolation_level="AUTOCOMMIT"
    )
    names = [f"interlock_bench_{number}" for number in range(len(CROWDS))]
    with admin.connect() as connection:
        for name in names:
            connection.exec_driver_sql(f"DROP DATABASE IF EXISTS {name}")
            connection.exec_driver_sql(f"CREATE DATABASE {name}")
        yield [server.set(database=n).render_as_string(False) for n in names]
        for name in names:
            connection.exec_driver_sql(f"DROP DATABASE {name}")


def compare(kind: Any, schema: Any, urls: list[str], options: Any) -> None:
    """Make the databases of one kind, and measure them."""
    stores = {}
    for (name, crowds), url in zip(CROWDS.items(), urls, strict=True):
        smaller = [
            Crowd(max(2000, int(c.count * options.scale)), c.columns, c.then)
            for c in crowds
        ]
        stores[name] = store(kind, schema, url, smaller, analyze=options.analyze)
    measure(kind.__name__.rpartition(".")[2], stores)
    for opened in stores.values():
        opened.close()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--postgres", help="URL of a server where databases are made")
    parser.add_argument("--scale", type=float, default=1.0, help="of the crowds")
    parser.add_argument("--analyze", action="store_true", help="analyze the tables")
    options = parser.parse_args()
    with _sqlite_urls() as urls:
        compare(sqlite, sqlite.SqliteSchema, urls, options)
    if options.postgres:
        with _postgres_urls(sa.make_url(options.postgres)) as urls:
            compare(postgres, postgres.PostgresSchema, urls, options)


if __name__ == "__main__":
    main()
