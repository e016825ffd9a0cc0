"""A copy of a database does nothing to the jobs of its original."""

from __future__ import annotations

import shutil
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack, closing, contextmanager
from pathlib import Path

import psycopg
import pytest

import postgres
from interlock import Engine, JobStatus
from pace import deadline

from . import sample_jobs as jobs
from .processes import alive, start_worker, until


@contextmanager
def sqlite_copy(url: str) -> Iterator[str]:
    """Copy a file while it is in use: SQLite's online backup."""
    path = Path(url.removeprefix("sqlite:///"))
    copy = path.with_name("copy.db")
    with (
        closing(sqlite3.connect(path)) as here,
        closing(sqlite3.connect(copy)) as there,
    ):
        here.backup(there)
    yield f"sqlite:///{copy}"


@contextmanager
def postgres_copy(url: str) -> Iterator[str]:
    """Dump a database that is in use, and restore the dump into another one."""
    beside_server = Path(postgres.initdb() or "/").with_name("pg_dump")
    program = shutil.which("pg_dump") or str(beside_server)
    if not Path(program).exists():
        pytest.skip("NO pg_dump: the copy of a PostgreSQL database is not tested")
    command = [program, "--inserts", "--no-owner", url]
    dump = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    lines = (line for line in dump.splitlines() if not line.startswith("\\"))
    with postgres.database(empty=True) as copy:
        with psycopg.connect(copy) as restored:
            restored.execute("\n".join(lines).encode())
        yield copy


COPIES = {"sqlite": sqlite_copy, "postgresql": postgres_copy}


