"""Jobs that do steps, sleep and wait for signals."""

import asyncio
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from interlock import Retry, SignalTimeout, current_job, job


def note(path: str, what: str) -> str:
    """Write a line, and return it."""
    with Path(path).open("a") as file:
        file.write(f"{what}\n")
    return what


@dataclass
class Order:
    number: int
    items: list[str]


def make_order(path: str, number: int) -> Order:
    note(path, "order")
    return Order(number, ["a", "b"])


@job(retry=Retry(max_attempts=3, backoff=0.05))
def fail_between(path: str) -> str:
    """Fail after each step, once."""
    me = current_job()
    order = me.step("order", make_order, path, 7)
    assert isinstance(order, Order)
    if me.attempt == 1:
        raise ValueError("after the first step")
    me.step("ship", note, path, "ship")
    if me.attempt == 2:
        raise ValueError("after the second step")
    return f"{order.number} {order.items}"


@job(max_losses=50)
def killed_between(path: str, many: int) -> list[str]:
    """Do one step more in each attempt, and then wait to be killed."""
    me = current_job()
    done = []
    for number in range(many):
        done.append(me.step("item", note, path, f"item {number}"))
        if me.attempt == number + 1:
            time.sleep(600)
    return done


@job
def in_threads(path: str) -> list[str]:
    me = current_job()
    with ThreadPoolExecutor(4) as pool:
        return list(
            pool.map(lambda n: me.step("item", note, path, str(n), key=n), "abcd")
        )


async def _slowly(path: str, what: str) -> str:
    await asyncio.sleep(0.01)
    return note(path, what)


@job(retry=Retry(max_attempts=2, backoff=0.05))
async def awaited(path: str) -> str:
    me = current_job()
    first = await me.step("first", _slowly, path, "first")
    if me.attempt == 1:
        raise ValueError("once more")
    return str(first)


@job(retry=Retry(max_attempts=5, backoff=0.05))
def changed(path: str) -> None:
    me = current_job()
    me.step("same", note, path, f"attempt {me.attempt}")
    raise ValueError("once more")


@job(retry=Retry(max_attempts=5, backoff=0.05))
def no_json(path: str) -> None:
    current_job().step("open", Path, path)
    current_job().step("object", object)


@job
def save(many: int) -> int:
    me = current_job()
    seen = me.saved or 0
    me.save(seen + 1)
    if seen + 1 < many:
        me.sleep(0.05)
        me.sleep(0.05)
    return int(me.saved)


@job
def sleep(path: str, seconds: float) -> float:
    """Sleep, and say when each attempt began; clean up each time."""
    note(path, f"{time.time()}")
    try:
        current_job().sleep(seconds)
    finally:
        note(path, "cleaned")
    return seconds


@job
def swallow() -> str:
    try:
        current_job().sleep(60)
    except BaseException:  # noqa: BLE001  (what must not be done)
        return "swallowed"
    return "not reached"


@job
def wrapped() -> str:
    """Sleep within a group of tasks, which wraps what leaves it."""

    async def rest() -> None:
        current_job().sleep(0.05)

    async def main() -> None:
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(rest())

    asyncio.run(main())
    return "awake"


@job
def in_thread() -> str:
    with ThreadPoolExecutor(1) as pool:
        try:
            pool.submit(current_job().sleep, 1.0).result()
        except Exception as error:  # noqa: BLE001  (to be told)
            return str(error)
    return "slept"


@job(exclusive=True)
def approve(path: str, timeout: float | None = None) -> Any:
    me = current_job()
    me.step("ask", note, path, "asked")
    try:
        answer = me.await_signal("approved", timeout=timeout)
    except SignalTimeout:
        return me.step("remind", note, path, "too late")
    me.step("ship", note, path, "shipped")
    return answer


@job
def two_signals() -> list[Any]:
    me = current_job()
    return [me.await_signal("go"), me.await_signal("go"), me.await_signal("stop")]


@job
def asks_by_mail(path: str) -> Any:
    """Write the token that a link in a mail would have, once."""
    me = current_job()
    token = me.signal_token("approved")
    me.step("mail", note, path, token)
    return me.await_signal("approved")
