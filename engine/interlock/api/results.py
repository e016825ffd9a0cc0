"""Turns a terminal job into its result, or into the error that `result` raises."""

from typing import Final

from interlock.core.errors import InvalidResult, JobCanceled, JobFailed, JobTimedOut
from interlock.core.job import Job
from interlock.core.lifecycle import Event, JobStatus, row_of
from interlock.jobs.annotations import Misfit, shown
from interlock.jobs.registry import codec_of, registered

_BADLY: Final[
    dict[JobStatus, type[JobFailed] | type[JobCanceled] | type[JobTimedOut]]
] = {
    row_of(Event.FAIL).target: JobFailed,
    row_of(Event.CANCEL).target: JobCanceled,
    row_of(Event.TIME_OUT).target: JobTimedOut,
}


def value_of(job: Job) -> object:
    """Return the result of a terminal job, in the type of its function's annotation.

    If this process has no job of the name, the result is JSON.

    Raises:
        JobFailed, JobCanceled, JobTimedOut: it ended without a result.
        InvalidResult: the result does not fit the annotation.
    """
    unhappy = unsuccessful(job)
    if unhappy is not None:
        raise unhappy
    try:
        return decoded(job.name, job.id, job.result)
    except InvalidResult as error:
        error.job = job
        raise


def unsuccessful(job: Job) -> JobFailed | JobCanceled | JobTimedOut | None:
    """Return the error for a job that has ended without a result; None: it has one."""
    return _BADLY[job.status](job) if job.status in _BADLY else None


def decoded(name: str, job_id: str, result: object) -> object:
    """Return the result of a job in the type of the annotation of its function.

    Raises:
        InvalidResult: it does not fit.
    """
    job_function = registered().get(name)
    codec = None if job_function is None else codec_of(job_function.function)
    if codec is None:
        return result
    try:
        return codec.result.from_json(result)
    except Misfit as error:
        annotation = shown(codec.result.annotation)
        why = "; ".join(line.lstrip(": .") for line in error.problems)
        raise InvalidResult(job_id, name, annotation, why) from error
