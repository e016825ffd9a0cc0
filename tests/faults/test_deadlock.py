"""Two transactions that wait for each other: the database undoes one, we repeat it."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from typing import TypeVar

import psycopg
import pytest
import sqlalchemy as sa

import postgres
from e2e import sample_jobs as jobs
from e2e.processes import until
from interlock import (
    Engine,
    IllegalTransition,
    Job,
    JobStatus,
    Schedule,
    StoreUnavailable,
)
from interlock.core.job import Move
from interlock.core.lifecycle import Event, Proof
from interlock.ports.store import JobStore
from interlock.testing.clock import ManualClock
from interlock.testing.scenario import Scenario
from interlock_adapters.sql.postgres import connection
from interlock_adapters.sql.statements import claiming
from interlock_adapters.sql.store.store import SqlStore
from pace import deadline

T = TypeVar("T")

_WAIT = (
    "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database()"
    " AND wait_event_type = 'Lock'"
)
#: One call locks its keys in the order of these.
_NUMBER = "SELECT hashtextextended('unique:{}', 0)"
_REPEATED = "the transaction is repeated: "
_LOCK = sa.text("SELECT FROM interlock_job WHERE id = :id FOR UPDATE")


@pytest.fixture
def url(monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    monkeypatch.setitem(connection._SERVER, "deadlock_timeout", "50ms")
    with postgres.database() as database_url:
        yield database_url


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
    database = sa.create_engine(sa.make_url(url).set(drivername="postgresql+psycopg"))
    try:
        with database.connect() as connection:
            connection.execute(sa.text("SET deadlock_timeout = '1min'"))
            yield connection
    finally:
        database.dispose()


def _ask(url: str, query: str) -> int:
    with psycopg.connect(url) as connection:
        row = connection.execute(query).fetchone()
    assert row is not None
    return int(row[0])


def _cancel(engine: Engine, *ids: str) -> list[Move]:
    """Return moves that cancel jobs."""
    now = engine._clock.now()
    return [Move(job_id=i, event=Event.CANCEL, now=now, actor="anna") for i in ids]


def _crossed(
    url: str, work: Callable[[], T], steps: Sequence[Callable[[sa.Connection], object]]
) -> T:
    """Return what `work` returns, which takes what the steps take, in their order.

    A rival holds the last of it and waits for the first before `work` comes to the
    last. So `work` closes the circle, however slow everybody is: a session looks for a
    circle once in a wait, and the rival, which is patient, does not.
    """
    first, between, last = steps
    with _rival(url) as rival, _rival(url) as gate, ThreadPoolExecutor(2) as pool:
        last(rival)
        between(gate)
        ours = pool.submit(work)
        until(lambda: _ask(url, _WAIT) == 1)
        theirs = pool.submit(first, rival)
        until(lambda: _ask(url, _WAIT) == 2)
        gate.rollback()
        theirs.result(deadline(20))
        rival.rollback()
        return ours.result(deadline(20))


def _locking(job_id: str) -> Callable[[sa.Connection], object]:
    return lambda connection: connection.execute(_LOCK, {"id": job_id})


def _together(store: JobStore, *moves: Move) -> None:
    """Apply moves in a transaction that is not repeated."""
    with store.together():
        for move in moves:
            store.apply(move)


def test_a_batch_of_submits_that_was_undone_is_repeated(
    url: str, engine: Engine, caplog: pytest.LogCaptureFixture
) -> None:
    """Two transactions take the same keys, each in its own order."""

    def keyed(key: str) -> Callable[[sa.Connection], object]:
        own = jobs.add.options(unique_key=key)
        return lambda rival: engine.submit(own.options(connection=rival), 1)

    keys = sorted("abc", key=lambda key: _ask(url, _NUMBER.format(key)))
    calls = [jobs.add.options(unique_key=key).call(1) for key in keys]
    handles = _crossed(
        url, lambda: engine.submit_many(calls), [keyed(key) for key in keys]
    )
    assert [handle.job().unique_key for handle in handles] == keys
    assert engine.counts()[JobStatus.PENDING] == 3
    assert caplog.text.count(_REPEATED) == 1


def test_moves_that_were_undone_are_repeated(
    url: str, engine: Engine, store: SqlStore, caplog: pytest.LogCaptureFixture
) -> None:
    a, b, c = (engine.submit(jobs.add, n).id for n in range(3))
    # What comes twice begins a statement of its own: they are locked in this order.
    moves = _cancel(engine, a, a, b, b, c)
    steps = [_locking(job_id) for job_id in (a, b, c)]
    outcomes = _crossed(url, lambda: store.commit(moves), steps)
    kinds = [type(outcome) for outcome in outcomes]
    assert kinds == [Job, IllegalTransition, Job, IllegalTransition, Job]
    assert engine.counts()[JobStatus.CANCELED] == 3
    assert len(engine.history(a)) == 2
    assert len(engine.rejections(a)) == 1
    assert caplog.text.count(_REPEATED) == 1


def test_what_was_undone_together_is_told_and_all_of_it_is_undone(
    url: str, engine: Engine, store: SqlStore
) -> None:
    ids = [engine.submit(jobs.add, n).id for n in range(3)]
    moves = _cancel(engine, *ids)
    with pytest.raises(StoreUnavailable, match=r"undid the .*deadlock") as caught:
        _crossed(url, lambda: _together(store, *moves), [_locking(i) for i in ids])
    assert "Nothing was written" in str(caught.value)
    assert engine.counts()[JobStatus.PENDING] == 3
    _together(store, *moves)
    assert engine.counts()[JobStatus.CANCELED] == 3


def test_a_limit_that_two_workers_set_at_once_is_set(url: str, store: SqlStore) -> None:
    insert = sa.text(
        "INSERT INTO interlock_limit (key, max_running) VALUES ('name:t.add', 1)"
    )
    with _rival(url) as rival, ThreadPoolExecutor(1) as pool:
        rival.execute(insert)
        other = pool.submit(store.set_limit, "name:t.add", 2)
        until(lambda: _ask(url, _WAIT))
        rival.commit()
        other.result(deadline(20))
    assert [(each.key, each.max_running) for each in store.limits()] == [
        ("name:t.add", 2)
    ]


def test_who_changes_a_limit_waits_for_claims_under_way(
    url: str, store: SqlStore
) -> None:
    """They may have read the old one: when the call returns, none goes on with it."""
    calls: list[Callable[[], None]] = [
        lambda: store.set_limit("name:t.add", 2),
        lambda: store.set_paused("q", paused=True),
    ]
    for call in calls:
        with _rival(url) as claim, ThreadPoolExecutor(1) as pool:
            claim.execute(claiming.begin_claim())
            waiting = pool.submit(call)
            until(lambda: _ask(url, _WAIT))
            assert not waiting.done()
            claim.commit()
            waiting.result(deadline(20))


def test_a_claim_waits_for_a_limit_that_is_being_changed(
    url: str, store: SqlStore
) -> None:
    scene = Scenario(store, ManualClock())
    scene.store.add([scene.new(name="f") for _ in range(3)])
    with _rival(url) as change, ThreadPoolExecutor(1) as pool:
        change.execute(claiming.barrier())
        limit = "INSERT INTO interlock_limit (key, max_running) VALUES ('name:f', 1)"
        change.execute(sa.text(limit))
        claimed = pool.submit(scene.claim, "f")
        until(lambda: _ask(url, _WAIT))
        change.commit()
        assert [job.id for job in claimed.result(deadline(20))] == ["j1"]


def test_a_start_that_is_just_taken_is_not_forgotten(url: str, store: SqlStore) -> None:
    """Else its rate allows one more in the same window."""
    scene = Scenario(store, ManualClock())
    parked = scene.add(name="f")
    take = "UPDATE interlock_rate SET free_at = now() + interval '1 hour'"
    with _rival(url) as claim, ThreadPoolExecutor(1) as pool:
        park = "UPDATE interlock_job SET held_by = 'key:name:f' WHERE id = :id"
        claim.execute(sa.text(park), {"id": parked.id})
        starts = (
            "INSERT INTO interlock_rate (key, number, base, job_id, attempt, at,"
            " free_at) SELECT 'k', n, 'k', 'j', 1, now() - interval '2 hours',"
            " now() - interval '1 hour' FROM generate_series(1, 2) AS n"
        )
        claim.execute(sa.text(starts))
        claim.commit()
        claim.execute(claiming.begin_claim())
        claim.execute(sa.text(f"{take} WHERE number = 1"))
        duty = pool.submit(store.reopen, "", now=scene.clock.now())
        until(lambda: _ask(url, _WAIT))
        claim.commit()
        duty.result(deadline(20))
    assert _ask(url, "SELECT count(*) FROM interlock_rate") == 2


def test_two_claims_at_once_share_the_slots(url: str, store: SqlStore) -> None:
    scene = Scenario(store, ManualClock())
    scene.store.set_limit("name:f", 1)
    scene.store.add([scene.new(name="f") for _ in range(3)])
    slot = "INSERT INTO interlock_slot (key, number, job_id, attempt)"
    with _rival(url) as first, ThreadPoolExecutor(1) as pool:
        first.execute(sa.text(f"{slot} VALUES ('name:f', 1, 'j3', 1)"))
        claimed = pool.submit(scene.claim, "f")
        until(lambda: _ask(url, _WAIT))  # for the slot that the other takes
        first.commit()
        assert claimed.result(deadline(20)) == []
    (fault,) = store.verify()
    assert (fault.job_id, fault.what) == (
        "j3",
        "holds a slot of a limit, but does not run",
    )
    with _rival(url) as owner:
        owner.execute(sa.text("DELETE FROM interlock_slot"))
        owner.commit()


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
        rival.execute(sa.text("UPDATE interlock_job SET metadata = '{}'"))
        cancel = pool.submit(_together, engine._store, *_cancel(engine, job.id))
        until(lambda: _ask(url, _WAIT))
        rival.commit()
        cancel.result(deadline(20))
        assert engine.get(job.id).status is JobStatus.CANCELED


def test_a_limit_that_is_set_while_a_job_ends_leaves_it_no_slot(
    url: str, store: SqlStore
) -> None:
    """The end knows of no limit yet; a slot given to that job would stay for ever."""
    scene = Scenario(store, ManualClock())
    scene.store.add([scene.new(name="f") for _ in range(2)])
    running = scene.claim("f", limit=2)
    with Engine.open(url) as other, ThreadPoolExecutor(1) as pool:
        with store.together():
            scene.apply(running[0], Event.SUCCEED, proof=Proof.CGROUP)
            setting = pool.submit(other._store.set_limit, "name:f", 1)
            until(lambda: setting.done() or _ask(url, _WAIT))
        setting.result(deadline(20))
    assert [(each.running, each.max_running) for each in store.limits()] == [(1, 1)]
    assert store.verify() == []


def test_a_duty_that_waits_for_an_end_holds_no_job(url: str, store: SqlStore) -> None:
    """Else a cancel that holds the cause waits for the job, and the duty for it."""
    scene = Scenario(store, ManualClock())
    scene.store.set_limit("name:f", 1)
    due = scene.add(name="f", run_at=scene.clock.now())
    parked = scene.add(name="f")
    park = sa.text("UPDATE interlock_job SET held_by = :cause WHERE id = :id")
    with _rival(url) as rival, ThreadPoolExecutor(1) as pool:
        rival.execute(park, {"cause": "due", "id": due.id})
        rival.execute(park, {"cause": "key:name:f", "id": parked.id})
        rival.commit()
        rival.execute(claiming.lock_causes(), {"causes": ["key:name:f"]})
        duty = pool.submit(store.reopen, "", now=scene.clock.now())
        until(lambda: _ask(url, _WAIT))
        locked = rival.execute(sa.text(f"{_LOCK} SKIP LOCKED"), {"id": due.id}).all()
        rival.rollback()
        duty.result(deadline(20))
    assert len(locked) == 1


def test_the_end_of_a_hold_waits_for_nobody_who_has_the_schedule(
    url: str, engine: Engine, store: SqlStore
) -> None:
    """Who decides about its ticks may wait for what the duty has locked."""
    every = Schedule(every="1h")
    engine.schedules.create("s", jobs.add, {"left": 1}, schedule=every)
    engine.hold("schedule:s", until=datetime.now(UTC) + timedelta(seconds=1))
    now = datetime.now(UTC)
    with _rival(url) as rival:
        rival.execute(sa.text("SELECT FROM interlock_schedule FOR UPDATE"))
        until(lambda: store.needs(now=now).reopen)
        store.reopen("", now=now)
        assert [hold.target for hold in engine.holds()] == ["schedule:s"]
        rival.commit()
    store.reopen("", now=now)
    assert engine.holds() == []
    assert not engine.schedules.get("s").paused
