"""The errors that callers can meet.

* InterlockError
  - JobNotFound          no job has this id
  - AmbiguousId          a part of an id fits several jobs
  - ScheduleNotFound     no schedule has this name
  - GroupNotFound        no group has this id
  - SignalTimeout        a signal that a job waited for did not come in time
  - InvalidToken         a token for a signal is unknown, or was used
  - StepMismatch         a step of a job is not the one that it was before
  - IllegalTransition    the job's status, or a guard, does not allow the event
    - VersionChanged     the job is not in the version that the caller saw
  - LeaseLost            the caller no longer owns the attempt that it writes for
  - UnknownJobName       no registered job has this name
  - InvalidParams        parameters do not fit the job's signature
  - InvalidOption        an option is out of its range
  - NotGuarded           a script submits or starts a worker while it is imported
  - DuplicateJob         a key belongs to another job
  - LimitReached         a limit of the job is full, and it does not want to wait
  - KeyReused            an idempotency key belongs to another request
  - InFlight             a request with this idempotency key is still running
  - WaitTimeout          the job did not end within the time to wait
  - StoreUnavailable     the database cannot be used now
    - SchemaMismatch     the database is not one that this version can use
  - JobFailed            `result` of a job that is FAILED
  - JobCanceled          `result` of a job that is CANCELED
  - JobTimedOut          `result` of a job that is TIMEOUT
  - InvalidResult        `result` does not fit the function's return annotation
"""

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Final, Self

from interlock.core.lifecycle import Event, JobStatus

if TYPE_CHECKING:
    from interlock.core.job import Job


PACKAGE: Final = "interlock"  # people import from there, and records name it
MOST_ALIKE: Final = 5  # ids that a part fits
_MOST_NAMED: Final = 3  # of other jobs
_MOST_SHOWN: Final = 200  # characters of a refused value


class InterlockError(Exception):
    """Base class of all errors of Interlock; catch it to catch them all."""

    __module__ = PACKAGE

    def __init_subclass__(cls) -> None:
        if cls.__module__ == __name__:  # an application's own keeps its name
            cls.__module__ = PACKAGE


class JobNotFound(InterlockError):
    """No job has this id."""

    def __init__(self, job_id: str) -> None:
        super().__init__(
            f"No job has the id {job_id!r} in this database; it may have been purged. "
            "Nothing was changed."
        )
        self.job_id = job_id


class AmbiguousId(InterlockError):
    """A part of an id fits several jobs. Nothing was changed.

    `ids` are those of the newest 5 of them.
    """

    def __init__(self, part: str, ids: Sequence[str]) -> None:
        self.part = part
        self.ids = tuple(ids[:MOST_ALIKE])
        many = f"more than {MOST_ALIKE}" if len(ids) > MOST_ALIKE else str(len(ids))
        super().__init__(
            f"{part!r} begins or ends the ids of {many} jobs: {', '.join(self.ids)}. "
            "Give more digits. Nothing was changed."
        )


class ScheduleNotFound(InterlockError):
    """No schedule has this name."""

    def __init__(self, name: str) -> None:
        super().__init__(
            f"No schedule is named {name!r} in this database; it may have been "
            "deleted. `interlock schedules list` shows them. Nothing was changed."
        )
        self.name = name


class GroupNotFound(InterlockError):
    """No group has this id."""

    def __init__(self, group_id: str) -> None:
        super().__init__(
            f"No group has the id {group_id!r} in this database; it may have been "
            "purged with its jobs. `interlock groups list` shows them. Nothing was "
            "changed."
        )
        self.group_id = group_id


class InvalidToken(InterlockError):
    """A token for a signal is unknown, or it was used."""

    def __init__(self) -> None:
        super().__init__(
            "This token is unknown, or it was used before: it sends one signal, once. "
            "Nothing was stored. The job makes another one with "
            "current_job().signal_token(name)."
        )


