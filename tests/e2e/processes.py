"""An oracle that does not depend on the engine: what the kernel says is alive."""

import os
import time
from collections.abc import Callable
from pathlib import Path


def alive(job_id: str) -> list[int]:
    """Return the living processes of a job.

    A fork of the job inherits its name, what it executes inherits its environment;
    zombies are dead (proc(5)).
    """
    mark = f"INTERLOCK_JOB_ID={job_id}".encode()
    found = []
    for entry in Path("/proc").glob("[0-9]*"):
        try:
            state = (entry / "stat").read_text().rpartition(")")[2].split()[0]
            named = (entry / "comm").read_text().startswith(f"job:{job_id[-8:]}.")
            marked = named or mark in (entry / "environ").read_bytes()
        except (OSError, IndexError):
            continue
        if marked and state not in "ZX" and int(entry.name) != os.getpid():
            found.append(int(entry.name))
    return found


def parent_of(pid: int) -> int:
    """Return the pid of a process's parent."""
    return int(Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[1])


def until(condition: Callable[[], object], seconds: float = 20) -> None:
    """Wait until a condition holds; fail when it does not within the time."""
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "it did not happen in time"
        time.sleep(0.005)
