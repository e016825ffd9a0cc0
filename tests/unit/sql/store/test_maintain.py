"""`interlock maintain`: space, counts, and what it does not do beside workers."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
import sqlalchemy as sa

import postgres
from e2e import sample_jobs as jobs
from interlock import Engine, JobStatus, StoreUnavailable
from interlock.ports import discovery
from pace import deadline

KINDS = ("sqlite", "postgresql")


@pytest.fixture(params=KINDS)
def url(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    if request.param == "sqlite":
        yield f"sqlite:///{tmp_path}/jobs.db"
        return
    with postgres.database() as made:
        yield made


def _raw(url: str, statement: str) -> None:
    engine = sa.create_engine(url.replace("postgresql:", "postgresql+psycopg:"))
    with engine.begin() as connection:
        connection.exec_driver_sql(statement)
    engine.dispose()


def test_wrong_counts_are_found_and_corrected(url: str) -> None:
    with Engine.open(url) as engine:
        for _ in range(3):
            engine.submit(jobs.add, 1)
        assert any("agree" in done for done in discovery.maintain_store(url))
        _raw(url, "UPDATE interlock_tally SET jobs = jobs + 4")
        assert engine.counts()[JobStatus.PENDING] == 7
        (fault,) = engine.verify()
        assert "wrong by 4 jobs 't.add' that are PENDING" in fault.what
        assert any("corrected" in done for done in discovery.maintain_store(url))
        assert engine.counts()[JobStatus.PENDING] == 3
        assert engine.verify() == []


def test_a_slot_that_nobody_holds_is_freed(url: str) -> None:
    with Engine.open(url) as engine:
        job = engine.submit(jobs.add, 1)
        engine._store.set_limit("name:t.add", 1)
        _raw(
            url,
            "INSERT INTO interlock_slot (key, number, job_id, attempt)"
            f" VALUES ('name:t.add', 1, '{job.id}', 1)",
        )
        engine.cancel(job.id)
        assert "holds a slot" in engine.verify()[0].what
        assert "1 slots of limits were free again." in discovery.maintain_store(url)
        assert engine.verify() == []


def test_a_small_database_has_nothing_to_give_back(url: str) -> None:
    with Engine.open(url) as engine:
        engine.submit(jobs.add, 1)
        assert "0.0 MB of free space" in discovery.maintain_store(url)[-1]


def test_it_works_beside_workers_but_not_with_full(url: str) -> None:
    with Engine.open(url) as engine, engine.worker():
        assert engine.submit(jobs.add, 1).result(deadline(20)) == 2
        assert discovery.maintain_store(url)
        with pytest.raises(StoreUnavailable, match=r"running: .*leave out --full"):
            discovery.maintain_store(url, full=True)
        assert engine.submit(jobs.add, 2).result(deadline(20)) == 3
    assert discovery.maintain_store(url, full=True)
    with Engine.open(url) as engine:
        assert engine.counts()[JobStatus.SUCCEEDED] == 2
        assert engine.verify() == []


def test_the_space_of_purged_jobs_goes_back_to_the_disk(tmp_path: Path) -> None:
    path = tmp_path / "jobs.db"
    url = f"sqlite:///{path}"
    with Engine.open(url) as engine:
        calls = [jobs.talk.call(number) for number in range(2000)]
        for handle in engine.submit_many(calls):
            engine.cancel(handle.id)
        assert engine.purge(older_than=0) == 2000
    full = path.stat().st_size
    discovery.maintain_store(url)
    assert path.stat().st_size < full / 2


def test_a_file_without_incremental_vacuum_says_so_and_full_gives_it_that(
    tmp_path: Path,
) -> None:
    path = tmp_path / "jobs.db"
    url = f"sqlite:///{path}"
    _raw(url, "PRAGMA auto_vacuum = NONE")
    _raw(url, "CREATE TABLE other (id INTEGER)")
    Engine.open(url).close()
    assert "keeps its free space" in discovery.maintain_store(url)[-1]
    discovery.maintain_store(url, full=True)
    assert "went back" in discovery.maintain_store(url)[-1]


def test_a_database_that_is_not_there_is_refused(tmp_path: Path) -> None:
    with pytest.raises(StoreUnavailable, match="no database at"):
        discovery.maintain_store(f"sqlite:///{tmp_path}/none.db")
    assert not (tmp_path / "none.db").exists()


def test_a_worker_does_not_wait_for_who_deletes() -> None:
    with postgres.database() as url, Engine.open(url) as engine:
        engine.submit(jobs.add, 1)
        plain = sa.create_engine(url.replace("postgresql:", "postgresql+psycopg:"))
        with plain.begin() as other:
            other.exec_driver_sql("SELECT * FROM interlock_feed FOR UPDATE")
            assert engine._store.take_stock() is False  # or it would end in an error
            assert engine.counts()[JobStatus.PENDING] == 1
        plain.dispose()
        assert engine._store.take_stock() is True
