"""Jobs for the tests: friendly, failing and hostile."""

import ctypes
import fcntl
import os
import resource
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

from interlock import Interrupted, Retry, TransientError, current_job, job

from .odd_jobs import odd as odd  # noqa: PLC0414  (it is one of these)


@job(name="t.add")
def add(left: int, right: int = 1) -> int:
    return left + right


@job(name="t.secret", secret=("password",))
def secret(password: str) -> str:
    print(f"the password is {password}")
    if password == "hunter3":
        raise ValueError(f"{password} is wrong")
    return f"used {password}"


@job(name="t.fresh", isolation="interpreter")
def fresh(left: int) -> int:
    return left + 1


@job(name="t.flaky", retry=Retry(max_attempts=3, backoff=0.01))
def flaky(times: int) -> int:
    attempt = current_job().attempt
    if attempt <= times:
        raise TransientError(f"attempt {attempt}")
    return attempt


class Busy(TransientError):
    """The server says when it can be asked again; it knows nothing of delays."""

    def __init__(self, code: int) -> None:
        self.code = code


@job(name="t.polled", retry=Retry(max_attempts=4, backoff=[3600]))
def polled(how: str, delay: float = 0) -> int:
    attempt = current_job().attempt
    if attempt == 1:
        raise Busy(429) if how == "own class" else TransientError(how, delay=delay)
    return attempt


@job(name="t.fail")
def fail(how: str) -> object:
    match how:
        case "error":
            raise ValueError("boom")
        case "exit":
            sys.exit(7)
        case "vanish":
            os._exit(0)
        case "signal":
            os.kill(os.getpid(), signal.SIGSEGV)
        case "memory":
            raise MemoryError
        case "unserializable":
            return object()
        case "oversized":
            return "x" * 2_000_000
        case "nan":
            return float("nan")
        case "fork":  # a child that comes back from the function has no say
            if os.fork() == 0:
                return "the child's word"
            os.wait()
            return "the parent's word"
        case _:
            pass
    return how


@job(name="t.limited", limits={"memory_mb": 400})
def limited() -> int:
    return len(bytearray(2_000_000_000))


@job(name="t.talk")
def talk(lines: int) -> None:
    for number in range(lines):
        print(f"line {number}")
        print(f"error {number}", file=sys.stderr)
    os.system("echo from a child")


@job(name="t.newlines", timeout=60)
def newlines(count: int) -> None:
    os.write(1, b"\n" * count)


@job(name="t.flood", timeout=60)
def flood(megabytes: int) -> str:
    block = b"x" * 99 + b"\n"
    for _ in range(megabytes * 10):
        os.write(1, block * 1000)
    print("the last line")
    return "done"


@job(name="t.polite", grace=5)
def polite(folder: str) -> None:
    """Clean up when it is stopped."""
    Path(folder, "started").touch()
    try:
        time.sleep(600)
    except Interrupted as stopped:
        Path(folder, "cleaned").write_text(stopped.cause)
        raise


@job(name="t.threads")
def threads() -> list[str]:
    """Return what a thread of the job knows of it."""
    job_ids: list[str] = []
    thread = threading.Thread(target=lambda: job_ids.append(current_job().id))
    thread.start()
    thread.join()
    return job_ids


@job(name="t.environment")
def environment() -> dict[str, str]:
    context = current_job()
    context.progress(1, 2, phase="half", unit="steps", message="so far")
    return {
        **{key: value for key, value in os.environ.items() if "INTERLOCK" in key},
        "attempt": str(context.attempt),
        "id": context.id,
    }


def _mark(folder: str) -> None:
    Path(folder, f"pid-{os.getpid()}").touch()


def _sleeper(folder: str) -> None:
    _mark(folder)
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    Path(folder, "started").touch()
    while True:
        time.sleep(600)


@job(name="t.hostile", grace=0)
def hostile(kind: str, folder: str) -> None:
    """Try to outlive a kill, in the way that `kind` names."""
    _HOSTILE[kind](folder)


def _ignores(folder: str) -> None:
    _sleeper(folder)


def _stuck_in_c(folder: str) -> None:
    Path(folder, "started").touch()
    ctypes.PyDLL(None).sleep(600)  # holds the interpreter's lock


