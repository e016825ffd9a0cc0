"""Jobs with limits by keys, as applications declare them."""

import fcntl
import os
import signal
import time
from pathlib import Path

from interlock import Limit, Retry, job


def _alone(folder: str, key: str) -> None:
    """Take the lock of a key for as long as any process of this attempt lives."""
    lock = os.open(Path(folder, f"{key}.lock"), os.O_CREAT | os.O_RDWR)
    fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)


@job(name="limited.train", exclusive=["model"], retry=Retry())
def train(folder: str, model: str, seconds: float = 0.05) -> str:
    """Fail if another one with the same model is alive."""
    _alone(folder, model)
    time.sleep(seconds)
    return model


@job(
    name="limited.render",
    concurrency=[Limit("page:{page}", max_running=1)],
    when_full="replace",
    grace=0.2,
)
def render(folder: str, page: str, seconds: float = 60.0) -> str:
    """Ignore SIGTERM, with a daemon that ignores it too."""
    _alone(folder, page)
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    if os.fork() == 0:
        os.setsid()
        time.sleep(600)
        os._exit(0)
    Path(folder, "rendering").touch()
    time.sleep(seconds)
    return page


@job(name="limited.call", concurrency=[Limit("api:{customer}", rate_limit="5/2s")])
def call(customer: str) -> float:
    """Return when it was called."""
    del customer
    return time.time()


@job(name="limited.report", exclusive=True, when_full="cancel_new")
def report(folder: str) -> None:
    """Run until it is told to end."""
    while not Path(folder, "end").exists():
        time.sleep(0.01)


@job(name="limited.short", retention={"SUCCEEDED": 3})
def short(number: int) -> int:
    """Return the number."""
    return number
