"""What a terminal job is to whoever wants its result."""

from typing import Final

from interlock.errors import JobCanceled, JobFailed, JobTimedOut
from interlock.job import Job
from interlock.lifecycle import Event, row_of

_BADLY: Final = {
    row_of(Event.FAIL).target: JobFailed,
    row_of(Event.CANCEL).target: JobCanceled,
    row_of(Event.TIME_OUT).target: JobTimedOut,
}


def value_of(job: Job) -> object:
    """Return the result of a terminal job.

    Raises:
        JobFailed, JobCanceled, JobTimedOut: it ended without one.
    """
    if job.status in _BADLY:
        raise _BADLY[job.status](job)
    return job.result
