"""On PostgreSQL no clock of a client or a worker decides or stamps anything."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
import sqlalchemy as sa

import postgres
from e2e import sample_jobs as jobs
from interlock import Engine, IllegalTransition, JobStatus
from interlock.core.job import Job, Move, NewJob
from interlock.core.lifecycle import Event, Proof, Reason
from interlock.core.records import ClaimRequest
from interlock.core.retry import Retry
from interlock.ports.clock import SystemClock
from interlock.testing.inline import InlineRunner
from interlock.worker.loop import Worker
from interlock.worker.settings import WorkerSettings
from interlock_adapters.sql.postgres.postgres import open_store
from interlock_adapters.sql.store.store import SqlStore
from pace import deadline

HOUR, SOON = timedelta(hours=1), timedelta(seconds=60)
SKEWS = [-HOUR, HOUR]


class Skewed(SystemClock):
    """A clock of the system that somebody has set wrong."""

    def __init__(self, skew: timedelta) -> None:
        self.skew = skew

    def now(self) -> datetime:
        return super().now() + self.skew


@pytest.fixture
def url() -> Iterator[str]:
    with postgres.database() as made:
        yield made


@pytest.fixture
def stores(url: str) -> Iterator[tuple[SqlStore, SqlStore]]:
    """Return the stores of a client and of a worker, whose clocks differ by 2 hours."""
    with ExitStack() as closing:
        pair = [open_store(url, Skewed(skew)) for skew in (HOUR, -HOUR)]
        for store in pair:
            closing.callback(store.close)
        yield pair[0], pair[1]


def _new(job_id: str, now: datetime, **fields: object) -> NewJob:
    given = {"name": "f", "params": {}, "created_at": now, "run_at": now, **fields}
    return NewJob(id=job_id, **given)  # type: ignore[arg-type]  # fields of NewJob


def _claim(store: SqlStore) -> list[Job]:
    return store.claim(
        ClaimRequest(
            worker_id="w",
            names=frozenset({"f"}),
            limit=9,
            lease=timedelta(seconds=30),
            now=store.database.clock.now(),
        )
    )


def _is_now(moment: datetime | None) -> bool:
    return moment is not None and abs(moment - datetime.now(UTC)) < SOON


@pytest.mark.parametrize("batch", [1, 2])
@pytest.mark.parametrize("ahead", [0, 1])
def test_a_job_is_claimed_at_once_whatever_the_clocks_say(
    stores: tuple[SqlStore, SqlStore], batch: int, ahead: int
) -> None:
    client, worker = stores[ahead], stores[1 - ahead]
    now = client.database.clock.now()
    client.add([_new(f"j{number}", now) for number in range(batch)])
    claimed = _claim(worker)
    assert len(claimed) == batch
    for job in claimed:
        assert _is_now(job.created_at)
        assert _is_now(job.run_at)
        assert _is_now(job.started_at)
        assert job.started_at is not None
        assert job.created_at <= job.started_at
    done = worker.apply(
        Move(
            job_id="j0",
            event=Event.SUCCEED,
            now=worker.database.clock.now(),
            actor="w",
            attempt=1,
            proof=Proof.CGROUP,
        )
    )
    assert _is_now(done.finished_at)
    assert all(_is_now(entry.at) for entry in client.history("j0"))
    (attempt,) = client.attempts("j0")
    assert _is_now(attempt.claimed_at)
    assert _is_now(attempt.ended_at)


def test_a_moment_that_was_asked_for_is_kept(
    stores: tuple[SqlStore, SqlStore],
) -> None:
    client, worker = stores
    past, later = datetime.now(UTC) - SOON, datetime.now(UTC) + SOON
    now = client.database.clock.now()
    client.set_paused("halted", paused=True)
    client.add(
        [
            _new("past", now, run_at=past),
            _new("later", now, run_at=later),
            _new("parked", now, queue="halted"),  # so that `reopen` has a look
        ]
    )
    assert [job.id for job in _claim(worker)] == ["past"]
    assert client.get("later").run_at == later
    for store in stores:
        now = store.database.clock.now()
        assert store.next_due(now=now) == later
        assert store.reopen("", now=now) == ("", False)
    with client.database.engine.connect() as opened:
        query = sa.text("SELECT held_by FROM interlock_job WHERE id = 'later'")
        assert opened.execute(query).scalar() == "due"


@pytest.mark.parametrize("place", [0, 1])
def test_a_backoff_is_as_long_as_it_says(
    stores: tuple[SqlStore, SqlStore], place: int
) -> None:
    worker = stores[place]
    now = worker.database.clock.now()
    worker.add([_new("j", now, retry=Retry(max_attempts=2))])
    (job,) = _claim(worker)
    back = worker.apply(
        Move(
            job_id=job.id,
            event=Event.RETRY,
            now=now,
            actor="w",
            attempt=1,
            proof=Proof.CGROUP,
            reason=Reason.ERROR,
            run_at=now + timedelta(seconds=30),
        )
    )
    wait = back.run_at - datetime.now(UTC)
    assert timedelta(seconds=20) < wait < timedelta(seconds=40)
    assert _claim(worker) == []


def test_nothing_expires_early_or_late(stores: tuple[SqlStore, SqlStore]) -> None:
    ahead, _ = stores
    now = datetime.now(UTC)
    ahead.add(
        [
            _new("fresh", now, expires_at=now + SOON),
            _new("stale", now, expires_at=now - SOON),
        ]
    )
    for store in stores:
        clock = store.database.clock
        assert [j.id for j in store.overdue(now=clock.now(), limit=9)] == ["stale"]
    expire = Move(
        job_id="fresh",
        event=Event.EXPIRE,
        now=ahead.database.clock.now(),
        actor="w",
        reason=Reason.EXPIRED,
    )
    with pytest.raises(IllegalTransition):
        ahead.apply(expire)
    assert [job.id for job in _claim(ahead)] == ["fresh"]


@pytest.mark.parametrize("skew", SKEWS)
def test_jobs_run_between_a_client_and_a_worker_whose_clocks_are_wrong(
    url: str, skew: timedelta, tmp_path: Path
) -> None:
    with (
        Engine.open(url, clock=Skewed(skew)) as client,
        Engine.open(url, clock=Skewed(-skew)) as server,
        server.worker(concurrency=2),
    ):
        job = client.submit(jobs.add, 1).wait(deadline(20))
        assert (job.status, job.result) == (JobStatus.SUCCEEDED, 2)
        late = jobs.until_there.options(timeout=0.5, grace=0)
        timed_out = client.submit(late, f"{tmp_path}/never").wait(deadline(20))
        assert timed_out.status is JobStatus.TIMEOUT
        assert _is_now(timed_out.finished_at)
        assert client.verify() == []


@pytest.mark.parametrize("skew", SKEWS)
def test_a_purge_goes_by_the_age_of_the_database(url: str, skew: timedelta) -> None:
    with Engine.open(url) as right, Engine.open(url, clock=Skewed(skew)) as wrong:
        job = right.submit(jobs.add, 1)
        right.cancel(job.id)
        assert wrong.purge(older_than=HOUR / 2) == 0
        assert wrong.purge(older_than=0) == 1


@pytest.mark.parametrize("skew", SKEWS)
def test_an_answer_is_kept_by_the_clock_of_the_database(
    url: str, skew: timedelta
) -> None:
    with Engine.open(url) as right, Engine.open(url, clock=Skewed(skew)) as wrong:
        first, second = (right, wrong) if skew > timedelta(0) else (wrong, right)
        assert first.once("key", "request", lambda: "first", kept=60) == "first"
        assert second.once("key", "request", lambda: "again", kept=60) == "first"
        assert wrong.once("brief", "request", lambda: "first", kept=0) == "first"
        assert right.once("brief", "request", lambda: "again", kept=0) == "again"


@pytest.mark.parametrize("skew", SKEWS)
def test_a_worker_has_started_when_the_database_says(url: str, skew: timedelta) -> None:
    with Engine.open(url, clock=Skewed(skew)) as engine, engine.worker():
        assert engine.submit(jobs.add, 1).result(deadline(20)) == 2
        (worker,) = engine.workers()
        assert _is_now(worker.started_at)
        assert _is_now(worker.seen_at)


@pytest.mark.parametrize("skew", SKEWS)
def test_a_worker_with_a_wrong_clock_waits_for_a_scheduled_job_as_others_do(
    url: str, skew: timedelta
) -> None:
    clock = Skewed(skew)
    store = open_store(url, clock)
    soon = datetime.now(UTC) + HOUR / 2
    store.add([_new("later", clock.now(), run_at=soon)])
    runner = InlineRunner(Engine(store, clock=clock))
    worker = Worker(store, runner, {}, WorkerSettings(concurrency=1), clock)
    worker._begin()
    for _ in range(5):
        worker.turn(0.0)
    assert worker._idle_s() > 0  # or it would spin for half an hour
    worker._wakeup.close()
    store.close()


def test_the_database_tells_what_is_ready(stores: tuple[SqlStore, SqlStore]) -> None:
    ahead, behind = stores
    now = behind.now()
    due, later = now - SOON, now + SOON
    behind.add([_new("due", now, run_at=due), _new("later", now, run_at=later)])
    for store in (ahead, behind):
        (queue,) = store.queues()
        assert (queue.ready, queue.scheduled) == (1, 1)
