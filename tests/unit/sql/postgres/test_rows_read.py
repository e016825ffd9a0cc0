"""A move reads the rows of its jobs, not of all jobs. Counted, not timed."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import pytest
import sqlalchemy as sa

import postgres
from interlock.core.lifecycle import Event
from interlock.testing.clock import ManualClock
from interlock.testing.scenario import Scenario
from interlock_adapters.sql.postgres.postgres import open_store
from interlock_adapters.sql.store.store import SqlStore

CROWD, SOME = 300, 8
_READ = sa.text(
    "SELECT seq_tup_read + coalesce(idx_tup_fetch, 0) FROM pg_stat_xact_user_tables"
    " WHERE relname = 'interlock_job'"
)


@pytest.fixture
def scene() -> Iterator[Scenario]:
    """Return a store without statistics, as it is before its first ANALYZE."""
    with postgres.database() as url:
        clock = ManualClock()
        store = open_store(url, clock)
        yield Scenario(store, clock)
        store.close()


@contextmanager
def reads(store: SqlStore) -> Iterator[list[int]]:
    """Collect how many rows of jobs each transaction has read."""
    found: list[int] = []

    def begin(connection: sa.Connection) -> None:
        found.append(-connection.execute(_READ).scalar_one())

    def commit(connection: sa.Connection) -> None:
        found[-1] += connection.execute(_READ).scalar_one()

    engine = store.database.engine
    sa.event.listen(engine, "begin", begin)
    sa.event.listen(engine, "commit", commit)
    yield found
    sa.event.remove(engine, "begin", begin)
    sa.event.remove(engine, "commit", commit)


def test_a_move_reads_few_rows_among_many(scene: Scenario) -> None:
    store = scene.store
    assert isinstance(store, SqlStore)
    store.add([scene.new(name="a") for _ in range(2 * CROWD)])
    scene.claim("a", limit=CROWD)
    with reads(store) as claimed:
        jobs = scene.claim("a", limit=SOME)
    with reads(store) as ended:
        store.commit([scene.move(job, Event.SUCCEED) for job in jobs])
    assert len(jobs) == SOME
    assert max(claimed) < CROWD
    assert max(ended) < CROWD