class SignalTimeout(InterlockError):
    """A signal that the job waited for did not come in time."""

    def __init__(self, name: str, timeout: float) -> None:
        super().__init__(
            f"The signal {name!r} did not come within {timeout:g} seconds. That it did "
            "not is kept: a later attempt raises this again."
        )
        self.name = name
        self.timeout = timeout


class StepMismatch(InterlockError):
    """A step of a job is not the one that an earlier attempt has done."""


class IllegalTransition(InterlockError):
    """The job's status does not allow the event. Nothing was written.

    `legal` holds the events that the status allows. `unmet` is the condition that was
    not met, if the status alone would allow the event.
    """

    def __init__(
        self,
        status: JobStatus,
        event: Event,
        legal: Iterable[Event],
        *,
        job_id: str | None = None,
        unmet: str | None = None,
    ) -> None:
        self.status = status
        self.event = event
        self.legal = frozenset(legal)
        self.job_id = job_id
        self.unmet = unmet
        subject = f"job {job_id}" if job_id else "a job"
        if unmet is not None:
            why = f"required: {unmet}"
        elif self.legal:
            why = f"legal events: {', '.join(sorted(self.legal))}"
        else:
            why = "this status is final; `rerun` runs it again as a new job"
        super().__init__(
            f"Cannot {event} {subject}: it is {status} ({why}). Nothing was written."
        )


class VersionChanged(IllegalTransition):
    """The job has changed since the version that the caller saw. Nothing was written.

    Read the job again, then decide again.
    """

    def __init__(
        self,
        status: JobStatus,
        event: Event,
        legal: Iterable[Event],
        *,
        job_id: str,
        versions: tuple[int, int],
    ) -> None:
        self.versions = versions
        current, expected = versions
        unmet = f"version {expected}, but the job has version {current}"
        super().__init__(status, event, legal, job_id=job_id, unmet=unmet)


class Misfits(InterlockError):
    """A claim met jobs that the worker's code does not fit. Nothing was claimed."""

    def __init__(self, jobs: "Sequence[Job]") -> None:
        self.jobs = jobs
        ids = ", ".join(job.id for job in jobs)
        super().__init__(f"These jobs do not fit the code here: {ids}")


class LeaseLost(InterlockError):
    """The caller no longer owns the attempt. Nothing was written."""

    def __init__(self, job_id: str, attempt: int, current: int) -> None:
        why = (
            "its lease expired"
            if attempt == current
            else f"attempt {current} has replaced it"
        )
        super().__init__(
            f"Attempt {attempt} of job {job_id} may no longer write: {why}. "
            "Nothing was written. Another worker takes over the job."
        )
        self.job_id = job_id
        self.attempt = attempt


class UnknownJobName(InterlockError):
    """No job of this name is registered in this process. Nothing was stored."""

    def __init__(self, name: str, known: Iterable[str]) -> None:
        self.name = name
        self.known = tuple(sorted(known))
        listed = ", ".join(self.known) or "none: import the module that declares it"
        super().__init__(
            f"No job is named {name!r} (registered: {listed}). Nothing was stored."
        )


class InvalidParams(InterlockError):
    """Parameters do not fit the job's signature. Nothing was stored.

    `problems` has one line for each parameter that is missing, unexpected or wrong.
    """

    def __init__(self, name: str, problems: Sequence[str]) -> None:
        super().__init__(
            f"Invalid parameters for job {name!r}: {'; '.join(problems)}. "
            "Nothing was stored."
        )
        self.name = name
        self.problems = tuple(problems)


class InvalidOption(InterlockError, ValueError):
    """An option is out of its range. Nothing was stored."""

    def __init__(self, option: str, value: object, allowed: str) -> None:
        """Build the message "Invalid value for OPTION: VALUE. Use ALLOWED."."""
        super().__init__(f"Invalid value for {option}: {_short(value)}. Use {allowed}.")
        self.option = option

    @classmethod
    def because(cls, option: str, sentence: str) -> Self:
        """Return an error with `sentence` as its message."""
        error = cls.__new__(cls, sentence)
        error.option = option
        return error


