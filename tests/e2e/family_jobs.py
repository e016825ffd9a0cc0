"""Jobs that submit jobs, and look for them."""

from __future__ import annotations

import multiprocessing
from datetime import UTC, datetime, timedelta

from interlock import DuplicateJob, Engine, InterlockError, current_job, job

CHILD = "t.family.child"
TAKES_ANY = "t.family.any"


@job(name=CHILD)
def child(number: int) -> int:
    return number + 1


@job(name=TAKES_ANY)
def takes_any(value: object) -> None:
    """Take any JSON."""


def _nested(levels: int) -> object:
    value: object = []
    for _ in range(levels - 1):
        value = [value]
    return value


@job(name="t.family.twice")
def twice() -> list[str]:
    """Submit what may exist once two times."""
    keyed = child.options(unique=True, unique_for=60, on_conflict="return")
    return [current_job().submit(keyed, 7).id for _ in range(2)]


@job(name="t.family.parent")
def parent(how: str) -> object:
    context = current_job()
    match how:
        case "function":
            return context.submit(child.options(queue="small", priority=3), number=1).id
        case "name":
            return context.submit(CHILD, {"number": 1}, by="anna", metadata={"a": 1}).id
        case "result":
            return context.submit(child, 4).result(20)
        case "engine":
            return [kin.id for kin in context.engine.search(name=CHILD).items]
        case "taken":
            later = datetime.now(UTC) + timedelta(days=1)  # else it may have ended
            context.submit(child.options(unique_key="one", run_at=later), 1)
            try:
                context.submit(child.options(unique_key="one"), 1)
            except DuplicateJob as error:
                return error.job_id
        case "misfit":
            context.submit(CHILD, {"numbre": 1})
        case "too deep" | "as deep as possible":
            levels = {"too deep": 66}.get(how, 64)
            context.submit(TAKES_ANY, {"value": _nested(levels)})
        case "unknown":
            context.submit("t.family.nobody")
        case "open":
            Engine.open()
        case "elsewhere":
            with multiprocessing.get_context("fork").Pool(1) as pool:
                pool.map(_submit, [1])
        case _:
            pass
    return None


def _submit(number: int) -> str:
    return current_job().submit(child, number).id


@job(name="t.family.many")
def many(number: int) -> list[str]:
    return [current_job().submit(child, i).id for i in range(number)]


@job(name="t.family.refused")
def refused() -> str:
    try:
        current_job().engine  # noqa: B018
    except InterlockError as error:
        return str(error)
    return ""
