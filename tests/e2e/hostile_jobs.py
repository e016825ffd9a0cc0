"""Jobs that do what they must not be able to do. Each says how far it got."""

import ctypes
import os
import signal
import socket
import sqlite3
import subprocess
import sys
import time
from pathlib import Path

from interlock import current_job, job

_PTRACE_SEIZE, _PTRACE_DETACH = 0x4206, 17  # linux/ptrace.h
_CLONE_NEWUSER, _CLONE_NEWNS = 0x10000000, 0x20000
_MNT_DETACH = 2
_libc = ctypes.CDLL(None, use_errno=True)


def _status() -> dict[str, str]:
    lines = Path("/proc/self/status").read_text().splitlines()
    return {name: value.strip() for name, _, value in (s.partition(":") for s in lines)}


def _privileges() -> list[str]:
    status = _status()
    sets = [status[f"Cap{name}"] for name in ("Inh", "Prm", "Eff", "Bnd", "Amb")]
    return [status["NoNewPrivs"], *sets]


@job
def privileges() -> list[str]:
    """Return NoNewPrivs and the sets of capabilities."""
    return _privileges()


@job(isolation="interpreter")
def privileges_of_an_interpreter() -> list[str]:
    """Return them from a fresh interpreter."""
    return _privileges()


@job(privileges=True)
def privileges_that_were_kept() -> list[str]:
    """Return them where the job has asked for them."""
    return _privileges()


@job(privileges=True, isolation="interpreter")
def privileges_that_an_interpreter_kept() -> list[str]:
    """Return them where the job has asked for them, and is executed."""
    return _privileges()


@job
def executes(program: str) -> list[str]:
    """Return what a program prints, whatever rights its file gives it."""
    return subprocess.check_output([program, "-u"], text=True).split()


@job(privileges=True)
def executes_with_privileges(program: str) -> list[str]:
    """Return what it prints where the job may gain privileges."""
    return subprocess.check_output([program, "-u"], text=True).split()


@job
def finds(secret: str) -> list[str]:
    """Return the places where it has found a secret of its worker."""
    places = [f"environ of {pid}" for pid in _pids() if _has(pid, "environ", secret)]
    if secret in repr(dict(os.environ)):
        places.append("its environment")
    if os.getpid() in _pids() and _has(os.getpid(), "environ", secret):
        places.append("its memory")
    return places


@job
def finds_in_arguments(secret: str) -> list[str]:
    """Return where it has found a secret on the worker's command line."""
    places = [f"cmdline of {pid}" for pid in _pids() if _has(pid, "cmdline", secret)]
    return places + ["its arguments"] * (secret in repr(sys.argv))


def _pids() -> list[int]:
    return [int(name) for name in os.listdir("/proc") if name.isdecimal()]


def _has(pid: int, file: str, secret: str) -> bool:
    try:
        return secret.encode() in Path(f"/proc/{pid}/{file}").read_bytes()
    except OSError:
        return False


def _parent(pid: int) -> int:
    stat = Path(f"/proc/{pid}/stat").read_text()
    return int(stat.rpartition(")")[2].split()[1])


def _above() -> list[int]:
    """Return its shim, its zygote and its worker, as far as it sees them."""
    chain = [os.getppid()]
    while len(chain) < 3:
        above = _parent(chain[-1])
        if above == 0:
            break
        chain.append(above)
    return chain


@job
def traces() -> list[str]:
    """Return which of the processes above it can trace, by what they are."""
    traced = []
    for name, pid in zip(("shim", "zygote", "worker"), _above(), strict=False):
        if _libc.ptrace(_PTRACE_SEIZE, pid, None, None) == 0:
            _libc.ptrace(_PTRACE_DETACH, pid, None, None)
            traced.append(name)
    return traced


@job
def uncovers_proc() -> int:
    """Take its /proc away to see that of the machine; return how many it sees."""
    taken = _libc.umount2(b"/proc", _MNT_DETACH) == 0
    if not taken:  # a new user namespace gives all capabilities, for what is new in it
        _libc.unshare(_CLONE_NEWUSER | _CLONE_NEWNS)
        _libc.umount2(b"/proc", _MNT_DETACH)
    return len(_pids())


@job
def opened() -> list[str]:
    """Return the files that it has open."""
    fds = [int(name) for name in os.listdir("/proc/self/fd")]
    links = [str(Path(f"/proc/self/fd/{fd}").readlink()) for fd in fds if _is_open(fd)]
    return [link for link in links if link.startswith("/")]


def _is_open(fd: int) -> bool:
    try:
        os.fstat(fd)
    except OSError:
        return False
    return True


@job(max_losses=1)
def kills(what: str) -> str:
    """Kill one of the processes above it, and go on for a while."""
    levels = dict(zip(("shim", "zygote", "worker"), _above(), strict=False))
    if what not in levels:
        return "not in sight"
    os.kill(levels[what], signal.SIGKILL)
    time.sleep(1)
    return "went on"


@job
def hides() -> None:
    """Leave the session twice, and go on as an orphan when the job has ended."""
    if os.fork() == 0:
        os.setsid()
        if os.fork() == 0:
            os.setsid()
            while True:
                time.sleep(60)
        os._exit(0)
    os.wait()


@job(limits={"processes": 20})
def multiplies() -> None:
    """Fork, and let each fork do the same."""
    while True:
        try:
            os.fork()
        except OSError:
            time.sleep(0.001)


@job(limits={"processes": 20})
def has_a_few(count: int) -> int:
    """Start fewer than it may."""
    children = [subprocess.Popen(["sleep", "0.5"]) for _ in range(count)]
    return sum(child.wait() for child in children)


@job(limits={"memory_mb": 200})
def swallows() -> int:
    """Take memory until it is over."""
    taken = []
    while True:
        taken.append(b"x" * 10_000_000)


@job(limits={"file_mb": 1})
def fills(path: str) -> int:
    """Write one file until it is over; return its size."""
    signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    with open(path, "wb", buffering=0) as file:
        try:
            while True:
                file.write(b"x" * 100_000)
        except OSError:
            return file.tell()


@job(pass_env=["PATH", "ALLOWED"])
def environment() -> dict[str, str]:
    """Return its environment, from its memory and as the kernel shows it."""
    start = Path("/proc/self/environ").read_text().split("\0")
    shown = dict(entry.split("=", 1) for entry in start if entry)
    return {**shown, **os.environ}


@job
def asks_for_the_database() -> str:
    """Ask its worker for the database."""
    return str(current_job().engine.counts())


@job
def forges(database: str) -> str:
    """Open the database itself, and write that a job has succeeded."""
    me = current_job().id
    with sqlite3.connect(database, timeout=10) as connection:
        try:
            connection.execute(
                "UPDATE interlock_job SET status = 'SUCCEEDED' WHERE id = ?", (me,)
            )
        except sqlite3.DatabaseError:
            return "refused"
    return "forged"


@job
def reads_parameters(database: str) -> bool:
    """Whether it finds the parameters of another job in the database's file."""
    with sqlite3.connect(database, timeout=10) as connection:
        rows = connection.execute("SELECT params FROM interlock_job").fetchall()
    return any("of another job" in text for (text,) in rows)


@job
def has_the_variable(name: str) -> bool:
    """Whether it has a variable of the worker."""
    return name in os.environ


@job
def may_write(path: str) -> bool:
    """Whether it may write a file of the machine."""
    return os.access(path, os.W_OK)


@job
def connects(port: int) -> str:
    """Connect to a server of this machine."""
    with socket.create_connection(("127.0.0.1", port), 5):
        return "connected"
