"""Many workers on one PostgreSQL: claims, limits, wake-ups, transactions, a restart."""

from __future__ import annotations

import shutil
import signal
import subprocess
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

import psycopg
import pytest
import sqlalchemy as sa
from sqlmodel import Session
from typer.testing import CliRunner

import postgres
from interlock import (
    DuplicateJob,
    Engine,
    IllegalTransition,
    JobNotFound,
    JobStatus,
    StoreUnavailable,
)
from interlock_adapters.cli.main import app
from pace import deadline

from . import sample_jobs as jobs
from .processes import alive, start_worker, until


@pytest.fixture
def url() -> Iterator[str]:
    with postgres.database() as database_url:
        yield database_url


@pytest.fixture
def engine(url: str) -> Iterator[Engine]:
    with Engine.open(url) as opened:
        yield opened
        assert opened.verify() == []


def test_jobs_run_and_are_canceled_with_all_they_started(
    engine: Engine, containment: str, tmp_path: Path
) -> None:
    with engine.worker(concurrency=2, containment=containment):
        assert engine.submit(jobs.add, 2, right=3).result(deadline(20)) == 5
        handle = engine.submit(jobs.hostile, "family", str(tmp_path))
        until(Path(tmp_path, "started").exists)
        job = engine.cancel(handle.id, reason="enough", by="anna", wait=deadline(20))
    assert (job.status, job.proof) == (JobStatus.CANCELED, containment)
    assert alive(handle.id) == []


def test_an_empty_database_is_set_up_by_the_first_of_many() -> None:
    with postgres.database(empty=True) as url:
        workers = [start_worker(url) for _ in range(3)]
        with Engine.open(url) as engine:
            handles = [engine.submit(jobs.add, n) for n in range(20)]
            assert [handle.result(deadline(30)) for handle in handles] == list(
                range(1, 21)
            )
            until(lambda: len(engine.workers()) == 3)
            for worker in workers:
                worker.terminate()
            assert [worker.wait(deadline(20)) for worker in workers] == [0, 0, 0]
            assert engine.verify() == []


def test_no_job_is_claimed_twice_and_a_limit_holds_over_all_workers(
    engine: Engine, url: str, tmp_path: Path
) -> None:
    workers = [start_worker(url, "--concurrency", "3") for _ in range(3)]
    alone = [engine.submit(jobs.one_at_a_time, str(tmp_path)) for _ in range(15)]
    many = [engine.submit(jobs.add, n) for n in range(150)]
    assert all(handle.result(deadline(50)) is True for handle in alone)
    assert [handle.result(deadline(50)) for handle in many] == list(range(1, 151))
    assert {handle.job().attempt for handle in (*alone, *many)} == {1}
    for worker in workers:
        worker.terminate()
    assert [worker.wait(deadline(20)) for worker in workers] == [0, 0, 0]


def test_a_submit_exists_if_and_only_if_its_transaction_commits(
    engine: Engine, url: str
) -> None:
    database = sa.create_engine(sa.make_url(url).set(drivername="postgresql+psycopg"))
    with Session(database) as session:
        undone = engine.submit(jobs.add.options(connection=session), 1)
        session.rollback()
        kept = engine.submit("t.add", {"left": 2}, connection=session)
        with pytest.raises(JobNotFound):
            engine.get(kept.id)
        session.commit()
    database.dispose()
    with pytest.raises(JobNotFound):
        engine.get(undone.id)
    assert engine.get(kept.id).params == {"left": 2}


