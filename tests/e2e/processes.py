"""An oracle that does not depend on the engine: what the kernel says is alive."""

import os
import re
import subprocess
import sys
import time
from collections import defaultdict
from collections.abc import Callable, Iterable
from pathlib import Path

from pace import deadline

_ID = re.compile(rb"(?:^|\0)INTERLOCK_JOB_ID=([^\0]*)")


def alive(job_id: str) -> list[int]:
    """Return the living processes of a job."""
    return alive_of([job_id])[job_id]


def alive_of(job_ids: Iterable[str]) -> dict[str, list[int]]:
    """Return the living processes of each job, from one look at all processes.

    A fork of the job inherits its name, what it executes inherits its environment;
    zombies are dead (proc(5)).
    """
    pids: dict[str, list[int]] = {job_id: [] for job_id in job_ids}
    short = {job_id[-8:]: job_id for job_id in pids}
    for entry in Path("/proc").glob("[0-9]*"):
        try:
            state = (entry / "stat").read_text().rpartition(")")[2].split()[0]
            name = (entry / "comm").read_text()
            mark = _ID.search((entry / "environ").read_bytes())
        except (OSError, IndexError):
            continue
        owner = short.get(name[4:12]) if name.startswith("job:") else None
        owner = owner or (mark[1].decode() if mark else None)
        alive = state not in "ZX" and int(entry.name) != os.getpid()
        if alive and owner in pids:
            pids[owner].append(int(entry.name))
    return pids


def parent_of(pid: int) -> int:
    """Return the pid of a process's parent."""
    return int(Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[1])


def below(root: int) -> list[int]:
    """Return the living processes below a process, parents first."""
    children: dict[int, list[int]] = defaultdict(list)
    for entry in Path("/proc").glob("[0-9]*"):
        try:
            children[parent_of(int(entry.name))].append(int(entry.name))
        except OSError:
            continue
    pids = [root]
    for pid in pids:
        pids += children[pid]
    return pids[1:]


def start_worker(database: str, *options: str) -> subprocess.Popen[bytes]:
    """Start `interlock worker` with the sample jobs in a process of its own."""
    program = [sys.executable, "-m", "interlock_adapters.cli.main", "worker"]
    return subprocess.Popen(
        [*program, "e2e.sample_jobs", "--database", database, *options],
        cwd=Path(__file__).parents[1],
        start_new_session=True,
        stderr=subprocess.DEVNULL,
    )


def until(condition: Callable[[], object], seconds: float = 20) -> None:
    """Wait until a condition holds; fail when it does not by the deadline."""
    within(deadline(seconds), condition)


def within(seconds: float, condition: Callable[[], object]) -> None:
    """Assert that a condition holds within a time that is promised on any machine."""
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "it did not happen in time"
        time.sleep(0.005)
