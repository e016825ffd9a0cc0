"""Unique keys and deadlines on PostgreSQL: its clock decides, and rivals wait."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import psycopg
import pytest

import postgres
from e2e.processes import until
from interlock import DuplicateJob, IllegalTransition
from interlock.core.job import Job, Move, NewJob
from interlock.core.lifecycle import Event, JobStatus, Proof, Reason
from interlock.core.records import ClaimRequest
from interlock.core.retry import Retry
from interlock.core.uniqueness import OnConflict, Unique
from interlock.ports.clock import SystemClock
from interlock_adapters.sql.postgres.postgres import open_store
from interlock_adapters.sql.store.store import SqlStore
from pace import deadline

HOUR, SOON = timedelta(hours=1), timedelta(seconds=60)
REPLACE = Unique(on_conflict=OnConflict.REPLACE, kept=HOUR)
WAITS = (
    "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database()"
    " AND wait_event_type = 'Lock'"
)


class Wrong(SystemClock):
    """A clock of the system that somebody has set wrong."""

    def __init__(self, days: int = 2) -> None:
        self._skew = timedelta(days=days)

    def now(self) -> datetime:
        return super().now() + self._skew


@pytest.fixture
def url() -> Iterator[str]:
    with postgres.database() as made:
        yield made


@pytest.fixture(params=[-2, 2], ids=["behind", "ahead"])
def store(url: str, request: pytest.FixtureRequest) -> Iterator[SqlStore]:
    opened = open_store(url, Wrong(request.param))
    yield opened
    assert opened.verify() == []
    opened.close()


def _new(store: SqlStore, job_id: str, **fields: Any) -> NewJob:
    now = store.database.clock.now()
    given = {"name": "f", "params": {}, "created_at": now, "run_at": now, **fields}
    return NewJob(id=job_id, unique_key="u", **given)


def _add(store: SqlStore, job_id: str, wanted: Unique, **fields: Any) -> Job:
    store.add([_new(store, job_id, **fields)], unique={job_id: wanted})
    return store.get(job_id)


def _is_in(delay: timedelta, moment: datetime | None) -> bool:
    return moment is not None and abs(moment - delay - datetime.now(UTC)) < SOON


def test_a_deadline_and_a_debounce_count_from_the_databases_present(
    store: SqlStore,
) -> None:
    now = store.database.clock.now()
    plain = _add(store, "a", Unique(), deadline_at=now + HOUR)
    assert _is_in(HOUR, plain.deadline_at)
    assert _is_in(timedelta(0), plain.run_at)
    later = {"run_at": now + HOUR, "deadline_at": now + 2 * HOUR}
    wanted = Unique(on_conflict=OnConflict.DEBOUNCE, kept=HOUR)
    debounced = _add(store, "b", wanted, **later)
    assert _is_in(HOUR, debounced.run_at)
    assert _is_in(2 * HOUR, debounced.deadline_at)
    given = datetime.now(UTC) + 5 * HOUR
    store.apply(_move(store, "b", Event.CANCEL, attempt=None))
    kept = {"run_at": given, "deadline_at": given + HOUR}
    store.add([replace(_new(store, "c", **kept), unique_key="v")])
    asked = store.get("c")
    assert (asked.run_at, asked.deadline_at) == (given, given + HOUR)


def _move(store: SqlStore, job_id: str, event: Event, **fields: Any) -> Move:
    now = store.database.clock.now()
    values = {"attempt": 1, "proof": Proof.CGROUP, "reason": Reason.RETURNED, **fields}
    return Move(job_id=job_id, event=event, now=now, actor="w", **values)


def test_a_key_is_kept_and_pruned_by_the_clock_of_the_database(
    store: SqlStore, url: str
) -> None:
    now = store.database.clock.now()
    _add(store, "a", REPLACE)
    store.apply(_move(store, "a", Event.CANCEL, attempt=None))
    with psycopg.connect(url) as raw:
        (until_at,) = raw.execute("SELECT until FROM interlock_unique").fetchone() or ()
    assert _is_in(HOUR, until_at)
    with pytest.raises(DuplicateJob, match="keeps the key"):
        _add(store, "b", Unique())
    assert not store.needs(now=now).prune
    assert store.prune(now=now) == 0
    with psycopg.connect(url) as raw:
        raw.execute("UPDATE interlock_unique SET until = now() - interval '61 seconds'")
    assert store.needs(now=now).prune
    assert store.prune(now=now) == 1


def test_a_key_that_is_just_taken_again_is_not_pruned(
    store: SqlStore, url: str
) -> None:
    """Else two jobs could have it within its time."""
    now = store.database.clock.now()
    _add(store, "a", REPLACE)
    pruned: list[int] = []
    past, again = (
        f"UPDATE interlock_unique SET until = now() {delay}"
        for delay in ("- interval '1 hour'", "+ interval '1 hour'")
    )
    with psycopg.connect(url) as raw, psycopg.connect(url, autocommit=True) as looker:
        raw.execute(past)
        raw.commit()
        raw.execute(again)
        pruning = threading.Thread(target=lambda: pruned.append(store.prune(now=now)))
        pruning.start()
        until(lambda: looker.execute(WAITS).fetchone() == (1,))
        raw.commit()
        pruning.join(deadline(20))
    assert pruned == [0]


def test_a_retry_is_too_late_by_the_clock_of_the_database(store: SqlStore) -> None:
    now = store.database.clock.now()
    retry = Retry(max_attempts=2)
    _add(store, "a", Unique(), deadline_at=now + HOUR, retry=retry)
    _claim(store)
    late = _move(store, "a", Event.RETRY, run_at=now + HOUR + SOON)
    with pytest.raises(IllegalTransition, match="the next attempt would start"):
        store.apply(late)


def _claim(store: SqlStore) -> Job:
    (job,) = store.claim(
        ClaimRequest(
            worker_id="w",
            names=frozenset({"f"}),
            limit=1,
            lease=timedelta(seconds=30),
            now=store.database.clock.now(),
        )
    )
    return job


def _run_and_end(store: SqlStore) -> None:
    job = _claim(store)
    store.apply(_move(store, job.id, Event.SUCCEED, result=1))


@pytest.mark.parametrize(
    ("meanwhile", "words"),
    [
        (_claim, "it is RUNNING, and only a job that waits is replaced"),
        (_run_and_end, "it is SUCCEEDED, and keeps the key until"),
    ],
)
def test_who_replaces_waits_for_what_happens_to_the_job(
    store: SqlStore, url: str, meanwhile: Callable[[SqlStore], object], words: str
) -> None:
    _add(store, "old", REPLACE)
    refusals: list[str] = []

    def submit() -> None:
        rival = open_store(url, Wrong())
        try:
            _add(rival, "new", REPLACE)
        except DuplicateJob as error:
            refusals.append(str(error))
        finally:
            rival.close()

    thread = threading.Thread(target=submit)
    with store.together():
        meanwhile(store)
        thread.start()
        with psycopg.connect(url, autocommit=True) as raw:
            until(lambda: raw.execute(WAITS).fetchone() == (1,))
    thread.join(deadline(20))
    assert len(refusals) == 1
    assert words in refusals[0]
    assert store.counts()[JobStatus.CANCELED] == 0


def test_a_key_is_kept_by_a_job_that_was_stored_and_ended_meanwhile(
    store: SqlStore, url: str
) -> None:
    refusals: list[str] = []

    def submit() -> None:
        rival = open_store(url, Wrong())
        try:
            _add(rival, "new", Unique())
        except DuplicateJob as error:
            refusals.append(error.job_id)
        finally:
            rival.close()

    thread = threading.Thread(target=submit)
    with store.together():
        store.add([_new(store, "old")], unique={"old": REPLACE})
        _run_and_end(store)
        thread.start()
        with psycopg.connect(url, autocommit=True) as raw:
            until(lambda: raw.execute(WAITS).fetchone() == (1,))
    thread.join(deadline(20))
    assert refusals == ["old"]


def test_submits_of_one_key_wait_for_each_other(store: SqlStore, url: str) -> None:
    """Else both would look, and one would act on what the other has changed."""
    ended = threading.Event()

    def submit() -> None:
        rival = open_store(url, Wrong())
        _add(rival, "new", REPLACE)
        rival.close()
        ended.set()

    thread = threading.Thread(target=submit)
    with store.together():
        store.add([_new(store, "old")], unique={"old": REPLACE})
        thread.start()
        with psycopg.connect(url, autocommit=True) as raw:
            until(lambda: raw.execute(WAITS).fetchone() == (1,))
        assert not ended.is_set()
    thread.join(deadline(20))
    assert ended.is_set()
    assert store.get("old").reason is Reason.REPLACED