def test_of_many_submits_with_one_key_one_is_stored(engine: Engine) -> None:
    job_ids: list[str] = []

    def submit() -> None:
        try:
            handle = engine.submit(jobs.add.options(unique_key="k"), 1)
            job_ids.append(handle.id)
        except DuplicateJob as duplicate:
            job_ids.append(duplicate.job_id)

    threads = [threading.Thread(target=submit) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert (len(job_ids), len(set(job_ids))) == (8, 1)
    assert engine.counts()[JobStatus.PENDING] == 1


def test_a_killed_workers_jobs_are_finished_by_another(
    engine: Engine, url: str, tmp_path: Path
) -> None:
    journal = tmp_path / "journal"
    first = start_worker(url, "--lease", "2")
    handle = engine.submit(jobs.journal, str(journal), seconds=1.5)
    until(journal.exists)
    first.kill()
    first.wait()
    until(lambda: not alive(handle.id), seconds=3)
    second = start_worker(url)
    job = handle.wait(deadline(40))
    second.terminate()
    assert second.wait(deadline(20)) == 0
    assert (job.status, job.attempt, job.losses) == (JobStatus.SUCCEEDED, 2, 1)


def test_a_stalled_worker_is_fenced_and_goes_on_afterwards(
    engine: Engine, url: str, tmp_path: Path
) -> None:
    first = start_worker(url, "--lease", "2", "--concurrency", "1")
    handle = engine.submit(jobs.alone, str(tmp_path), seconds=1.2)
    until(lambda: alive(handle.id))
    first.send_signal(signal.SIGSTOP)
    second = start_worker(url, "--lease", "2")
    job = handle.wait(deadline(30))
    first.send_signal(signal.SIGCONT)
    assert (job.status, job.attempt, job.losses) == (JobStatus.SUCCEEDED, 2, 1)
    second.terminate()
    assert second.wait(deadline(20)) == 0
    assert engine.submit(jobs.add, 1).result(deadline(20)) == 2  # by the first one
    first.terminate()
    assert first.wait(deadline(20)) == 0
    assert list(tmp_path.glob("*.two-at-once")) == []
    assert engine.get(handle.id) == job


def test_cut_connections_cost_no_job(engine: Engine, url: str, tmp_path: Path) -> None:
    worker = start_worker(url, "--lease", "20")
    journal = tmp_path / "journal"
    handle = engine.submit(jobs.journal, str(journal), seconds=1.5)
    until(journal.exists)
    name = url.rpartition("/")[2]
    cut = (
        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
        f" WHERE datname = '{name}' AND pid <> pg_backend_pid()"
    )
    for _ in range(3):
        with psycopg.connect(url) as connection:
            connection.execute(cut)
        time.sleep(0.3)
    until(lambda: handle.job().is_terminal)
    after = engine.submit(jobs.add, 1)
    assert after.result(deadline(20)) == 2
    worker.terminate()
    assert worker.wait(deadline(20)) == 0
    job = handle.job()
    assert (job.status, job.attempt, job.losses) == (JobStatus.SUCCEEDED, 1, 0)


@pytest.mark.skipif(shutil.which("psql") is None, reason="NO psql: not tried with it")
def test_psql_is_refused_an_illegal_update(engine: Engine, url: str) -> None:
    job = engine.submit(jobs.add, 1).job()
    engine.cancel(job.id)
    for statement in (
        f"UPDATE interlock_job SET status = 'SUCCEEDED' WHERE id = '{job.id}'",
        f"DELETE FROM interlock_history WHERE job_id = '{job.id}'",
        "TRUNCATE interlock_job CASCADE",
        "UPDATE interlock_lifecycle SET target = 'PENDING'",
    ):
        done = subprocess.run(
            ["psql", url, "-v", "ON_ERROR_STOP=1", "-c", statement],
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode != 0
        assert "interlock: " in done.stderr


@pytest.fixture
def role(url: str) -> Iterator[str]:
    """Make a role that can log in and owns nothing; yield its URL."""
    name = f"interlock_app_{url.rpartition('_')[2]}"
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute(f"CREATE ROLE {name} LOGIN")
        try:
            where = urlsplit(url)
            host = where.netloc.rpartition("@")[2]
            yield where._replace(netloc=f"{name}@{host}").geturl()
        finally:
            connection.execute(f"DROP OWNED BY {name}")
            connection.execute(f"DROP ROLE {name}")


def test_a_granted_role_works_and_cannot_disable_the_guard(url: str, role: str) -> None:
    name = urlsplit(role).username
    command = ["db", "grant", str(name), "--database", url]
    assert CliRunner().invoke(app, command).exit_code == 0
    with Engine.open(role) as engine, engine.worker(concurrency=1):
        job = engine.submit(jobs.add, 1).wait(deadline(20))
        assert job.result == 2
        failed = engine.submit(jobs.fail, "error").wait(deadline(20))
        assert failed.status is JobStatus.FAILED
        engine.failures.remark(engine.failures.list()[0].key, "note", "seen")
        engine.hold("queue:q")
        engine.signal(engine.submit(jobs.add.options(queue="q"), 1).id, "go")
        with pytest.raises(IllegalTransition):
            engine.cancel(job.id)
    for attack in (
        "ALTER TABLE interlock_job DISABLE TRIGGER ALL",
        "DROP TRIGGER interlock_job_update ON interlock_job",
        "TRUNCATE interlock_history",
        "UPDATE interlock_lifecycle SET target = 'PENDING'",
        "DROP TABLE interlock_history",
    ):
        with (
            psycopg.connect(role) as connection,
            pytest.raises(psycopg.errors.InsufficientPrivilege),
        ):
            connection.execute(attack)
    assert CliRunner().invoke(app, ["db", "grant", "nobody_at_all"]).exit_code == 2
    unknown = ["db", "grant", "no_such_role", "--database", url]
    assert CliRunner().invoke(app, unknown).exit_code == 5


def test_a_crash_of_the_server_costs_no_job_and_no_worker(tmp_path: Path) -> None:
    program = postgres.initdb()
    if program is None:
        pytest.skip("NO initdb: a restart of PostgreSQL is not tried")
    server = postgres.OwnServer(program)
    worker = start_worker(server.url, "--concurrency", "2", "--lease", "20")
    try:
        with Engine.open(server.url) as engine:
            handles = [
                engine.submit(jobs.alone, str(tmp_path), seconds=0.4) for _ in range(12)
            ]
            until(lambda: handles[0].job().status is JobStatus.RUNNING)
            for _ in range(2):
                server.stop_at_once()
                time.sleep(1)
                with pytest.raises(StoreUnavailable, match="cannot be reached"):
                    engine.get(handles[0].id)
                server.start()
                time.sleep(1)
            ended = [handle.wait(deadline(30)) for handle in handles]
            assert {job.status for job in ended} == {JobStatus.SUCCEEDED}
            assert {job.losses for job in ended} == {0}
            assert engine.verify() == []
            assert worker.poll() is None
            worker.terminate()
            assert worker.wait(deadline(20)) == 0
        assert list(tmp_path.glob("*.two-at-once")) == []
    finally:
        worker.kill()
        server.remove()
