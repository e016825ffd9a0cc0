"""Runs programs of this project as an ordinary user, where the tests run as root."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

_NOBODY = 65534  # nobody and nogroup on Debian, the kernel's overflow ids
_TESTS = Path(__file__).parent
_CHECK = "import sys, interlock; sys.exit(sys.version_info[:2] != (%d, %d))"


def python() -> str:
    """Return a Python that the ordinary user can run; skip the test without one."""
    name = f"python3.{sys.version_info.minor}"
    for program in (sys.executable, shutil.which(name, path="/usr/bin:/usr/local/bin")):
        if program is not None and can_run(program):
            return program
    pytest.skip("no Python of this version that an ordinary user can run")


def can_run(program: str) -> bool:
    """Whether the ordinary user can run this Python, and the engine in it."""
    check = _CHECK % sys.version_info[:2]
    try:
        done = subprocess.run(
            [program, "-c", check], check=False, stderr=subprocess.DEVNULL, **as_user()
        )
    except PermissionError:
        return False
    return done.returncode == 0


def as_user(environment: Mapping[str, str] | None = None) -> dict[str, Any]:
    """Return the options of subprocess for a program of the ordinary user."""
    path = os.pathsep.join([str(_TESTS), *(entry for entry in sys.path if entry)])
    env = {"PATH": "/usr/bin:/bin", "PYTHONPATH": path, **(environment or {})}
    options: dict[str, Any] = {"env": env, "cwd": "/"}
    if os.getuid() == 0:
        options |= {"user": _NOBODY, "group": _NOBODY, "extra_groups": []}
    return options


def give(folder: Path) -> None:
    """Give a folder to the ordinary user, with all that is in it."""
    if os.getuid() == 0:
        for path in (folder, *folder.rglob("*")):
            os.chown(path, _NOBODY, _NOBODY)
