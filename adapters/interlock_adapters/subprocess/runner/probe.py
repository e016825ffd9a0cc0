"""Tries a containment for real: a daemonized grandchild, a kill, a proof.

`python -m interlock_adapters.subprocess.runner.probe STRENGTH` prints its verdict: it
works here, or how the kernel refuses it. A process that is killed prints none.
"""

import errno
import os
import subprocess
import sys
import time
from contextlib import suppress
from typing import Final

from interlock.core.errors import InterlockError
from interlock_adapters.subprocess.kernel import kill_domain, linux
from interlock_adapters.subprocess.zygote.zygote import enter_namespace, usual_signals

_PATIENCE_S: Final = 10
_TRIES: Final = 10
_AGAIN_S: Final = 0.1
_WORKS: Final = "works"
_REFUSED: Final = "refused: "
#: Errors of a kernel that is short of resources; they are no verdict.
_PASSING: Final = {errno.EAGAIN, errno.ENOMEM, errno.EMFILE, errno.ENFILE}


def strongest() -> str:
    """Return the strongest containment that the kernel does not refuse, tried live.

    Raises:
        InterlockError: as `works`.
    """
    return next(name for name in kill_domain.STRENGTHS if works(name) is None)


def works(containment: str) -> str | None:
    """Return None if a containment works here, else how the kernel refuses it.

    A try without a verdict, as somebody killed a process of it or it took too long, is
    repeated: no accident makes a worker settle for less.

    Raises:
        InterlockError: none of the tries had a verdict.
    """
    problem = ""
    for _ in range(_TRIES):
        verdict, problem = _try(containment)
        if verdict == _WORKS:
            return None
        if verdict.startswith(_REFUSED):
            return verdict.removeprefix(_REFUSED)
    raise InterlockError(
        f"After {_TRIES} tries it could not be found out whether containment "
        f"{containment!r} works here ({problem}). No job was started. Try again, or "
        "name a weaker one with --containment; `interlock doctor` tries each."
    )


def _try(containment: str) -> tuple[str, str]:
    """Return the verdict (empty if there is none), and what went wrong."""
    program = [
        sys.executable,
        "-m",
        "interlock_adapters.subprocess.runner.probe",
        containment,
    ]
    try:
        done = subprocess.run(  # noqa: S603  (our own module)
            program, capture_output=True, timeout=_PATIENCE_S, check=False, text=True
        )
    except subprocess.TimeoutExpired:
        return "", f"no answer within {_PATIENCE_S} s"
    except OSError as error:  # no process is to be had now
        time.sleep(_AGAIN_S)
        return "", str(error)
    lines = done.stderr.strip().splitlines() or [f"exit code {done.returncode}"]
    return done.stdout, lines[-1]


def _daemonise(ready_w: int) -> None:
    """Start a grandchild in a session of its own; it reports that it is alive."""
    if os.fork() == 0:
        os.setsid()
        if os.fork() == 0:
            os.write(ready_w, b"!")
            time.sleep(_PATIENCE_S)
        os._exit(0)


def _kill_and_prove(containment: str) -> bool:
    ready_r, ready_w = os.pipe()
    job = os.fork()
    if job == 0:
        os.setsid()
        if containment == kill_domain.GROUP:  # which would leave it behind
            os.write(ready_w, b"!")
        else:
            _daemonise(ready_w)
        time.sleep(_PATIENCE_S)
        os._exit(0)
    os.read(ready_r, 1)
    until = time.monotonic() + _PATIENCE_S / 2
    reaped: set[int] = set()
    while not kill_domain.reap(lambda pid, _code: reaped.add(pid)):
        kill_domain.kill_all(containment, None if job in reaped else job)
        time.sleep(0.001)
        if time.monotonic() > until:
            return False
    return True


def _enter(containment: str) -> None:
    """Enter a containment as a zygote and a shim would."""
    if containment == kill_domain.NAMESPACE:
        enter_namespace()
        linux.unshare(linux.NEWPID)
        shim = os.fork()
        if shim:
            os.waitpid(shim, 0)
            os._exit(0)
        linux.private_proc()
    elif containment == kill_domain.SUBREAPER:
        linux.become_subreaper()
        linux.children(os.getpid())
    else:
        with suppress(OSError):
            os.setsid()


def _say(verdict: str) -> None:
    os.write(1, verdict.encode())


def main() -> None:
    """Enter the containment, try it, and print the verdict."""
    containment = sys.argv[1]
    usual_signals()
    try:
        _enter(containment)
    except Exception as error:
        if isinstance(error, OSError) and error.errno in _PASSING:
            raise
        _say(f"{_REFUSED}{str(error) or type(error).__name__}")
        os._exit(0)
    if _kill_and_prove(containment):
        _say(_WORKS)
    os._exit(0)


if __name__ == "__main__":
    main()
