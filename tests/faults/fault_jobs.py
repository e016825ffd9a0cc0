"""Jobs that a fault meets while they run."""

import fcntl
import os
import time
from pathlib import Path

from interlock import current_job, job


@job(name="f.endless_at_first")
def endless_at_first(folder: str) -> int:
    """Last for ever in the first attempt, in two processes; end in the second.

    Both hold the job's lock: the kernel lets go of a flock(2) when the last process
    that inherited it is dead, and the second attempt fails while the first one lives.
    """
    context = current_job()
    lock = os.open(Path(folder, context.id), os.O_CREAT | os.O_RDWR)
    fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    if context.attempt == 1:
        os.fork()
        time.sleep(600)
    return context.attempt


@job(name="f.ends_when_told")
def ends_when_told(folder: str) -> int:
    """End by itself, while there is nobody who could take the result."""
    while not Path(folder, "end").exists():
        time.sleep(0.01)
    return current_job().attempt


@job
def prints(lines: list[str]) -> None:
    """Print some lines."""
    for line in lines:
        print(line)