class NotGuarded(InterlockError):
    """A script lacks the guard `if __name__ == "__main__":`.

    Workers import the script to find its jobs; without the guard the import would
    submit jobs or start workers. Nothing was stored or started.
    """


class DuplicateJob(InterlockError):
    """A key belongs to another job, `job_id`. Nothing was stored."""

    def __init__(self, key: str, value: str, job_id: str, why: str) -> None:
        super().__init__(
            f"{key} {value!r} belongs to job {job_id} ({why}). Use another key for a "
            "different job. Nothing was stored."
        )
        self.job_id = job_id


class LimitReached(InterlockError):
    """A limit of the job is full now, and `when_full` is "raise". Nothing was stored.

    `key` is that of the limit, `holders` are the ids of the jobs that run.
    """

    def __init__(
        self, key: str, running: int, allowed: int, holders: Sequence[str]
    ) -> None:
        self.key = key
        self.holders = tuple(dict.fromkeys(holders))
        shown = ", ".join(self.holders[:_MOST_NAMED])
        super().__init__(
            f"The limit {key!r} is full: {running} of {allowed} ({shown}). Submit the "
            'job again later, or with when_full="wait". Nothing was stored.'
        )


class KeyReused(InterlockError):
    """An idempotency key belongs to another request. Nothing was done."""

    def __init__(self, key: str) -> None:
        super().__init__(
            f"The idempotency key {key!r} belongs to another request. Use a new key "
            "for each request, and repeat a request with its own key. Nothing was done."
        )
        self.key = key


class InFlight(InterlockError):
    """A request with this idempotency key is still running. Nothing was done."""

    def __init__(self, key: str) -> None:
        super().__init__(
            f"A request with the idempotency key {key!r} is still running. Repeat it "
            "later to get its answer. Nothing was done."
        )
        self.key = key


class WaitTimeout(InterlockError, TimeoutError):
    """The job did not end within the time to wait. It was not changed; wait again."""

    def __init__(self, job_id: str, timeout_s: float, status: JobStatus) -> None:
        super().__init__(
            f"Job {job_id} has not ended after {timeout_s:g} s: it is {status}. "
            "Wait again, or cancel it."
        )
        self.job_id = job_id
        self.status = status


class StoreUnavailable(InterlockError):
    """The database cannot be used now. What was acknowledged before is kept."""


class SchemaMismatch(StoreUnavailable):
    """The database is not one that this version can use. Nothing was changed."""


class _JobUnsuccessful(InterlockError):
    def __init__(self, job: "Job", what: str) -> None:
        detail = f": {job.error.message}" if job.error else ""
        super().__init__(f"Job {job.id} ({job.name}) {what} ({job.reason}){detail}")
        self.job = job


class JobFailed(_JobUnsuccessful):
    """The job is FAILED; `job.error` says why."""

    def __init__(self, job: "Job") -> None:
        super().__init__(job, "failed")


class JobCanceled(_JobUnsuccessful):
    """The job is CANCELED; it has no result."""

    def __init__(self, job: "Job") -> None:
        super().__init__(job, "was canceled")


class JobTimedOut(_JobUnsuccessful):
    """The job is TIMEOUT; it has no result."""

    def __init__(self, job: "Job") -> None:
        super().__init__(job, "timed out")


def _short(value: object) -> str:
    """Return the repr of a value, shortened."""
    text = repr(value)
    return text if len(text) <= _MOST_SHOWN else f"{text[:_MOST_SHOWN]}..."


class InvalidResult(InterlockError):
    """The job SUCCEEDED, but its result does not fit the return annotation here.

    Another version of the function returned it. `job.result` has the result as JSON.
    """

    def __init__(self, job_id: str, name: str, annotation: str, why: str) -> None:
        super().__init__(
            f"The result of job {job_id} ({name}) does not fit `{annotation}`, the "
            f"return annotation of the function here: {why}. The worker has another "
            "version of the function. `get` returns the result as JSON."
        )
        self.job_id = job_id
        self.job: Job | None = None  # where it was asked for one job
