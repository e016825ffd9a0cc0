"""Jobs that submit jobs, and wait for them."""

import asyncio
import datetime as dt
import time
from concurrent.futures import ThreadPoolExecutor

from interlock import InterlockError, InvalidOption, JobFailed, Retry, current_job, job

from .step_jobs import note


@job
def leaf(path: str, number: int, day: dt.date) -> dt.date:
    note(path, f"leaf {number}")
    return day + dt.timedelta(number)


@job
def pair(path: str, number: int) -> list[str]:
    """Wait for two jobs, one after the other."""
    me = current_job()
    day = dt.date(2026, 1, 1)
    first, second = (me.submit(leaf, path, number + n, day) for n in range(2))
    return [first.result().isoformat(), second.result().isoformat()]


@job
def tree(path: str, many: int) -> list[list[str]]:
    """Wait for jobs that wait for jobs."""
    group = current_job().map(pair, [(path, number) for number in range(many)])
    return group.results()


@job
def double(number: int) -> int:
    return 2 * number


@job
def total(many: int) -> int:
    return sum(current_job().map(double, range(many), name="numbers").results())


@job
def fails() -> None:
    raise ValueError("no")


@job
def minds() -> str:
    group = current_job().map(fails, [{}])
    try:
        group.results()
    except JobFailed as error:
        return str(error)
    return "fine"


@job(retry=Retry(max_attempts=3, backoff=0.05))
def submits_once() -> list[str]:
    me = current_job()
    ids = [
        me.submit("e2e.child_jobs.double", {"number": 1}).id,
        me.submit(double, 2).id,
    ]
    if me.attempt < 3:
        raise ValueError("again")
    return ids


@job(retry=Retry(max_attempts=3, backoff=0.05))
def submits_another() -> None:
    me = current_job()
    me.submit(double, me.attempt)
    raise ValueError("again")


@job
def sleeps(seconds: float = 60.0) -> None:
    time.sleep(seconds)


@job
def waits() -> None:
    """Wait for a job that takes long; another one is to be kept."""
    me = current_job()
    me.submit(sleeps.options(on_parent_cancel="keep"), 0.0)
    me.submit(sleeps).result()


@job
def runs() -> None:
    """Submit a job that takes long, and take long."""
    current_job().submit(sleeps)
    time.sleep(60)


@job
def asks_from_a_thread() -> str:
    handle = current_job().submit(double, 4)
    with ThreadPoolExecutor(1) as pool:
        try:
            pool.submit(handle.result).result()
        except InterlockError as error:
            assert pool.submit(handle.result, 30).result() == 8
            return str(error)
    return "fine"


@job
async def awaits() -> int:
    async with asyncio.TaskGroup() as group:
        task = group.create_task(_doubled(5))
    return task.result()


async def _doubled(number: int) -> int:
    return current_job().submit(double, number).result()


@job
def circle() -> None:
    me = current_job()
    me.submit(double.options(depends_on=[me.id]), 1).result()


@job
def spies(job_id: str, group_id: str) -> list[str]:
    """Ask the worker for what others have submitted."""
    refused = []
    steps = current_job()._client().steps
    for wanted in ({"ids": [job_id]}, {"group": group_id}):
        for ask in (steps.results, steps.await_jobs):
            try:
                ask(wanted)
            except InvalidOption as error:
                refused.append(str(error))
    return refused


@job
def shares() -> list[int]:
    """Get a job that another one has submitted, in place of a new one."""
    one = double.options(unique_key="k", unique_for=60, on_conflict="return")
    return [current_job().submit(one, 7).result() for _ in range(2)]
