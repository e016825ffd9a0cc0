"""A database that an older version made: upgraded with its jobs, or left as it is."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import psycopg
import pytest
import sqlalchemy as sa

from interlock import Engine, JobStatus, SchemaMismatch
from interlock.core.job import NewJob
from interlock.core.records import ClaimRequest, WorkerInfo
from interlock.ports import discovery
from interlock.ports.clock import boot_id
from interlock_adapters.sql.postgres.connection import Impatient
from interlock_adapters.sql.schema import (
    guard_digests,
    installed_guards,
    live_workers,
    upgrade,
)
from interlock_adapters.sql.schema.flavor import POSTGRES, SQLITE
from interlock_adapters.sql.store.store import SqlStore

from .old_databases import (
    COUNTS,
    OldDatabase,
    empty_database,
    old_database,
    worker_seen,
)

OLDER = r"has the older schema 0002; .*`interlock db upgrade`"
NOW = datetime.now(UTC)


@pytest.fixture(params=[SQLITE, POSTGRES])
def kind(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def old(kind: str, tmp_path: Path) -> Iterator[OldDatabase]:
    with old_database(kind, tmp_path, "0002") as made:
        yield made


@pytest.fixture
def empty(kind: str, tmp_path: Path) -> Iterator[OldDatabase]:
    with empty_database(kind, tmp_path) as made:
        yield made


def _store(engine: Engine) -> SqlStore:
    assert isinstance(engine._store, SqlStore)
    return engine._store


def _is_whole(engine: Engine) -> None:
    """Expect the jobs, their histories folding to them, and that work goes on."""
    counts = {status.value: many for status, many in engine.counts().items() if many}
    assert counts == COUNTS
    assert engine.verify() == []
    (fails,) = engine.search(name="fails").items
    assert fails.error is not None
    assert (fails.error.message, fails.parent_id) == ("no", None)
    (attempt,) = engine.attempts(fails.id)
    assert (attempt.peak_memory_bytes, attempt.cpu_seconds) == (None, None)
    store = _store(engine)
    new = NewJob(
        id="n", name="new", params={}, created_at=NOW, run_at=NOW, parent_id=fails.id
    )
    store.add([new])
    request = ClaimRequest(
        worker_id="w",
        names=frozenset({"add", "new"}),
        limit=9,
        lease=timedelta(seconds=30),
        now=NOW,
    )
    claimed = store.claim(request)
    assert sorted((job.name, job.parent_id) for job in claimed) == [
        ("add", None),
        ("new", fails.id),
    ]
    assert engine.verify() == []


def test_the_guards_of_an_old_database_are_those_recorded(
    old: OldDatabase, kind: str
) -> None:
    engine = sa.create_engine(old.url.replace("postgresql:", "postgresql+psycopg:"))
    with engine.connect() as connection:
        assert connection.dialect.name == kind
        assert installed_guards.faults(connection, "0002") == []
        assert not upgrade.check(connection)
    engine.dispose()


def test_db_upgrade_keeps_the_jobs(old: OldDatabase) -> None:
    assert discovery.upgrade_store(old.url) == []
    assert old.version() == guard_digests.HEAD
    with Engine.open(old.url, create=False) as engine:
        _is_whole(engine)


def test_an_application_upgrades_an_older_file_when_it_opens_it(tmp_path: Path) -> None:
    with (
        old_database(SQLITE, tmp_path, "0002") as old,
        Engine.open(old.url) as engine,
    ):
        assert old.version() == guard_digests.HEAD
        _is_whole(engine)


def test_an_older_server_is_upgraded_by_its_command_alone(tmp_path: Path) -> None:
    with old_database(POSTGRES, tmp_path, "0002") as old:
        with pytest.raises(SchemaMismatch, match=OLDER):
            Engine.open(old.url)
        assert old.version() == "0002"


def test_who_only_reads_leaves_an_older_database_as_it_is(old: OldDatabase) -> None:
    with pytest.raises(SchemaMismatch, match=OLDER):
        Engine.open(old.url, create=False)
    assert old.version() == "0002"


def test_an_older_database_without_a_guard_is_refused_until_upgraded(
    old: OldDatabase, kind: str
) -> None:
    on = " ON job" if kind == POSTGRES else ""
    old.run(f"DROP TRIGGER interlock_job_delete{on}")
    with pytest.raises(SchemaMismatch, match=r"removed or changed: .* of schema 0002"):
        Engine.open(old.url)
    assert old.version() == "0002"
    assert discovery.upgrade_store(old.url) == ["they are not those of schema 0002"]
    with Engine.open(old.url) as engine:
        _is_whole(engine)


def test_an_upgrade_tells_which_guards_it_put_back(
    empty: OldDatabase, kind: str
) -> None:
    discovery.upgrade_store(empty.url)
    on = " ON interlock_job" if kind == POSTGRES else ""
    empty.run(f"DROP TRIGGER interlock_job_delete{on}")
    assert discovery.upgrade_store(empty.url) == ["interlock_job_delete"]
    assert discovery.upgrade_store(empty.url) == []


def test_an_upgrade_refuses_while_an_older_worker_lives(
    old: OldDatabase, kind: str
) -> None:
    old.run(worker_seen(kind, datetime.now(UTC) - timedelta(seconds=20)))
    with pytest.raises(SchemaMismatch, match=r"w-old \(process .*Stop them") as caught:
        discovery.upgrade_store(old.url)
    assert "Nothing was changed" in str(caught.value)
    assert old.version() == "0002"
    if kind == SQLITE:
        with pytest.raises(SchemaMismatch, match="w-old"):
            Engine.open(old.url)
        assert old.version() == "0002"
    old.run("DELETE FROM worker")
    discovery.upgrade_store(old.url)
    assert old.version() == guard_digests.HEAD


def test_a_worker_that_was_not_seen_for_a_lease_holds_nothing_up(
    old: OldDatabase, kind: str
) -> None:
    old.run(worker_seen(kind, datetime.now(UTC) - timedelta(seconds=31)))
    discovery.upgrade_store(old.url)
    assert old.version() == guard_digests.HEAD


def test_a_worker_whose_process_is_gone_holds_no_file_up(tmp_path: Path) -> None:
    gone = subprocess.Popen(["true"])
    gone.wait()
    with old_database(SQLITE, tmp_path, "0002") as old:
        old.run(worker_seen(SQLITE, datetime.now(UTC), pid=gone.pid))
        old.run(worker_seen(SQLITE, datetime.now(UTC), id="w-boot", boot_id="before"))
        Engine.open(old.url).close()
        assert old.version() == guard_digests.HEAD


def test_a_process_of_another_host_cannot_be_looked_for(tmp_path: Path) -> None:
    """A container shares the boot id, and has pids of its own."""
    gone = subprocess.Popen(["true"])
    gone.wait()
    elsewhere = worker_seen(SQLITE, datetime.now(UTC), host="container", pid=gone.pid)
    with old_database(SQLITE, tmp_path, "0002") as old:
        old.run(elsewhere)
        with pytest.raises(SchemaMismatch, match="on container"):
            Engine.open(old.url)


def test_from_now_on_a_workers_own_lease_counts(empty: OldDatabase) -> None:
    with Engine.open(empty.url) as engine:
        store = _store(engine)
        worker = WorkerInfo(
            id="w-long",
            host="h",
            pid=1,
            boot_id=boot_id(),
            containment="group",
            concurrency=1,
            started_at=NOW,
            seen_at=NOW,
            lease_s=300,
        )
        store.see_worker(worker)
        store.see_worker(replace(worker, id="w-short", lease_s=1))
        seen_at = max(worker.seen_at for worker in engine.workers())  # by its clock
        with store.database.read() as connection:
            with pytest.raises(SchemaMismatch) as caught:
                live_workers.refuse(
                    connection, guard_digests.HEAD, now=seen_at + timedelta(seconds=200)
                )
            live_workers.refuse(
                connection, guard_digests.HEAD, now=seen_at + timedelta(seconds=301)
            )
    assert "w-long (process 1 on h, seen 200 s ago)" in str(caught.value)
    assert "w-short" not in str(caught.value)


@pytest.mark.parametrize(
    ("change", "told"),
    [
        (
            ["ALTER TABLE interlock_job ADD COLUMN mine TEXT"],
            "job.mine is not Interlock's",
        ),
        (
            ["ALTER TABLE interlock_worker DROP COLUMN lease_s"],
            "worker.lease_s is missing",
        ),
        (
            [
                "ALTER TABLE interlock_worker DROP COLUMN lease_s",
                "ALTER TABLE interlock_worker ADD COLUMN lease_s BIGINT",
            ],
            r"worker.lease_s is BIGINT, not (FLOAT|DOUBLE PRECISION)",
        ),
        (
            [
                "ALTER TABLE interlock_log DROP COLUMN stream",
                "ALTER TABLE interlock_log ADD COLUMN stream VARCHAR",
            ],
            "log.stream may be NULL",
        ),
        (["DROP TABLE interlock_answer"], "answer.key is missing"),
    ],
)
def test_a_changed_column_is_told_by_its_name(
    empty: OldDatabase, change: list[str], told: str
) -> None:
    discovery.upgrade_store(empty.url)
    empty.run(*change)
    with pytest.raises(SchemaMismatch, match=told):
        Engine.open(empty.url)
    with pytest.raises(SchemaMismatch, match=told):
        discovery.upgrade_store(empty.url)


def test_an_upgrade_that_cannot_make_the_columns_whole_changes_nothing(
    old: OldDatabase,
) -> None:
    old.run("ALTER TABLE worker ADD COLUMN mine TEXT")
    with pytest.raises(SchemaMismatch, match=r"worker\.mine is not Interlock's"):
        discovery.upgrade_store(old.url)
    assert old.version() == "0002"
    old.run("ALTER TABLE worker DROP COLUMN mine")
    discovery.upgrade_store(old.url)
    with Engine.open(old.url) as engine:
        assert engine.counts()[JobStatus.PENDING] == COUNTS["PENDING"]


_SLOW = """
CREATE FUNCTION slow() RETURNS event_trigger LANGUAGE plpgsql AS $$ BEGIN
  IF current_setting('statement_timeout') <> '0' THEN
    RAISE EXCEPTION 'statements of an upgrade are cut off';
  END IF;
  PERFORM pg_sleep(0.4);
END $$;
CREATE EVENT TRIGGER slow ON ddl_command_start WHEN TAG IN ('ALTER SEQUENCE')
  EXECUTE FUNCTION slow();
"""


def test_an_upgrade_takes_as_long_as_it_needs(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with old_database(POSTGRES, tmp_path, "0002") as old:
        with psycopg.connect(old.url) as owner:
            owner.execute(_SLOW)
        monkeypatch.setattr(Impatient, "answer_s", 0.2)
        discovery.upgrade_store(old.url)
        with psycopg.connect(old.url) as owner:
            owner.execute("DROP EVENT TRIGGER slow")
        assert discovery.store_version(old.url) == guard_digests.HEAD
