"""Tries for real which privileges a job of this user has, for `interlock doctor`.

`python -m interlock_adapters.subprocess.runner.privileges_probe` gives them up as a job
does, tries to get at its parent, and prints what came of it as JSON.
"""

import ctypes
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Final

from interlock_adapters.subprocess.kernel import privileges

_PATIENCE_S: Final = 10
_PTRACE_SEIZE: Final = 0x4206  # linux/ptrace.h; its end detaches


def report() -> dict[str, str]:
    """Return a sentence for each protection: what holds for jobs of this user."""
    module = "interlock_adapters.subprocess.runner.privileges_probe"
    try:
        done = subprocess.run(  # noqa: S603  (our own module)
            [sys.executable, "-m", module],
            capture_output=True,
            timeout=_PATIENCE_S,
            check=True,
            text=True,
        )
    except (subprocess.SubprocessError, OSError) as error:
        return {"privileges of jobs": f"could not be tried: {error}"}
    return dict(json.loads(done.stdout))


def _capabilities(which: str) -> list[str]:
    bits = int(_status(which), 16)
    return [name for name, bit in privileges.CAPABILITIES.items() if bits >> bit & 1]


def _status(name: str) -> str:
    lines = Path("/proc/self/status").read_text(encoding="utf-8").splitlines()
    return next(line.split()[1] for line in lines if line.startswith(f"{name}:"))


def _tried() -> dict[str, str]:
    """Give up the privileges here; return what that has changed."""
    before = _capabilities("CapPrm")
    privileges.dropper()()
    kept = _capabilities("CapPrm")
    taken = ", ".join(before) or "none is there to take"
    is_set = _status("NoNewPrivs") == "1"
    libc = ctypes.CDLL(None)
    is_traced = libc.ptrace(_PTRACE_SEIZE, os.getppid(), None, None) == 0
    return {
        "no_new_privs": "set for jobs" if is_set else "NOT set for jobs",
        "capabilities taken from jobs": taken if not kept else f"NOT {', '.join(kept)}",
        "worker out of reach of its jobs": "in every containment"
        if not is_traced
        else "in containment namespace only: else jobs of this user can trace it and "
        "read its environment",
        "files of the machine": "jobs of root can write all of them: run workers as "
        "an ordinary user, or jobs with run_as"
        if os.getuid() == 0
        else "jobs have the rights of this user",
    }


def main() -> None:
    """Try, and print the sentences."""
    if not Path("/proc/self/status").exists():
        print(json.dumps({"privileges of jobs": "nothing is taken: not Linux"}))  # noqa: T201
        return
    print(json.dumps(_tried()))  # noqa: T201  (for `report`)


if __name__ == "__main__":
    main()
