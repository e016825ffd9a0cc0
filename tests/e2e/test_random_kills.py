"""kill -9 of worker, zygote, shim and job at random moments loses and doubles nothing.

The long run with an independent judge is in `tests/chaos/`; this one is short.
"""

from __future__ import annotations

import os
import random
import signal
import subprocess
import time
from pathlib import Path

import pytest

from interlock import Engine, JobStatus, Reason
from pace import THOROUGH, deadline

from . import sample_jobs as jobs
from .processes import alive, below, start_worker, until

KILLS = 16 if THOROUGH else 8
PATIENCE_S = 40.0
JOBS = 40
VICTIMS = ("worker", "zygote", "shim", "job")


def _victim(kind: str, worker: int, rng: random.Random) -> int | None:
    """Return a process of this kind, below a worker."""
    if kind == "worker":
        return worker
    pids: dict[str, list[int]] = {"zygote": [], "shim": [], "job": []}
    for pid in below(worker):
        try:
            name = Path(f"/proc/{pid}/comm").read_text().strip()
        except OSError:
            continue
        key = "job" if name.startswith("job:") else name.removeprefix("interlock-")
        pids.setdefault(key if key in pids else "zygote", []).append(pid)
    return rng.choice(pids[kind]) if pids[kind] else None


@pytest.mark.parametrize("seed", [1, 2] if THOROUGH else [1])
def test_random_kills_lose_and_double_nothing(
    engine: Engine, containment: str, tmp_path: Path, seed: int
) -> None:
    rng = random.Random(seed)
    options = ("--concurrency", "4", "--lease", "2", "--containment", containment)
    database = f"sqlite:///{tmp_path}/jobs.db"
    locks = tmp_path / "locks"
    locks.mkdir()
    workers = [start_worker(database, *options) for _ in range(2)]
    handles = [
        engine.submit(jobs.alone, str(locks), seconds=rng.uniform(0, 0.8))
        for _ in range(JOBS)
    ]
    killed = dict.fromkeys(VICTIMS, 0)
    until_s = time.monotonic() + deadline(PATIENCE_S)
    while sum(killed.values()) < KILLS and time.monotonic() < until_s:
        time.sleep(rng.uniform(0, 0.5))
        number, kind = rng.randrange(2), rng.choice(VICTIMS)
        pid = _victim(kind, workers[number].pid, rng)
        if pid is None:
            continue
        killed[kind] += _kill(pid)
        if kind == "worker":
            workers[number].wait()
            workers[number] = start_worker(database, *options)
    _finish(engine, workers, [handle.id for handle in handles])
    for handle in handles:
        job = handle.job()
        by_kill = (JobStatus.FAILED, Reason.SIGNAL)
        assert (job.status, job.reason) in (
            (JobStatus.SUCCEEDED, Reason.RETURNED),
            by_kill,
        )
        assert alive(job.id) == []
    assert list(locks.glob("*.two-at-once")) == []


def _kill(pid: int) -> bool:
    try:
        os.kill(pid, signal.SIGKILL)
    except ProcessLookupError:
        return False
    return True


def _finish(
    engine: Engine, workers: list[subprocess.Popen[bytes]], ids: list[str]
) -> None:
    try:
        until(lambda: all(engine.get(job_id).is_terminal for job_id in ids), seconds=40)
    finally:
        for worker in workers:
            worker.terminate()
        codes = [worker.wait(deadline(20)) for worker in workers]
    assert set(codes) <= {0, -signal.SIGTERM}  # one that has not begun yet just ends
