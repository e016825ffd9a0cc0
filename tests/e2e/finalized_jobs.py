"""Jobs with finalizers."""

import json
import os
import signal
import subprocess
import time
from pathlib import Path

from interlock import Retry, current_job, job

from .step_jobs import note


def clean(path: str) -> None:
    """Write what became of the attempt."""
    told = current_job().inputs
    note(path, f"clean {told['attempt']} {told['outcome']}")
    with Path(f"{path}.told").open("a") as file:
        file.write(json.dumps(told) + "\n")


@job(finalizer=clean, retry=Retry(max_attempts=2, backoff=0.01))
def work(path: str, how: str) -> None:
    note(path, f"work {current_job().attempt}")
    match how:
        case "fail":
            raise ValueError("no")
        case "kill":
            os.kill(os.getpid(), signal.SIGKILL)
        case "stubborn":
            signal.signal(signal.SIGTERM, signal.SIG_IGN)
            subprocess.Popen(["sleep", "100"], start_new_session=True)
            note(path, "ready")
            time.sleep(60)
        case "sleep":
            current_job().sleep(0.05)
        case _:
            return


@job(retry=Retry(max_attempts=3, backoff=0.01))
def clean_at_last(path: str) -> None:
    """Fail twice."""
    note(path, f"try {current_job().attempt}")
    if current_job().attempt < 3:
        raise OSError("not yet")


@job(finalizer=clean_at_last)
def work_once(path: str) -> None:
    note(path, "work")


@job(finalizer=clean)
def works_long(path: str) -> None:
    if current_job().attempt == 1:
        note(path, "work 1")
        time.sleep(60)
    note(path, "work 2")
