"""Jobs that do what the jobs of the threads did."""

import os
import signal
import time
from pathlib import Path

from interlock import Interrupted, Retry, current_job, job


@job(name="peer.hold", grace=0)
def hold(folder: str) -> None:
    """Leave a trace of having run, and stay."""
    Path(folder, f"ran-{current_job().id}").touch()
    time.sleep(600)


@job(name="peer.nap")
def nap(seconds: float) -> float:
    time.sleep(seconds)
    return seconds


@job(name="peer.fails", retry=Retry(max_attempts=3, on=(OSError,), backoff=0.01))
def fails_while_canceled(url: str) -> None:
    """Fail for a passing reason, right after somebody has asked for a cancel."""
    from interlock import Engine  # noqa: PLC0415  (the others' processes stay small)

    with Engine.open(url) as engine:
        engine.cancel(current_job().id, by="anna")
    raise ConnectionError("the job had expected this")


def _daemon() -> None:
    if os.fork() == 0:
        os.setsid()
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
        time.sleep(600)


@job(name="peer.winds_down", grace=60)
def winds_down(folder: str) -> None:
    """Take, when it is stopped, as long as the test wants."""
    _daemon()
    Path(folder, "started").touch()
    try:
        time.sleep(600)
    except Interrupted:
        Path(folder, "stopping").touch()
        while not Path(folder, "let-go").exists():
            time.sleep(0.01)
        raise


@job(name="peer.leaves")
def fails_and_leaves_a_daemon() -> None:
    _daemon()
    raise ValueError("boom")
