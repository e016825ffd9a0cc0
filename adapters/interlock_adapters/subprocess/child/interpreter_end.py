"""What Python does at an interpreter's end, for jobs, which end by os._exit.

A job whose threads still write, or whose atexit handlers were not called, has not done
its work: that is done before its result is told, within its timeout. What the *modules*
asked for at exit belongs to the zygote, which does it once, at its own end: a job must
not remove a folder that the others still use.
"""

import atexit
import gc
import io
import sys
import weakref
from collections.abc import Iterable, Mapping
from contextlib import suppress
from typing import Any, Final

_WITH_WORK: Final = frozenset({"threading", "multiprocessing.util", "logging"})
_FILES: Final = (io.TextIOWrapper, io.BufferedWriter, io.BufferedRandom)
_finalize: Final[Any] = weakref.finalize
_of_modules: Final[list[Any]] = []  # finalizers that are not for a job to call
_files: Final[list[Any]] = []  # of the modules; the collector does not show them


def set_aside(objects: Iterable[Any]) -> bool:
    """Take note, in the zygote, of what the modules have for their end.

    Args:
        objects: all of this process, or none if the modules have opened nothing.

    Returns:
        Whether they have registered anything that is not for a job to call.
    """
    _files[:] = files(objects)
    _of_modules[:] = [one for one in list(_finalize._registry) if one.atexit]
    return bool(_of_modules) or atexit._ncallbacks() > 0


def files(objects: Iterable[Any]) -> list[Any]:
    """Return those that hold back what was written. A proxy is asked nothing."""
    return [one for one in objects if issubclass(type(one), _FILES)]


def modules() -> int:
    """Return how many modules are loaded; -1 if there is work at the end of each job.

    A job that loads no other, registers nothing and leaves no file open has none.
    """
    loaded = sys.modules
    for name in _WITH_WORK:  # not the other way: each name touched is a page to copy
        if name in loaded:
            return -1
    return -1 if _files else len(loaded)


def forget_modules() -> None:
    """Leave to the zygote what is the zygote's; called in a job, before anything."""
    atexit._clear()
    for one in _of_modules:
        one.atexit = False
    _finalize._registered_with_atexit = False  # else the job's own are not called


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
            flush(ref())
    for file in (*_files, *files(gc.get_objects())):
        flush(file)


def flush(one: Any) -> None:
    """Write what a file or a handler of logging holds back, if that can be done."""
    with suppress(Exception):  # the job's own; Python ignores it as well
        one.flush()


def finish_modules() -> None:
    """Do what the modules asked for, when no job is left that could need it."""
    atexit._run_exitfuncs()
