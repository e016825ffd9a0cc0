"""Jobs that schedules submit."""

import fcntl
import os
import signal
import time
from pathlib import Path

from interlock import current_job, job


@job(name="sch.quick")
def quick() -> str | None:
    return current_job().id


@job(name="sch.alone", grace=0.2)
def alone(folder: str, seconds: float) -> None:
    """Hold one lock for all, in two processes; SIGTERM does not end them."""
    lock = os.open(Path(folder, "lock"), os.O_CREAT | os.O_RDWR)
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        Path(folder, "two-at-once").touch()
        raise
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    if os.fork() == 0:
        os.setsid()
        time.sleep(600)
        os._exit(0)
    time.sleep(seconds)
