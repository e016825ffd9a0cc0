"""Jobs that end in each way that a function can."""

from __future__ import annotations

import asyncio
import sys
from datetime import date, timedelta

from interlock import Retry, TransientError, current_job, job


class OddError(Exception):
    """Its words cannot be had."""

    def __str__(self) -> str:
        raise RuntimeError


def _deep() -> object:
    held: object = 1
    for _ in range(100):
        held = [held]
    return held


@job(name="t.kinds.ends")
def ends(how: str) -> object:
    match how:
        case "exit":
            sys.exit()
        case "exit 3":
            sys.exit(3)
        case "exit words":
            sys.exit("no such shop")
        case "error":
            raise ValueError("boom")
        case "odd":
            raise OddError
        case "memory":
            raise MemoryError
        case _:
            return _RESULTS[how]


_RESULTS = {
    "tuple": (1, (2,)),
    "keys": {1: "one"},
    "object": object(),
    "nan": float("nan"),
    "nul": "\0",
    "deep": _deep(),
    "large": "x" * 2_000_000,
}


@job(name="t.kinds.changes")
def changes(values: list[int]) -> list[int]:
    values.append(2)
    return values


@job(name="t.kinds.next_day")
def next_day(day: date) -> tuple[date, timedelta]:
    return day + timedelta(days=1), timedelta(days=1)


@job(name="t.kinds.wrong")
def wrong() -> date:
    return "tomorrow"  # type: ignore[return-value]


@job(name="t.kinds.awaits")
async def awaits(number: int) -> list[object]:
    await asyncio.sleep(0)
    return [number + 1, current_job().id]


@job(name="t.kinds.parent")
def parent() -> str:
    return current_job().submit(changes.options(queue="small"), [1]).id


@job(name="t.kinds.flaky", retry=Retry(max_attempts=3, backoff=0.5))
def flaky() -> int:
    attempt = current_job().attempt
    if attempt < 3:
        raise TransientError(f"attempt {attempt}")
    return attempt
