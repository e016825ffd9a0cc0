"""Jobs that go on later, stand still, or miss their deadline."""

from __future__ import annotations

import asyncio
import time

from interlock import PermanentError, Retry, Snooze, TransientError, current_job, job


@job(name="p.polls", isolation="process")
def polls(ready_at: int, seconds: float = 0.0) -> int:
    """Look whether something is ready: at the attempt `ready_at`."""
    attempt = current_job().attempt
    if attempt < ready_at:
        raise Snooze(seconds)
    return attempt


@job(name="p.polls_async")
async def polls_async(ready_at: int) -> int:
    await asyncio.sleep(0)
    return polls(ready_at)


@job(name="p.polls_freshly", isolation="interpreter")
def polls_freshly(ready_at: int) -> int:
    return polls(ready_at)


@job(name="p.careful")
def careful() -> str:
    """Catch what it has raised itself, as careless code does."""
    try:
        raise Snooze(5)  # noqa: TRY301  (likewise)
    except Exception:  # noqa: BLE001  (what is tested)
        return "caught"


@job(name="p.stands_still", stalled_after=0.5)
def stands_still(reports: int) -> None:
    for number in range(reports):
        current_job().progress(number, reports)
        time.sleep(0.2)
    time.sleep(600)


@job(name="p.sleeps")
def sleeps() -> None:
    time.sleep(600)


@job(name="p.says_when", deadline=100)
def says_when() -> str | None:
    moment = current_job().deadline
    return None if moment is None else moment.isoformat()


@job(name="p.fails", retry=Retry(max_attempts=5))
def fails(delay: float) -> None:
    raise TransientError("busy", delay=delay)


@job(name="p.gives_up", retry=Retry(max_attempts=5, backoff=(0,)))
def gives_up() -> None:
    raise PermanentError("no such account")


@job(name="p.once", unique=["key"], unique_for=60)
def once(key: str) -> str:
    return key