def _family(folder: str) -> None:
    """Plain, setsid and double-forked grandchildren."""
    subprocess.Popen(["sleep", "600"])
    subprocess.Popen(["sleep", "600"], start_new_session=True)
    if os.fork() == 0:
        os.setsid()
        if os.fork() == 0:
            _sleeper(folder)
        os._exit(0)
    _sleeper(folder)


def _comet(folder: str) -> None:
    """Fork, leave the session, end, for ever."""
    main = os.getpid()
    Path(folder, "started").touch()
    while True:
        if os.fork() != 0:
            time.sleep(600) if os.getpid() == main else os._exit(0)
        os.setsid()


def _stopped(folder: str) -> None:
    if os.fork() == 0:
        os.kill(os.getpid(), signal.SIGSTOP)
    Path(folder, "started").touch()
    os.kill(os.getpid(), signal.SIGSTOP)


def _closes_everything(folder: str) -> None:
    os.closerange(0, resource.getrlimit(resource.RLIMIT_NOFILE)[0])
    Path(folder, "started").touch()
    time.sleep(600)


def _clears_deathsig(folder: str) -> None:
    ctypes.CDLL(None).prctl(1, 0)
    ctypes.CDLL(None).prctl(36, 1)  # and becomes the heir of its own orphans
    _family(folder)


_HOSTILE = {
    "ignores SIGTERM": _ignores,
    "stuck in C": _stuck_in_c,
    "family": _family,
    "comet": _comet,
    "stopped": _stopped,
    "closes everything": _closes_everything,
    "clears PDEATHSIG": _clears_deathsig,
}


@job(name="t.leaves_daemon")
def leaves_daemon() -> str:
    """Return, and leave a daemon behind."""
    if os.fork() == 0:
        os.setsid()
        time.sleep(600)
    return "done"


@job(name="t.journal", timeout=120)
def journal(path: str, seconds: float) -> int:
    """Append a start and an end to a journal outside of the database."""
    attempt = current_job().attempt
    with Path(path).open("a") as file:
        file.write(f"start {current_job().id} {attempt}\n")
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        time.sleep(0.01)
    with Path(path).open("a") as file:
        file.write(f"end {current_job().id} {attempt}\n")
    return attempt


@job(name="t.alone", retry=Retry(max_attempts=2, on=()), max_losses=1000)
def alone(folder: str, seconds: float) -> int:
    """Hold the job's lock, in two processes, as long as anything of it lives.

    The kernel lets go of a flock(2) when the last process that inherited it is dead.
    """
    context = current_job()
    lock = os.open(Path(folder, context.id), os.O_CREAT | os.O_RDWR)
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        Path(folder, f"{context.id}.two-at-once").touch()
        raise
    if os.fork() == 0:
        os.setsid()
        time.sleep(600)
        os._exit(0)
    time.sleep(seconds)
    return context.attempt


@job(name="t.one_at_a_time", max_running=1)
def one_at_a_time(folder: str) -> bool:
    """Tell whether it was alone."""
    lock = Path(folder, "lock")
    try:
        lock.touch(exist_ok=False)
    except FileExistsError:
        return False
    time.sleep(0.05)
    lock.unlink()
    return True


@job(name="t.heavy")
def heavy(folder: str) -> None:
    """Take so much memory that dying takes a while."""
    block = bytearray(300 * 1024 * 1024)
    block[::4096] = b"x" * len(block[::4096])
    Path(folder, "ready").touch()
    time.sleep(60)


@job(name="t.size")
def size(text: str) -> int:
    return len(text)


@job(name="t.rude")
def rude() -> None:
    """Ask one's own supervisor to end."""
    os.kill(os.getppid(), signal.SIGTERM)


@job(name="t.until_there", timeout=60)
def until_there(path: str) -> None:
    """End when a file is there."""
    while not Path(path).exists():
        time.sleep(0.01)


@job
def stubborn() -> None:
    """Ignore SIGTERM, with three children in sessions of their own."""
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    for _ in range(3):
        subprocess.Popen(["sleep", "100"], start_new_session=True)
    while True:
        time.sleep(1)


@job
def leaves_one() -> None:
    """End, and leave a process behind."""
    subprocess.Popen(["sleep", "100"], start_new_session=True)
