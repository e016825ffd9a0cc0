"""How long tests wait, and how much they try: by the machine and by what is asked."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Iterable
from functools import cache
from typing import TypeVar

#: Set where every case is to be tried, as `.ci/run` does.
THOROUGH = bool(os.environ.get("INTERLOCK_THOROUGH"))
_T = TypeVar("_T")
_PACE = "INTERLOCK_TEST_PACE"
#: How long a Python takes to start on a machine where a deadline is what it says.
_START_S = 0.05


def some(cases: Iterable[_T], every: int = 2) -> list[_T]:
    """Return all cases where every one is to be tried, else the first of so many."""
    return list(cases)[:: 1 if THOROUGH else every]


@cache
def pace() -> float:
    """Return how many times slower this machine is than a fast one: 1 to 8.

    A test mostly waits for processes to start, so that is what is measured. Processes
    that tests start inherit the answer.
    """
    text = os.environ.get(_PACE)
    if text is None:
        began = time.monotonic()
        for _ in range(3):
            program = "import asyncio, json, sqlite3"
            subprocess.run([sys.executable, "-c", program], check=True)
        ratio = (time.monotonic() - began) / 3 / _START_S
        os.environ[_PACE] = text = f"{min(8.0, max(1.0, ratio)):.1f}"
    return float(text)


def deadline(seconds: float) -> float:
    """Return the time after which something failed that takes far less than that.

    `seconds` are those of a fast machine that is doing nothing else.
    """
    return seconds * pace()
