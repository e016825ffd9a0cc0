"""Try a containment for real: a daemonised grandchild, a kill, a proof.

`python -m interlock_adapters.subprocess.probe STRENGTH` exits 0 if it works here.
"""

import os
import subprocess
import sys
import time
from contextlib import suppress
from typing import NoReturn

from interlock_adapters.subprocess import domain, linux
from interlock_adapters.subprocess.zygote import enter_namespace

_PATIENCE_S = 10
_TRIES = 3


def strongest() -> str:
    """Return the strongest containment that works on this machine, tried live."""
    return next(name for name in domain.STRENGTHS if works(name) is None)


def works(containment: str) -> str | None:
    """Return None if a containment works here, else what went wrong.

    A try in which somebody killed a process, or that took too long, says nothing: each
    failure is repeated, so that no accident makes a worker settle for less.
    """
    for _ in range(_TRIES - 1):
        if _try(containment) is None:
            return None
    return _try(containment)


def _try(containment: str) -> str | None:
    program = [sys.executable, "-m", "interlock_adapters.subprocess.probe", containment]
    try:
        done = subprocess.run(  # noqa: S603  (our own module)
            program, capture_output=True, timeout=_PATIENCE_S, check=False, text=True
        )
    except subprocess.TimeoutExpired:
        return f"no answer within {_PATIENCE_S} s"
    if done.returncode == 0:
        return None
    lines = done.stderr.strip().splitlines() or [f"exit code {done.returncode}"]
    return lines[-1]


def _daemonise() -> None:
    """Be a job with a grandchild that nobody's process group reaches."""
    if os.fork() == 0:
        os.setsid()
        if os.fork() == 0:
            time.sleep(60)
        os._exit(0)
    time.sleep(60)


def _kill_and_prove(containment: str) -> bool:
    ready, told = os.pipe()
    job = os.fork()
    if job == 0:
        os.setsid()
        os.write(told, b"!")
        if containment != domain.GROUP:  # which would leave it behind
            _daemonise()
        time.sleep(_PATIENCE_S)
        os._exit(0)
    os.read(ready, 1)
    until = time.monotonic() + _PATIENCE_S / 2
    gone: set[int] = set()
    while not domain.reap(lambda pid, _code: gone.add(pid)):
        domain.kill_all(containment, None if job in gone else job)
        time.sleep(0.001)
        if time.monotonic() > until:
            return False
    return True


def _leave_as(status: int) -> NoReturn:
    """End as the process did that had this wait status, by a signal too."""
    code = os.waitstatus_to_exitcode(status)
    if code < 0:
        os.kill(os.getpid(), -code)
    os._exit(code & 0xFF)


def main() -> None:
    """Enter the containment as a zygote and a shim would, and try it."""
    containment = sys.argv[1]
    if containment == domain.NAMESPACE:
        enter_namespace()
        linux.unshare(linux.NEWPID)
        shim = os.fork()
        if shim:
            _, status = os.waitpid(shim, 0)
            _leave_as(status)
        linux.private_proc()
    elif containment == domain.SUBREAPER:
        linux.become_subreaper()
        linux.children(os.getpid())
    else:
        with suppress(OSError):
            os.setsid()
    sys.stderr.flush()
    os._exit(0 if _kill_and_prove(containment) else 1)


if __name__ == "__main__":
    main()
