"""What Python does at an interpreter's end, for jobs, which end by os._exit.

A job whose threads still write, or whose atexit handlers were not called, has not done
its work: that is done before its result is told, within its timeout. What the *modules*
asked for at exit belongs to the zygote, which does it once, at its own end: a job must
not remove a folder that the others still use.
"""

import atexit
import sys
import weakref
from collections.abc import Mapping
from contextlib import suppress
from typing import Any, Final

_WITH_WORK: Final = frozenset({"threading", "multiprocessing.util", "logging"})
_finalize: Final[Any] = weakref.finalize
_of_modules: Final[list[Any]] = []  # finalizers that are not for a job to call


def set_aside() -> bool:
    """Take note of what the modules asked for at exit; return if it is anything."""
    _of_modules[:] = [one for one in list(_finalize._registry) if one.atexit]
    return bool(_of_modules) or atexit._ncallbacks() > 0


def forget_modules() -> None:
    """Leave to the zygote what is the zygote's; called in a job, before anything."""
    atexit._clear()
    for one in _of_modules:
        one.atexit = False
    _finalize._registered_with_atexit = False  # else the job's own are not called


def modules() -> int:
    """Return how many modules are loaded; -1 if one of them has work at the end.

    A job that loads no other and registers nothing has nothing to finish.
    """
    has_work = not _WITH_WORK.isdisjoint(sys.modules)
    return -1 if has_work else len(sys.modules)


def finish() -> None:
    """Wait for the threads and children that the job left; call what it registered."""
    found: Mapping[str, Any] = sys.modules
    if "threading" in found:
        found["threading"]._shutdown()  # also what concurrent.futures has left
    if "multiprocessing.util" in found:
        found["multiprocessing.util"]._exit_function()
    if atexit._ncallbacks():
        atexit._run_exitfuncs()
    if "logging" in found:
        for ref in reversed(found["logging"]._handlerList):
            _flush(ref())


def _flush(handler: Any) -> None:
    with suppress(Exception):  # the job's own; Python ignores it as well
        handler.flush()


def finish_modules() -> None:
    """Do what the modules asked for, when no job is left that could need it."""
    atexit._run_exitfuncs()
