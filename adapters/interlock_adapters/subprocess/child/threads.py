"""Finds the threads of the zygote that make a fork unsafe.

A fork has the thread that forked and no other; a lock that another one held is held for
ever. Libraries that are made for it stop their threads in a handler of their own
(pthread_atfork(3); OpenBLAS does) and start them again when they are used.
"""

import os
import sys
from collections.abc import Mapping
from typing import Final

#: Threads whose library handles a fork but does not stop them: jemalloc's, in pyarrow
#: and polars, and the one that removes polars' spilled files.
_SAFE: Final = frozenset({"jemalloc_bg_thd", "polars-ooc-clea"})


def others() -> list[int]:
    """Return the kernel's ids of the threads beside the main one."""
    try:
        tasks = sorted(int(task) for task in os.listdir("/proc/self/task"))
    except OSError:  # not Linux
        return sorted(_python_threads())
    main = int(os.readlink("/proc/self"))
    return [task for task in tasks if task != main]


def unsafe(started_by: Mapping[int, str]) -> list[str]:
    """Return descriptions of other threads; call it after the trial fork.

    `started_by` names the module whose import has started a thread.
    """
    python = _python_threads()
    threads = []
    for task in others():
        name = python.get(task) or _name(task)
        if name is not None and name not in _SAFE:
            threads.append(f"{name} of {started_by.get(task, 'a job module')}")
    return threads


def _python_threads() -> dict[int, str]:
    """Return the threads that Python has started, by the kernel's id."""
    threading = sys.modules.get("threading")
    if threading is None:
        return {}
    return {
        thread.native_id or 0: f"Python thread {thread.name!r}"
        for thread in threading.enumerate()
        if thread is not threading.main_thread()
    }


def _name(task: int) -> str | None:
    try:
        with open(f"/proc/self/task/{task}/comm", encoding="utf-8") as file:
            name = file.read().strip()
    except OSError:  # it has ended
        return None
    return name if name in _SAFE else f"native thread {name!r}"
