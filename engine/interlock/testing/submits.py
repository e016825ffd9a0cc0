"""Asserts which jobs were submitted."""

import inspect
from collections.abc import Iterable, Iterator, Mapping

from interlock.api.engine import Engine
from interlock.core.job import Job
from interlock.core.lifecycle import JobStatus
from interlock.jobs.registry import JobFunction, codec_of, registered

_PAGE = 1000
_SHOWN = 10  # jobs in a message


def assert_submitted(
    engine: Engine,
    job: JobFunction[..., object] | str,
    /,
    *,
    times: int | None = None,
    **params: object,
) -> list[Job]:
    """Assert that jobs with these parameters were submitted, whatever became of them.

    Args:
        engine: any engine, on any store; an inline one or not.
        job: the job function, or its name.
        times: how many jobs there must be; None: one or more. 0: none.
        params: parameters and their values as the function gets them. Parameters that
            are not named may have any value.

    Returns:
        The jobs, the oldest first.

    Raises:
        AssertionError: there are others; it lists those of this name.
    """
    name = job if isinstance(job, str) else job.name
    jobs = list(all_of(engine, name))[::-1]
    found = [one for one in jobs if _has(_arguments(one), params)]
    if len(found) == times or (times is None and found):
        return found
    wanted = "at least 1" if times is None else str(times)
    given = ", ".join(f"{key}={value!r}" for key, value in params.items())
    there = [f"  {name}({_written(_arguments(one))})" for one in jobs[-_SHOWN:]]
    others = f"\n  and {len(jobs) - _SHOWN} before" if len(jobs) > _SHOWN else ""
    raise AssertionError(
        f"Expected {wanted} submitted {name}({given}), found {len(found)}. Of this "
        f"name {len(jobs)} were submitted:\n" + "\n".join(there) + others
    )


def all_of(
    engine: Engine, name: str | None = None, *, statuses: Iterable[JobStatus] = ()
) -> Iterator[Job]:
    """Yield all jobs of a name, or of some statuses, the newest first."""
    some = list(statuses)
    cursor: str | None = None
    while True:
        page = engine.search(name=name, statuses=some, limit=_PAGE, cursor=cursor)
        yield from page.items
        cursor = page.next_cursor
        if cursor is None:
            return


def _arguments(job: Job) -> Mapping[str, object]:
    """Return the parameters of a job as its function gets them, defaults included."""
    known = registered().get(job.name)
    if known is None:
        return job.params
    defaults = {
        name: parameter.default
        for name, parameter in inspect.signature(known.function).parameters.items()
        if parameter.default is not inspect.Parameter.empty
    }
    codec = codec_of(known.function)
    given = job.params if codec is None else codec.params(job.params)
    return {**defaults, **given}


def _has(arguments: Mapping[str, object], params: Mapping[str, object]) -> bool:
    return all(
        name in arguments and arguments[name] == value for name, value in params.items()
    )


def _written(arguments: Mapping[str, object]) -> str:
    return ", ".join(f"{name}={value!r}" for name, value in arguments.items())
