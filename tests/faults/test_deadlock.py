"""Two transactions that wait for each other: the database undoes one, we repeat it."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager

import psycopg
import pytest
import sqlalchemy as sa

import postgres
from e2e import sample_jobs as jobs
from e2e.processes import until
from interlock import Engine, IllegalTransition, Job, JobStatus, StoreUnavailable
from interlock.job import Move
from interlock.lifecycle import Event
from interlock.ports import JobStore
from interlock_adapters.sql import session
from interlock_adapters.sql.store import SqlStore

_WAITING = (
    "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database()"
    " AND wait_event_type = 'Lock'"
)
_DEADLOCKS = "SELECT deadlocks FROM pg_stat_database WHERE datname = current_database()"
_LOCK = sa.text("SELECT FROM job WHERE id = :id FOR UPDATE")


@pytest.fixture
def url(monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    monkeypatch.setitem(session._SERVER, "deadlock_timeout", "1500ms")
    with postgres.database() as made:
        yield made


@pytest.fixture
def engine(url: str) -> Iterator[Engine]:
    with Engine.open(url) as opened:
        yield opened
        assert opened.verify() == []


@pytest.fixture
def store(engine: Engine) -> SqlStore:
    assert isinstance(engine._store, SqlStore)
    return engine._store


@contextmanager
def _rival(url: str) -> Iterator[sa.Connection]:
    """Yield a transaction that is never the one to be undone: it is patient."""
    own = sa.create_engine(sa.make_url(url).set(drivername="postgresql+psycopg"))
    with own.connect() as connection:
        connection.execute(sa.text("SET deadlock_timeout = '1min'"))
        yield connection
    own.dispose()


def _ask(url: str, query: str) -> int:
    with psycopg.connect(url) as connection:
        found = connection.execute(query).fetchone()
    assert found is not None
    return int(found[0])


def _cancel(engine: Engine, *ids: str) -> list[Move]:
    """Return moves that lock one job after the other, and nothing in between."""
    now = engine._clock.now()
    told = [ids[0], *ids]  # what comes twice begins a statement of its own
    return [Move(job_id=i, event=Event.CANCEL, now=now, actor="anna") for i in told]


def _together(store: JobStore, *moves: Move) -> None:
    """Apply moves in a transaction that is not repeated."""
    with store.together():
        for move in moves:
            store.apply(move)


def test_a_batch_of_submits_that_was_undone_is_repeated(
    url: str, engine: Engine
) -> None:
    """Two transactions take the same keys, each in its own order."""
    first, second = (jobs.add.options(unique_key=key) for key in "ab")
    with _rival(url) as rival, ThreadPoolExecutor(1) as pool:
        engine.submit(second.options(connection=rival), 1)
        batch = pool.submit(engine.submit_many, [first.call(1), second.call(1)])
        until(lambda: _ask(url, _WAITING))
        engine.submit(first.options(connection=rival), 1)
        rival.rollback()
        handles = batch.result(20)
    assert [handle.job().unique_key for handle in handles] == ["a", "b"]
    assert engine.counts()[JobStatus.PENDING] == 2
    until(lambda: _ask(url, _DEADLOCKS) == 1)


def test_moves_that_were_undone_are_repeated(
    url: str, engine: Engine, store: SqlStore
) -> None:
    first, second = (engine.submit(jobs.add, n).id for n in range(2))
    with _rival(url) as rival, ThreadPoolExecutor(1) as pool:
        rival.execute(_LOCK, {"id": second})
        commit = pool.submit(store.commit, _cancel(engine, first, second))
        until(lambda: _ask(url, _WAITING))
        rival.execute(_LOCK, {"id": first})
        rival.rollback()
        outcomes = commit.result(20)
    assert [type(outcome) for outcome in outcomes] == [Job, IllegalTransition, Job]
    assert engine.counts()[JobStatus.CANCELED] == 2
    assert len(engine.history(first)) == 2
    assert len(engine.rejections(first)) == 1
    until(lambda: _ask(url, _DEADLOCKS) == 1)


def test_what_was_undone_together_is_told_and_all_of_it_is_undone(
    url: str, engine: Engine, store: SqlStore
) -> None:
    first, second = (engine.submit(jobs.add, n).id for n in range(2))

    moves = _cancel(engine, first, second)[1:]
    with _rival(url) as rival, ThreadPoolExecutor(1) as pool:
        rival.execute(_LOCK, {"id": second})
        block = pool.submit(_together, store, *moves)
        until(lambda: _ask(url, _WAITING))
        rival.execute(_LOCK, {"id": first})
        rival.rollback()
        with pytest.raises(StoreUnavailable, match=r"undid the .*deadlock") as caught:
            block.result(20)
    assert "Nothing was written" in str(caught.value)
    assert engine.counts()[JobStatus.PENDING] == 2
    _together(store, *moves)
    assert engine.counts()[JobStatus.CANCELED] == 2


def test_a_limit_that_two_workers_set_at_once_is_set(url: str, store: SqlStore) -> None:
    insert = sa.text("INSERT INTO job_name (name, max_running) VALUES ('t.add', 1)")
    with _rival(url) as rival, ThreadPoolExecutor(1) as pool:
        rival.execute(insert)
        other = pool.submit(store.set_limit, "t.add", 2)
        until(lambda: _ask(url, _WAITING))
        rival.commit()
        other.result(20)
    assert store.limits() == {"t.add": (0, 2)}


def test_a_stricter_default_of_the_database_refuses_no_engine(url: str) -> None:
    """Its serialization errors (40001) are none of ours: we judge rows as they are."""
    name = url.rpartition("/")[2]
    strict = "SET default_transaction_isolation = 'serializable'"
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute(f"ALTER DATABASE {name} {strict}")
    with (
        Engine.open(url) as engine,
        _rival(url) as rival,
        ThreadPoolExecutor(1) as pool,
    ):
        job = engine.submit(jobs.add, 1).job()
        rival.execute(sa.text("UPDATE job SET metadata = '{}'"))
        cancel = pool.submit(_together, engine._store, *_cancel(engine, job.id)[1:])
        until(lambda: _ask(url, _WAITING))
        rival.commit()
        cancel.result(20)
        assert engine.get(job.id).status is JobStatus.CANCELED
