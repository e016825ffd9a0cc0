"""Jobs that end in unusual ways, and jobs that are stopped where they are."""

from __future__ import annotations

import asyncio
import atexit
import ctypes
import logging.handlers
import mmap
import os
import re
import signal
import subprocess
import sys
import tempfile
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from multiprocessing import Process
from pathlib import Path

from interlock import Interrupted, Retry, current_job, hooks, job

FOLDER = tempfile.TemporaryDirectory()  # the module's own: no job may remove it


class OddError(Exception):
    """Its words cannot be had."""

    def __str__(self) -> str:
        raise RuntimeError

    __repr__ = __str__


class NotesError(Exception):
    """Its notes are none."""


def _late(path: str) -> None:
    time.sleep(0.3)
    Path(path).write_text("late")


@job(name="t.ends")
def ends(how: str, folder: str) -> str:
    """Return while something of the job is still at work."""
    path = str(Path(folder, how))
    match how:
        case "thread":
            threading.Thread(target=_late, args=(path,)).start()
        case "executor":
            ThreadPoolExecutor(1).submit(_late, path)
        case "process":
            Process(target=_late, args=(path,)).start()
        case "atexit":
            atexit.register(_late, path)
        case "logging":
            handler = logging.handlers.MemoryHandler(
                9, target=logging.FileHandler(path)
            )
            logging.getLogger("t.ends").addHandler(handler)
            logging.getLogger("t.ends").warning("late")
        case "file":
            globals()["held"] = held = Path(path).open("w")  # noqa: SIM115
            held.write("late")
        case _:
            raise ValueError(how)
    return FOLDER.name


@job(name="t.leaves", retry=Retry(max_attempts=2, on=(OddError,), backoff=0))
def leaves(how: str) -> str:
    """End by `sys.exit`, or by an error that is hard to tell."""
    match how:
        case "exit":
            sys.exit()
        case "exit 0":
            sys.exit(0)
        case "exit words":
            sys.exit("no such shop")
        case "exit 3":
            sys.exit(3)
        case "odd":
            raise OddError
        case "notes":
            error = NotesError("words")
            error.__notes__ = 5  # type: ignore[assignment]
            raise error
        case "cycle":
            one, two = ValueError("one"), ValueError("two")
            one.__cause__, two.__cause__ = two, one
            raise one
        case "many":
            raise ExceptionGroup("many", [ValueError("one"), OddError()])
        case _:
            raise ValueError(how)


@job(name="t.meddles")
def meddles(how: str) -> str:
    """Return after having changed what the process has for all."""
    match how:
        case "no stdout":
            sys.stdout = None
            sys.stderr = object()
        case "closed":
            sys.stdout.close()
            os.close(2)
        case "hooks":
            sys.excepthook = sys.unraisablehook = threading.excepthook = None  # type: ignore[assignment]
        case "logging":
            logging.disable()
            logging.shutdown()
        case "signals":
            for signum in (
                signal.SIGTERM,
                signal.SIGINT,
                signal.SIGURG,
                signal.SIGCHLD,
            ):
                signal.signal(signum, signal.SIG_IGN)
        case _:
            raise ValueError(how)
    return how


@job(name="t.stops_forks")
def stops_forks(many: int) -> list[int]:
    """Stop processes while they are being made; return which signals ended them."""
    ended = []
    for _ in range(many):
        pid = os.fork()
        if pid == 0:
            time.sleep(5)
            os._exit(0)
        os.kill(pid, signal.SIGTERM)
        _, status = os.waitpid(pid, 0)
        ended.append(-os.waitstatus_to_exitcode(status))
    return sorted(set(ended))


def dawdle() -> None:
    time.sleep(600)


@job(name="t.outruns", timeout=0.3, grace=1)
def outruns(how: str) -> None:
    """Run too long, where no signal handler of Python gets a turn."""
    match how:
        case "sleep":
            dawdle()
        case "regex":
            re.match(r"(a+)+$", "a" * 40 + "b")
        case "lock":
            lock = threading.Lock()
            lock.acquire()
            lock.acquire()
        case "C":
            ctypes.PyDLL(None).sleep(600)  # holds the interpreter's lock
        case "program":
            subprocess.run(["sleep", "600"], check=False)
        case _:
            raise ValueError(how)


@job(name="t.graceless", timeout=0.3, grace=0)
def graceless() -> None:
    dawdle()


@job(name="t.fresh_dawdle", grace=5, isolation="interpreter")
def fresh_dawdle() -> None:
    print("begun")
    dawdle()


@job(name="t.eats", limits={"memory_mb": 300})
def eats(how: str) -> int:
    """Take memory: only reserved, in this process, or in several."""
    if how == "reserves":
        with mmap.mmap(-1, 4 * 1024**3) as reserved:
            reserved[:4] = b"used"
            return len(reserved)
    if how == "shares":
        shared = bytearray(b"x" * 120_000_000)
        for _ in range(4):
            if os.fork() == 0:
                time.sleep(600)
        time.sleep(1)  # it is weighed meanwhile: 600 MB resident, 120 MB of memory
        return len(shared)
    count = 4 if how == "children" else 1
    for _ in range(count - 1):
        os.fork()
    held = []
    while True:
        held.append(bytearray(b"x" * 5_000_000))
        if how == "children" and len(held) * 5 > 120:
            time.sleep(600)
        time.sleep(0.01)


@job(name="t.burns", limits={"cpu_s": 1})
def burns(*, ignores: bool) -> None:
    if ignores:
        signal.signal(signal.SIGXCPU, signal.SIG_IGN)
    while True:
        pass


@job(name="t.rooms")
def rooms(sub: str) -> list[str]:
    """Return where temporary files are, and leave some."""
    folder = tempfile.mkdtemp(prefix=sub)
    Path(folder, "file").write_text("left")
    Path(folder).chmod(0)
    shared = Path("/dev/shm/left")
    if current_job().id and Path("/dev/shm").is_dir():
        names = sorted(path.name for path in shared.parent.iterdir())
        shared.write_text("left")
        return [folder, str(current_job().tmpdir), *names]
    return [folder, str(current_job().tmpdir)]


@job(name="t.awaits")
async def awaits(number: int) -> list[object]:
    async def who() -> str:
        return current_job().id

    await asyncio.sleep(0)
    return [number, await asyncio.create_task(who())]


@job(name="t.awaits_long", grace=10)
async def awaits_long(folder: str, *, swallows: bool) -> str:
    """Clean up, which takes its time, when it is stopped."""
    Path(folder, "started").touch()  # noqa: ASYNC240
    try:
        await asyncio.sleep(600)
    except asyncio.CancelledError:
        await asyncio.sleep(0.1)
        Path(folder, "cleaned").touch()  # noqa: ASYNC240
        if not swallows:
            raise
    return "swallowed"


@job(name="t.hooked")
def hooked(how: str) -> str:
    if how == "fail":
        raise ValueError("boom")
    if how == "stop":
        try:
            dawdle()
        except Interrupted:
            print("interrupted")
            raise
    return how


_loaded: list[str] = []


@hooks.worker_ready
def ready() -> None:
    _loaded.append("ready")


@hooks.before_fork
def forks() -> None:
    _loaded.append("forks")


@hooks.job_start
def start() -> None:
    if current_job().name == "t.hooked":
        print(*_loaded, "start")


@hooks.job_end
def end(outcome: hooks.Outcome) -> None:
    if current_job().name == "t.hooked":
        print("end", outcome.result, repr(outcome.error))
        raise RuntimeError("a hook's own")
