"""A disk that is full, or fails, under a worker and a client on SQLite."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
import sqlalchemy as sa

from e2e import sample_jobs as jobs
from interlock import Engine, JobHandle, JobStatus, StoreUnavailable
from interlock.ports.clock import boot
from interlock_adapters.sql.store.store import SqlStore
from pace import deadline

from .disks import Disk, fill, mounted
from .evidence import ENDS, ends, last_alive_at, submitted, worker

_RUNNING = sa.text(
    "SELECT id, lease_until_us FROM interlock_job WHERE status = 'RUNNING'"
)


@pytest.fixture
def small(tmp_path: Path) -> Iterator[Path]:
    arguments = ("-t", "tmpfs", "-o", "size=4m", "tmpfs")
    with mounted(tmp_path / "small", *arguments) as disk:
        yield disk


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[Disk]:
    opened = Disk(tmp_path / "image", tmp_path / "disk")
    yield opened
    opened.remove()


def _submitted(engine: Engine, folder: Path) -> list[JobHandle[int]]:
    handles = submitted(engine, folder)
    engine.submit(jobs.add, 0)  # synced, and the claims before it with it
    return handles


def _submit_until_it_fails(engine: Engine, file: Path) -> list[JobHandle[int]]:
    """Fill the disk; return what was acknowledged all the same."""
    acknowledged = []
    try:
        while True:
            fill(file)
            acknowledged.append(engine.submit(jobs.add, 1))
    except StoreUnavailable as error:
        assert "disk is full; free some space" in str(error)  # noqa: PT017
    return acknowledged


def _fence(engine: Engine, handles: list[JobHandle[int]], folder: Path) -> None:
    """Wait until nothing of the jobs is alive: before their leases are over."""
    Path(folder, "end").touch()
    alive_at_us = last_alive_at(handles, boot) * 1_000_000
    assert isinstance(engine._store, SqlStore)
    rows = engine._store.database.rows(_RUNNING)
    assert {row["id"] for row in rows} == {handle.id for handle in handles}
    assert all(alive_at_us < row["lease_until_us"] for row in rows)


def test_a_full_disk_costs_no_job_and_no_worker(small: Path, tmp_path: Path) -> None:
    url = f"sqlite:///{small}/jobs.db"
    with Engine.open(url) as engine, worker(url, tmp_path / "log") as process:
        handles = _submitted(engine, tmp_path)
        acknowledged = _submit_until_it_fails(engine, small / "ballast")
        _fence(engine, handles, tmp_path)
        (small / "ballast").unlink()
        assert ends(handles) == ENDS
        assert [handle.result(deadline(20)) for handle in acknowledged] == [2] * len(
            acknowledged
        )
        assert engine.verify() == []
        assert process.poll() is None
    assert "disk is full" in (tmp_path / "log").read_text()


def test_a_disk_that_turns_read_only_costs_no_job_and_no_worker(
    disk: Disk, tmp_path: Path
) -> None:
    url = f"sqlite:///{disk.point}/jobs.db"
    with Engine.open(url) as engine, worker(url, tmp_path / "log") as process:
        handles = _submitted(engine, tmp_path)
        disk.fail()
        with pytest.raises(StoreUnavailable, match=r"disk reports an error|read-only"):
            engine.submit(jobs.add, 1)
        _fence(engine, handles, tmp_path)
        disk.remove()
        with pytest.raises(StoreUnavailable, match=r"is gone: .*not mounted"):
            engine.get(handles[0].id)
        assert list(disk.point.iterdir()) == []
        disk.repair()
        assert ends(handles) == ENDS
        assert engine.submit(jobs.add, 1).result(deadline(20)) == 2
        assert engine.verify() == []
        assert process.poll() is None


def test_a_file_that_was_put_in_place_of_another_is_the_one_that_is_used(
    tmp_path: Path,
) -> None:
    path, backup = tmp_path / "jobs.db", tmp_path / "backup.db"
    with Engine.open(f"sqlite:///{backup}") as engine:
        kept = engine.submit(jobs.add, 1)
    url = f"sqlite:///{path}"
    with Engine.open(url) as engine, worker(url, tmp_path / "log"):
        assert engine.submit(jobs.add, 2).result(deadline(20)) == 3
        for name in ("jobs.db-wal", "jobs.db-shm"):
            (tmp_path / name).unlink()
        shutil.move(backup, path)
        assert engine.handle(kept.id).result(deadline(20)) == 2
        assert engine.counts()[JobStatus.SUCCEEDED] == 1
