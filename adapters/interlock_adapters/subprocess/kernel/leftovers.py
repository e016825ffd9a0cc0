"""Finds and kills processes of lost attempts, by their name and environment.

If shim and zygote were killed together, no supervisor of the job is left.
A fork of the job has its name, what it executed has its environment; both say which
attempt it was, so that a later attempt of the same job is never hit.
"""

import os
import signal
import time
from collections.abc import Collection
from contextlib import suppress
from typing import Final

_MARKS: Final = (b"INTERLOCK_JOB_ID", b"INTERLOCK_ATTEMPT")
_PATIENCE_S: Final = 1.0  # for a killed process to be gone (not if in D state)


def process_name(job_id: str, attempt: int) -> str:
    """Return the name of an attempt's processes in ps(1): 15 bytes, by prctl(2)."""
    return f"job:{job_id[-8:]}.{attempt % 100}"


def sweep(attempts: Collection[tuple[str, int]]) -> set[str]:
    """Kill every process of these attempts; return the jobs that still have some."""
    until = time.monotonic() + _PATIENCE_S
    while (processes := living(attempts)) and time.monotonic() < until:
        for pid, attempt in processes:
            _kill(pid, attempt)
        time.sleep(0.005)
    return {job_id for _, (job_id, _) in processes}


def living(
    attempts: Collection[tuple[str, int]],
) -> list[tuple[int, tuple[str, int]]]:
    """Return the living processes of these attempts; reads each process once."""
    by_name = {process_name(*attempt).encode(): attempt for attempt in attempts}
    known = set(attempts)
    processes = []
    for entry in os.listdir("/proc"):
        if entry.isdecimal() and int(entry) != os.getpid():
            name, marked = _marks(int(entry))
            attempt = by_name.get(name, marked)
            if attempt in known:
                processes.append((int(entry), attempt))
    return processes


def _bears(pid: int, attempt: tuple[str, int]) -> bool:
    """Whether a process is alive and has the marks of an attempt."""
    name, marked = _marks(pid)
    return name == process_name(*attempt).encode() or marked == attempt


def _marks(pid: int) -> tuple[bytes, tuple[str, int] | None]:
    """Return a living process's name, and the attempt that its environment names."""
    try:
        with open(f"/proc/{pid}/stat", "rb") as file:
            name, _, state = file.read().partition(b"(")[2].rpartition(b") ")
        with open(f"/proc/{pid}/environ", "rb") as file:
            environment = file.read().split(b"\0")
    except OSError:
        return b"", None
    if state[:1] in b"ZX":  # dead, and not reaped yet
        return b"", None
    marks = {}
    for entry in environment:
        key, is_mark, value = entry.partition(b"=")
        if is_mark and key in _MARKS:
            marks[key] = value
    job_id, number = (marks.get(key, b"") for key in _MARKS)
    if not number.isdigit():
        return name, None
    return name, (job_id.decode("utf-8", "replace"), int(number))


def _kill(pid: int, attempt: tuple[str, int]) -> None:
    """Kill a process by a pidfd that was opened before its marks are read again."""
    with suppress(OSError):
        pidfd = os.pidfd_open(pid)
        try:
            if _bears(pid, attempt):
                signal.pidfd_send_signal(pidfd, signal.SIGKILL)
        finally:
            os.close(pidfd)
