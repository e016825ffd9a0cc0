"""Jobs that say too much, or what is not theirs to say."""

import os
import time
from typing import Any

from interlock import current_job, job
from interlock_adapters.subprocess.protocol import Kind, frame


def _link() -> Any:
    """Return the job's own end of its pipes, as a hostile job finds it."""
    report: Any = current_job()._report
    return report.__self__


@job
def reports(seconds: float) -> int:
    """Report its progress as often as it can; return how often."""
    until, count = time.monotonic() + seconds, 0
    while time.monotonic() < until:
        count += 1
        current_job().progress(count, count)
    return count


@job
def asks(seconds: float) -> int:
    """Write requests and wait for no answer; return how many."""
    until, count = time.monotonic() + seconds, 0
    while time.monotonic() < until:
        count += 1
        body = {"number": count, "kind": "nosuch"}
        os.write(_link().result_fd, frame(Kind.REQUEST, body))
    return count


@job
def prints(seconds: float) -> None:
    """Fill its output."""
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        os.write(1, b"x\n" * 1000)


@job(max_losses=1)
def sleeps(seconds: float) -> str:
    """Be a neighbor that only needs its lease."""
    time.sleep(seconds)
    return "slept"


@job
def says(kind: str, body: dict[str, Any]) -> None:
    """End with a frame that it has written itself."""
    os.write(_link().result_fd, frame(Kind[kind], body))
    os._exit(1)


@job
def reports_raw(body: dict[str, Any]) -> str:
    """Report progress that the library would not send."""
    os.write(_link().result_fd, frame(Kind.PROGRESS, body))
    return "done"


@job
def waits() -> None:
    """Run until it is stopped."""
    while True:
        time.sleep(60)
