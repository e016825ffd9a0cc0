"""Does for jobs, which end by os._exit, what Python does at an interpreter's end.

A job has not finished while its threads still write or its atexit handlers were not
called. So this is done before its result is reported, within its timeout. What the
*modules* registered is called once, at the end of the zygote: a job must not remove a
folder that other jobs still use.
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
    """Remember, in the zygote, what the modules registered for their end.

    Args:
        objects: all of this process, or none if the modules have opened nothing.

    Returns:
        Whether they have registered anything that is not for a job to call.
    """
    _files[:] = files(objects)
    _of_modules[:] = [
        finalizer for finalizer in list(_finalize._registry) if finalizer.atexit
    ]
    return bool(_of_modules) or atexit._ncallbacks() > 0


def files(objects: Iterable[Any]) -> list[Any]:
    """Return the objects that buffer output. Proxies are left alone."""
    return [value for value in objects if issubclass(type(value), _FILES)]


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
    """Forget what the modules registered; called first in a job."""
    atexit._clear()
    for finalizer in _of_modules:
        finalizer.atexit = False
    _finalize._registered_with_atexit = False  # else the job's own are not called


def finish() -> None:
    """Join the threads and children of the job; call its atexit handlers."""
    modules: Mapping[str, Any] = sys.modules
    if "threading" in modules:
        modules["threading"]._shutdown()  # also what concurrent.futures has left
    if "multiprocessing.util" in modules:
        modules["multiprocessing.util"]._exit_function()
    if atexit._ncallbacks():
        atexit._run_exitfuncs()
    if "logging" in modules:
        for ref in reversed(modules["logging"]._handlerList):
            flush(ref())
    for file in (*_files, *files(gc.get_objects())):
        flush(file)


def flush(stream: Any) -> None:
    """Flush a file or a logging handler, if possible."""
    with suppress(Exception):  # the job's own; Python ignores it as well
        stream.flush()


def finish_modules() -> None:
    """Call what the modules registered, when no job is left."""
    atexit._run_exitfuncs()
