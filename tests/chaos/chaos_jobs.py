"""Jobs with a journal outside of the database, and a lock that the kernel keeps."""

import fcntl
import os
import signal
import time
from contextlib import suppress
from pathlib import Path
from typing import Any, Final

from interlock import (
    JobCanceled,
    JobFailed,
    JobTimedOut,
    Limit,
    Retry,
    Snooze,
    TransientError,
    current_job,
    job,
)


def _write(folder: str, what: str) -> None:
    context = current_job()
    _append(folder, f"{what} {context.id} {context.attempt}")


def _append(folder: str, text: str) -> None:
    """Append one line, in one write(2): lines of several processes do not mix."""
    line = f"{text}\n".encode()
    journal = os.open(Path(folder, "journal"), os.O_APPEND | os.O_CREAT | os.O_WRONLY)
    os.write(journal, line)
    os.close(journal)


def _hold(folder: str) -> None:
    """Take the job's lock for as long as any process of this attempt lives."""
    lock = os.open(Path(folder, current_job().id), os.O_CREAT | os.O_RDWR)
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        _write(folder, "overlap")
        raise


def _take_slot(folder: str, name: str, slots: int) -> None:
    """Take one of the locks of a limited name, for as long as this attempt lives."""
    for number in range(slots):
        lock = os.open(Path(folder, f"{name}.{number}"), os.O_CREAT | os.O_RDWR)
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            os.close(lock)
        else:
            return
    _write(folder, "excess")


OPTIONS: Final[dict[str, Any]] = {
    "grace": 0.2,
    "max_losses": 1000,
    "retry": Retry(max_attempts=3, on=(), backoff=0.05),
}


@job(name="chaos.exclusive", max_running=1, **OPTIONS)
def exclusive(folder: str, kind: str, seconds: float) -> int:
    """Do it alone."""
    _take_slot(folder, "exclusive", 1)
    return _work(folder, kind, seconds)


@job(name="chaos.few", max_running=3, **OPTIONS)
def few(folder: str, kind: str, seconds: float) -> int:
    """Do it while two others do at most."""
    _take_slot(folder, "few", 3)
    return _work(folder, kind, seconds)


@job(name="chaos.keyed", exclusive=["group"], **OPTIONS)
def keyed(folder: str, kind: str, seconds: float, group: int = 0) -> int:
    """Do it while nobody of the same group does."""
    _take_slot(folder, f"keyed-{group}", 1)
    return _work(folder, kind, seconds)


@job(
    name="chaos.latest",
    concurrency=[Limit("latest:{group}", max_running=1)],
    when_full="replace",
    **OPTIONS,
)
def latest(folder: str, kind: str, seconds: float, group: int = 0) -> int:
    """Do it in place of an older one of the same group, when that is dead."""
    _take_slot(folder, f"latest-{group}", 1)
    return _work(folder, kind, seconds)


#: Starts in a window of seconds, of each group of `rated`.
RATE: Final = (4, 2)


@job(
    name="chaos.rated",
    concurrency=[Limit("rated:{group}", rate_limit=f"{RATE[0]}/{RATE[1]}s")],
    **OPTIONS,
)
def rated(folder: str, kind: str, seconds: float, group: int = 0) -> int:
    """Do it, and start no more often than the rate of the group."""
    del group
    return _work(folder, kind, seconds)


@job(name="chaos.work", **OPTIONS)
def work(folder: str, kind: str, seconds: float) -> int:
    """Do as `kind` says: quick, slow, failing, patient, hostile, or late: hostile too.

    A patient one asks to go on later, at each attempt with an odd number.
    """
    return _work(folder, kind, seconds)


def _work(folder: str, kind: str, seconds: float) -> int:
    _hold(folder)
    _write(folder, "start")
    if kind == "failing" and current_job().attempt % 3 != 0:
        raise TransientError("on purpose")
    if kind == "patient" and current_job().attempt % 2:
        _write(folder, "snooze")
        raise Snooze(0.1)
    if kind in {"hostile", "late"}:
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
        if os.fork() == 0:
            os.setsid()
            time.sleep(600)
            os._exit(0)
    time.sleep(seconds)
    _write(folder, "end")
    return current_job().attempt


def _swept(folder: str) -> None:
    """Tell that an attempt is cleaned up after."""
    me = current_job()
    time.sleep(0.02)
    _append(folder, f"final {me.parent_id} {me.inputs['attempt']}")


def _done(folder: str, name: str) -> str:
    _write(folder, f"do-{name}")
    return name


def _once(folder: str, name: str) -> None:
    """Do a step; once it is told, it is never done again."""
    current_job().step(name, _done, folder, name)
    _write(folder, f"did-{name}")


@job(name="chaos.stepped", finalizer=_swept, **OPTIONS)
def stepped(folder: str, kind: str, seconds: float) -> int:
    """Do steps, sleep, wait for two signals and for a job; then do as `kind` says."""
    me = current_job()
    _hold(folder)
    _write(folder, "start")
    _once(folder, "first")
    _write(folder, "snooze")
    me.sleep(0.05)
    _once(folder, "second")
    for number in range(2):
        got = me.await_signal("go")
        if got != number:
            _write(folder, "disorder")
    child = me.submit(work, folder, "quick", 0.01)
    _append(folder, f"child:{child.id} {me.id} {me.attempt}")
    with suppress(JobFailed, JobCanceled, JobTimedOut):
        child.result()
    _append(folder, f"after:{child.id} {me.id} {me.attempt}")
    _once(folder, "third")
    if kind == "failing" and "second" not in (me.saved or []):
        me.save(["second"])
        raise TransientError("on purpose")
    time.sleep(seconds)
    _write(folder, "end")
    return me.attempt
