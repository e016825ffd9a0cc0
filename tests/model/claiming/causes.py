"""What keeps a job from starting, and who is opened when that is gone."""

from collections.abc import Collection, Iterable
from typing import Any, Final

from .rules import Rules
from .state import Rows, Slot, State, Status

DUE: Final = "due"
EXPIRED: Final = "expired"
PAUSED: Final = "paused:q"

Write = tuple[str, Any, Any]


def on(parent: int) -> str:
    """Return the cause of what waits for a job."""
    return f"job:{parent}"


def is_on_job(held: str | None) -> bool:
    """Whether a cause is that of what waits for a job."""
    return held is not None and held.startswith("job:")


def parent_of(held: str) -> int:
    """Return the job that is waited for."""
    return int(held.partition(":")[2])


def full(key: str) -> str:
    """Return the cause of a key whose slots are all taken."""
    return f"key:{key}"


def cause(number: int, rows: Rows, rules: Rules) -> str | None:
    """Return the cause that keeps a job from starting. See `Facts.cause`."""
    job = rows.jobs[number]
    if rules.look_sees_parents and (awaited := rows.awaited(number)):
        return on(awaited[-1])
    if rules.look_sees_moments and (job.is_early or job.is_late):
        return DUE if job.is_early else EXPIRED
    if rules.look_sees_pauses and rows.is_paused and job.queue == "q":
        return PAUSED
    if not rules.look_sees_slots:
        return None
    return next((full(key) for key in job.keys if rows.free(key) == ()), None)


def job_write(number: int, **fields: object) -> Write:
    """Return the UPDATE of a job."""
    return "job", number, tuple(sorted(fields.items()))


def opened(
    state: State, place: int, rows: Rows, some: Iterable[tuple[str, int]]
) -> list[int]:
    """Return the best jobs that are parked on causes, so many of each; none locked."""
    locked = state.locked_rows(place)
    found: list[int] = []
    for held, many in some:
        parked = [
            number
            for number, job in enumerate(rows.jobs)
            if job.status is Status.WAITING and job.held == held
        ]
        found += [number for number in parked if number not in locked][:many]
    return found


def settled(
    state: State, place: int, rows: Rows, parent: int, rules: Rules
) -> tuple[list[Write], list[int]]:
    """Return what becomes of those who waited for a job, and the rows locked for it.

    Each waits for another one, if that cannot end meanwhile, or is open.
    """
    locked = state.locked_rows(place)
    writes, shared = list[Write](), list[int]()
    for number in opened(state, place, rows, [(on(parent), len(rows.jobs))]):
        awaited = rows.awaited(number)
        lockable = [
            n for n in awaited if n not in locked or not rules.parker_locks_parents
        ]
        held = on(lockable[-1]) if lockable else None
        writes.append(job_write(number, held=held))
        shared += lockable[-1:] if rules.parker_locks_parents else []
    return writes, shared


def opening(numbers: Iterable[int]) -> list[Write]:
    """Return the UPDATE that opens jobs."""
    return [job_write(number, held=None) for number in numbers]


def promoted(state: State, place: int, rows: Rows) -> list[int]:
    """Return the jobs that have become due and are not locked."""
    due = opened(state, place, rows, [(DUE, len(rows.jobs))])
    return [number for number in due if not rows.jobs[number].is_early]


def slots_of(rows: Rows, jobs: Collection[int]) -> list[Slot]:
    """Return the slots of some jobs."""
    return sorted(slot for slot in rows.slots if slot.job in jobs)
