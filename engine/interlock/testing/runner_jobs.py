"""The jobs that `RunnerContract` has a runner start.

Each beats by appending to a file while it lives, so that its death can be seen from
anywhere that shares the folder.
"""

import os
import signal
import time
from pathlib import Path

from interlock.core.retry import TransientError
from interlock.jobs.context import Interrupted, current_job
from interlock.jobs.registry import job

_BEAT_S = 0.02


def _beat(path: Path, seconds: float) -> None:
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        with path.open("a") as file:
            file.write(".")
        time.sleep(_BEAT_S)


@job(name="contract.answer")
def answer(value: object) -> object:
    """Return what was given."""
    return value


@job(name="contract.tell")
def tell() -> list[object]:
    """Return what a job knows of itself."""
    job = current_job()
    return [job.id, job.name, job.attempt, os.environ["INTERLOCK_ATTEMPT"]]


@job(name="contract.fail")
def fail(*, transient: bool) -> None:
    """Raise."""
    raise TransientError("pardon") if transient else ValueError("never")


@job(name="contract.leave")
def leave(code: int) -> None:
    """End without a result."""
    os._exit(code)


@job(name="contract.crash")
def crash() -> None:
    """End by a signal."""
    os.kill(os.getpid(), signal.SIGKILL)


@job(name="contract.talk")
def talk(lines: int) -> None:
    """Print lines and report progress."""
    for number in range(lines):
        print(f"line {number}")  # noqa: T201  (that is its job)
    current_job().progress(lines, lines, unit="lines")


@job(name="contract.beat")
def beat(folder: str, seconds: float) -> None:
    """Beat for a while; clean up when it is stopped."""
    try:
        _beat(Path(folder, "beat"), seconds)
    except Interrupted as stop:
        Path(folder, "stopped").write_text(stop.cause)
        raise


@job(name="contract.family")
def family(folder: str) -> None:
    """Ignore SIGTERM, and beat in a child of a session of its own as well."""
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    if os.fork() == 0:
        os.setsid()
        if os.fork() == 0:
            _beat(Path(folder, "grandchild"), 60)
        os._exit(0)
    _beat(Path(folder, "beat"), 60)


@job(name="contract.litter")
def litter(folder: str) -> str:
    """Return, and leave a child behind that goes on."""
    path = Path(folder, "beat")
    if os.fork() == 0:
        _beat(path, 60)
        os._exit(0)
    while not path.exists():
        time.sleep(_BEAT_S)
    return "done"
