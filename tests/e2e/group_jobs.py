"""Jobs that are submitted in groups."""

import time
from pathlib import Path
from typing import Any

from interlock import current_job, job


@job
def square(n: int) -> int:
    if n < 0:
        raise ValueError("negative")
    return n * n


@job
def square_once(n: int, flag: str) -> int:
    """Fail once, for the number 3."""
    if n == 3 and not Path(flag).exists():
        Path(flag).touch()
        raise ValueError("not yet")
    return n * n


@job
def power(base: int, exponent: int = 2) -> int:
    return int(base**exponent)


@job
def sleep(seconds: float) -> float:
    time.sleep(seconds)
    return seconds


@job
def total() -> int:
    return sum(value or 0 for value in current_job().inputs)


@job
def shape() -> Any:
    return current_job().inputs
