"""Turns a terminal job into its result, or into the error that `result` raises."""

from typing import Final

from interlock.core.errors import InvalidResult, JobCanceled, JobFailed, JobTimedOut
from interlock.core.job import Job
from interlock.core.lifecycle import Event, row_of
from interlock.jobs.annotations import Misfit, shown
from interlock.jobs.registry import codec_of, registered

_BADLY: Final = {
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
    if job.status in _BADLY:
        raise _BADLY[job.status](job)
    job_function = registered().get(job.name)
    codec = None if job_function is None else codec_of(job_function.function)
    if codec is None:
        return job.result
    try:
        return codec.result.from_json(job.result)
    except Misfit as error:
        annotation = shown(codec.result.annotation)
        why = "; ".join(line.lstrip(": .") for line in error.problems)
        raise InvalidResult(job, annotation, why) from error