@pytest.fixture(params=COPIES)
def kind(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def url(kind: str, tmp_path: Path) -> Iterator[str]:
    if kind == "sqlite":
        yield f"sqlite:///{tmp_path}/jobs.db"
        return
    with postgres.database() as made:
        yield made


@contextmanager
def worker(url: str) -> Iterator[None]:
    process = start_worker(url, "--lease", "3", "--shutdown-grace", "0")
    try:
        yield
    finally:
        process.terminate()
        process.wait(deadline(30))


def test_a_worker_of_a_copy_leaves_the_jobs_of_the_original_alone(
    kind: str, url: str, tmp_path: Path
) -> None:
    with ExitStack() as opened:
        engine = opened.enter_context(Engine.open(url))
        opened.enter_context(worker(url))
        handle = engine.submit(jobs.hostile, "ignores SIGTERM", str(tmp_path))
        until(Path(tmp_path, "started").exists)
        until(lambda: engine.attempts(handle.id)[0].pid)
        family = alive(handle.id)
        assert family
        copy_url = opened.enter_context(COPIES[kind](url))
        copy = opened.enter_context(Engine.open(copy_url))
        assert copy.get(handle.id).status is JobStatus.RUNNING
        with worker(copy_url):
            until(lambda: copy.get(handle.id).attempt == 2)
            until(lambda: copy.attempts(handle.id)[1].pid)
            assert set(family) <= set(alive(handle.id))
            copy.cancel(handle.id, wait=deadline(20))
        assert set(family) == set(alive(handle.id))
        original = engine.get(handle.id)
        assert (original.status, original.attempt) == (JobStatus.RUNNING, 1)
        assert engine.cancel(handle.id, wait=deadline(20)).proof
        assert alive(handle.id) == []
        assert engine.verify() == copy.verify() == []


def test_the_feed_of_a_copy_goes_on_after_everything_that_was_read(
    kind: str, url: str
) -> None:
    with Engine.open(url) as engine, COPIES[kind](url) as copy_url:
        for _ in range(3):
            engine.submit(jobs.add, 1)
        read = engine.monitor.feed_end()  # the copy does not have these events
        with Engine.open(copy_url) as copy:
            new = copy.submit(jobs.add, 2)
            told = copy.monitor.feed(read, limit=10)
            assert [entry.job_id for _, entry in told] == [new.id]
            assert copy.monitor.feed_end() > told[-1][0]
            assert copy.counts()[JobStatus.PENDING] == 1
            assert copy.verify() == []


@pytest.mark.parametrize("again", ["reopened", "in another process"])
def test_a_database_that_stays_where_it_is_keeps_its_place(
    url: str, again: str, caplog: pytest.LogCaptureFixture
) -> None:
    with Engine.open(url) as engine:
        engine.submit(jobs.add, 1)
        before = engine.monitor.feed_end()
        if again == "reopened":
            Engine.open(url).close()
        else:
            program = "import sys, interlock; interlock.Engine.open(sys.argv[1])"
            subprocess.run([sys.executable, "-c", program, url], check=True)
        assert engine.monitor.feed_end().position - before.position < 2**31
    assert "copied" not in caplog.text


def test_a_backup_that_is_recovered_to_a_point_in_time_works_by_itself(
    tmp_path: Path,
) -> None:
    program = postgres.initdb()
    if program is None:
        pytest.skip("NO PostgreSQL binaries: recovery of a backup is not tested")
    with ExitStack() as opened:
        server = postgres.OwnServer(program)
        opened.callback(server.remove)
        engine = opened.enter_context(Engine.open(server.url))
        with engine.worker():
            assert engine.submit(jobs.add, 1).result(deadline(20)) == 2
        backup = str(tmp_path / "backup")
        tool = str(Path(program).with_name("pg_basebackup"))
        subprocess.run([tool, "-d", server.url, "-D", backup, "-c", "fast"], check=True)
        engine.submit(jobs.add, 2)  # it is not in the backup
        read = engine.monitor.feed_end()
        recovered = postgres.OwnServer(program, backup=backup)
        opened.callback(recovered.remove)
        copy = opened.enter_context(Engine.open(recovered.url))
        assert copy.counts()[JobStatus.SUCCEEDED] == 1
        assert copy.counts()[JobStatus.PENDING] == 0
        with copy.worker():
            new = copy.submit(jobs.add, 3)
            assert new.result(deadline(20)) == 4
        told = copy.monitor.feed(read, limit=10)
        assert {entry.job_id for _, entry in told} == {new.id}
        assert copy.verify() == []


def test_a_file_of_stopped_workers_may_be_copied_moved_and_put_back(
    tmp_path: Path,
) -> None:
    path, aside = tmp_path / "jobs.db", tmp_path / "aside.db"
    with Engine.open(f"sqlite:///{path}") as engine, engine.worker():
        assert engine.submit(jobs.add, 1).result(deadline(20)) == 2
        read = engine.monitor.feed_end()
    shutil.copy(path, aside)  # the last connection has written everything back
    with Engine.open(f"sqlite:///{path}") as engine:
        engine.submit(jobs.add, 2)
        read = engine.monitor.feed_end()
    for name in ("jobs.db", "jobs.db-wal", "jobs.db-shm"):
        Path(tmp_path, name).unlink(missing_ok=True)
    aside.rename(path)
    with Engine.open(f"sqlite:///{path}") as engine, engine.worker():
        new = engine.submit(jobs.add, 3)
        assert new.result(deadline(20)) == 4
        told = engine.monitor.feed(read, limit=10)
        assert {entry.job_id for _, entry in told} == {new.id}
        assert engine.counts()[JobStatus.SUCCEEDED] == 2
        assert engine.verify() == []


def test_a_role_that_may_not_know_the_cluster_goes_by_the_database() -> None:
    program = postgres.initdb()
    if program is None:
        pytest.skip("NO PostgreSQL binaries: no function may be taken from all roles")
    server = postgres.OwnServer(program)
    with ExitStack() as opened:
        opened.callback(server.remove)
        with psycopg.connect(server.url, autocommit=True) as owner:
            owner.execute("CREATE ROLE plain LOGIN")
            for name in ("pg_control_system()", "pg_control_checkpoint()"):
                owner.execute(f"REVOKE EXECUTE ON FUNCTION {name} FROM PUBLIC".encode())
            owner.execute("GRANT CREATE ON SCHEMA public TO plain")
        plain = server.url.replace("postgres@", "plain@")
        first = opened.enter_context(Engine.open(plain))
        with first.worker():
            assert first.submit(jobs.add, 1).result(deadline(20)) == 2
        before = first.monitor.feed_end().position
        for url in (plain, server.url, plain, server.url):  # the second one knows more
            opened.enter_context(Engine.open(url))
        after = first.monitor.feed_end().position
        assert 2**32 <= after - before < 2**33
