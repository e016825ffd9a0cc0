"""A worker whose words are kept as evidence."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import psycopg

from e2e.processes import alive, below, until
from interlock import Engine, JobHandle, JobStatus
from pace import deadline

from .fault_jobs import endless_at_first, ends_when_told

LEASE_S = 3
_LEASE = "SELECT status, attempt, lease_until_us / 1e6 FROM interlock_job WHERE id = %s"
#: Of `endless_at_first`, which was lost once, and of `ends_when_told`, which ran once.
LOST_ONCE = (JobStatus.SUCCEEDED, 2, 1, 0)
ENDS = [LOST_ONCE, (JobStatus.SUCCEEDED, 1, 0, 0)]


def ends(handles: Iterable[JobHandle[int]]) -> list[tuple[JobStatus, object, int, int]]:
    """Return status, result, losses and failures of jobs when they have ended."""
    jobs = [handle.wait(deadline(20)) for handle in handles]
    return [(job.status, job.result, job.losses, job.failures) for job in jobs]


def submitted(engine: Engine, folder: Path) -> list[JobHandle[int]]:
    """Return jobs that run: one that only a fence ends, and one that ends when told."""
    handles = [
        engine.submit(j, str(folder)) for j in (endless_at_first, ends_when_told)
    ]
    until(lambda: all(alive(handle.id) for handle in handles))
    return handles


def last_alive_at(
    handles: Sequence[JobHandle[int]], clock: Callable[[], float] = time.time
) -> float:
    """Wait until no process of the jobs is alive; return when one was seen at last.

    It is the time when that look began: a slow look must not make a death late.
    """
    seen_at = began = clock()

    def is_dead() -> bool:
        nonlocal seen_at, began
        seen_at, began = began, clock()
        return not any(alive(handle.id) for handle in handles)

    until(is_dead)
    return seen_at


def lease(url: str, job_id: str) -> tuple[str, int, float]:
    """Return a job's status, attempt and end of its lease by PostgreSQL's clock."""
    with psycopg.connect(url) as connection:
        row = connection.execute(_LEASE, [job_id]).fetchone()
    assert row is not None
    status, attempt, lease_until = row
    return status, attempt, float(lease_until)


@contextmanager
def worker(
    database: str, log: Path, *, inside: Sequence[str] = ()
) -> Iterator[subprocess.Popen[bytes]]:
    """Run `interlock worker`; it must live to the end, and never show a traceback.

    Args:
        database: the URL of its store.
        log: where its standard error goes.
        inside: a command that runs it somewhere else, as its first child.
    """
    program = [sys.executable, "-m", "interlock_adapters.cli.main", "worker"]
    modules = ["e2e.sample_jobs", "faults.fault_jobs"]
    options = ["--database", database, "--lease", str(LEASE_S), "--concurrency", "2"]
    with log.open("ab") as stderr:
        process = subprocess.Popen(
            [*inside, *program, *modules, *options],
            cwd=Path(__file__).parents[1],
            start_new_session=True,
            stderr=stderr,
        )
    try:
        yield process
        os.kill(below(process.pid)[0] if inside else process.pid, signal.SIGTERM)
        assert process.wait(deadline(20)) == 0, log.read_text()
    finally:
        process.kill()
        process.wait()
    assert "Traceback" not in log.read_text(), log.read_text()
