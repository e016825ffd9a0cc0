"""Makes forks of the zygote safe, between the import of modules and the first fork.

A trial fork shows which threads survive a fork, and names what the modules opened.
It runs in a child, so an error cannot harm the zygote.
"""

import gc
import json
import os
import select
import signal
import sys
import warnings
from collections import deque
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from types import FunctionType, ModuleType
from typing import Any, Final

from interlock_adapters.subprocess.child import interpreter_end, threads
from interlock_adapters.subprocess.zygote import descriptors, libraries
from interlock_adapters.subprocess.zygote.descriptors import Step

_PATIENCE_MS: Final = 10_000  # of the rehearsal; what hangs in it is killed
_MOST_OBJECTS: Final = 5000  # looked at below each global of a module
_NAMELESS: Final = "a job module"
_BEGUN: Final = b" "  # the fork runs; JSON may begin with it
_STUCK: Final = (
    "a fork of the process that has imported the job modules did not come to run. "
    "Look for a function that a module gives to os.register_at_fork() and that hangs "
    "or ends the process"
)
_PYTHON: Final = (sys.base_prefix, os.path.dirname(os.__file__))
_INSTALLED: Final = ("interlock", "interlock_adapters")


@dataclass(frozen=True, slots=True, kw_only=True)
class Prepared:
    """What each fork keeps, its first steps, and warnings for people."""

    fds: frozenset[int]
    steps: Sequence[Step]
    unsafe: Sequence[str]  # threads that a fork would lose
    remarks: Sequence[str]


def prepare(before: frozenset[int], started_by: Mapping[int, str]) -> Prepared:
    """Make forks of this process safe.

    Args:
        before: descriptors that are not the modules'.
        started_by: by which module each thread was started.
    """
    opened = descriptors.since(before)
    objects: list[Any] = []
    if opened.fds or libraries.needs_objects():
        objects = gc.get_objects()
    for file in interpreter_end.files(objects):
        interpreter_end.flush(file)  # else each job would write the same again
    remarks = _rehearse(opened.remarks, objects)
    unsafe = threads.unsafe(started_by)
    if threads.others():
        _allow_forks_beside_threads()
    steps: list[Step] = []
    if interpreter_end.set_aside(objects if opened.fds else ()):
        steps.append(interpreter_end.forget_modules)
    steps += opened.steps
    steps += libraries.steps(objects)
    return Prepared(fds=opened.fds, steps=steps, unsafe=unsafe, remarks=remarks)


def _allow_forks_beside_threads() -> None:
    """Suppress the warning of Python 3.12 and newer for forks that are safe."""
    text = ".*multi-threaded, use of fork"
    warnings.filterwarnings("ignore", text, DeprecationWarning)


def _rehearse(remarks: Mapping[int, str], objects: Sequence[Any]) -> list[str]:
    """Fork a child that names what it finds and ends; return what it wrote.

    Raises:
        RuntimeError: the child never came to run. No job's process would.
    """
    reader, writer = os.pipe()
    pid = os.fork()
    if pid == 0:
        try:
            os.write(writer, _BEGUN)
            os.write(writer, json.dumps(list(_named(remarks, objects))).encode())
        finally:
            os._exit(0)
    os.close(writer)
    text = _read(reader, pid)
    os.waitpid(pid, 0)
    if not text:
        raise RuntimeError(_STUCK)
    try:
        named: list[str] = json.loads(text)
    except ValueError:  # it was killed, or worse
        named = [f"{_NAMELESS} {remark}" for remark in remarks.values()]
    return named


def _read(reader: int, pid: int) -> bytes:
    poll = select.poll()
    poll.register(reader, select.POLLIN)
    text = b""
    while True:
        data = os.read(reader, 65536) if poll.poll(_PATIENCE_MS) else b""
        text += data
        if not data:
            break
    os.close(reader)
    os.kill(pid, signal.SIGKILL)  # it is not reaped: this is it, ended or hanging
    return text


def _named(remarks: Mapping[int, str], objects: Sequence[Any]) -> Iterator[str]:
    """Yield the remarks with the names of the globals that they are about."""
    if remarks:
        handled = _reached(libraries.reconnecting(objects), frozenset(remarks))
        unhandled = frozenset(remarks) - set(handled)
        owners = _owners(unhandled)
        for fd in sorted(unhandled):
            yield f"{owners.get(fd, _NAMELESS)} {remarks[fd]}"
    random_ids = {id(generator) for generator in libraries.own_randoms(objects)}
    for module in _applications() if random_ids else ():
        for name, value in vars(module).items():
            if id(value) in random_ids:
                yield (
                    f"{module.__name__}.{name} is a random.Random: each job seeds it "
                    "anew. Seed it in the job if its numbers are to repeat"
                )


def _applications() -> Iterator[ModuleType]:
    """Yield the modules that are neither Python's nor installed."""
    for module in list(sys.modules.values()):
        file = getattr(module, "__file__", None) or ""
        name = getattr(module, "__name__", "").partition(".")[0]
        is_own = "site-packages" not in file and not file.startswith(_PYTHON)
        if file and is_own and name not in _INSTALLED:
            yield module


def _owners(fds: frozenset[int]) -> dict[int, str]:
    """Return the module global through which each descriptor is reached."""
    owners: dict[int, str] = {}
    for module in _applications() if fds else ():
        for name, value in list(vars(module).items()):
            if not name.startswith("__"):
                for fd in _reached(value, fds):
                    owners.setdefault(fd, f"{module.__name__}.{name}")
    return owners


_SKIPPED: Final = (ModuleType, type, FunctionType, str, bytes, int, float)


def _reached(root: Any, fds: frozenset[int]) -> Iterator[int]:
    """Yield the descriptors of what `root` refers to."""
    logging: Any = sys.modules.get("logging")
    # A logger leads to every handler there is, whoever's it may be.
    skipped = (*_SKIPPED, *((logging.Logger,) if logging else ()))
    known_ids: set[int] = set()
    waiting = deque([root])
    while waiting and len(known_ids) < _MOST_OBJECTS:
        value = waiting.popleft()
        if id(value) in known_ids or libraries.of_kind(value, skipped):
            continue
        known_ids.add(id(value))
        if hasattr(type(value), "fileno"):
            with suppress(Exception):
                fd = value.fileno()
                if fd in fds:
                    yield fd
        waiting.extend(gc.get_referents(value))
