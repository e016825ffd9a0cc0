"""Every error that a caller can meet.

* InterlockError
  - JobNotFound          no job has this id
  - IllegalTransition    the job's status, or a guard, does not allow the event
    - VersionChanged     the job is not in the version that the caller saw
  - LeaseLost            the caller speaks for an attempt that it no longer holds
  - UnknownJobName       no registered job has this name
  - InvalidParams        parameters do not fit the job's signature
  - InvalidOption        an option is out of its range
  - NotGuarded           a script runs itself while it is imported for its jobs
  - DuplicateJob         a key is taken by another job
  - KeyReused            an idempotency key belongs to another request
  - InFlight             a request with this idempotency key is under way
  - WaitTimeout          the job did not end within the time to wait
  - StoreUnavailable     the database cannot be used now
    - SchemaMismatch     the database is not one that this version can use
  - JobFailed            `result` of a job that is FAILED
  - JobCanceled          `result` of a job that is CANCELED
  - JobTimedOut          `result` of a job that is TIMEOUT
  - InvalidResult        `result` of a job whose result is not what its function says
"""

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Final, Self

from interlock.core.lifecycle import Event, JobStatus

if TYPE_CHECKING:
    from interlock.core.job import Job


PACKAGE: Final = "interlock"  # people import from there, and records name it
_MOST_SHOWN: Final = 200  # characters of a refused value


class InterlockError(Exception):
    """Base of all errors raised on purpose; catch this one at the edge."""

    __module__ = PACKAGE

    def __init_subclass__(cls) -> None:
        if cls.__module__ == __name__:  # an application's own keeps its name
            cls.__module__ = PACKAGE


class JobNotFound(InterlockError):
    """No job has this id."""

    def __init__(self, job_id: str) -> None:
        super().__init__(
            f"no job has the id {job_id!r}; it may have been purged. Nothing changed."
        )
        self.job_id = job_id


class IllegalTransition(InterlockError):
    """The job's status does not allow the event. Nothing was written.

    `legal` holds the events that its status does allow, so that a caller can say what
    is possible instead. `unmet` says which guard refused an event that the status
    alone would allow.
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
        which = f"job {job_id}" if job_id else "a job"
        if unmet is not None:
            why = f"not met: {unmet}"
        elif self.legal:
            why = f"legal: {', '.join(sorted(self.legal))}"
        else:
            why = "its status is final; `rerun` makes a new job of it"
        super().__init__(
            f"cannot {event} {which} that is {status} ({why}). Nothing was written."
        )


class VersionChanged(IllegalTransition):
    """The job has changed since the version that the caller saw. Nothing was written.

    Look at it again, then decide again.
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
        now, seen = versions
        unmet = f"it has version {now}, not {seen}"
        super().__init__(status, event, legal, job_id=job_id, unmet=unmet)


class LeaseLost(InterlockError):
    """The caller speaks for an attempt that it no longer holds. Nothing was written."""

    def __init__(self, job_id: str, attempt: int, current: int) -> None:
        why = "its lease expired" if attempt == current else f"attempt {current} has it"
        super().__init__(
            f"attempt {attempt} of job {job_id} may not write any more: {why}. "
            "Nothing was written; the job goes on without this worker."
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
            f"no job is named {name!r} (registered: {listed}). Nothing was stored."
        )


class InvalidParams(InterlockError):
    """Parameters do not fit the job's signature. Nothing was stored.

    `problems` has one line for each parameter that is missing, unexpected or wrong.
    """

    def __init__(self, name: str, problems: Sequence[str]) -> None:
        super().__init__(
            f"parameters of job {name!r} refused: {'; '.join(problems)}. "
            "Nothing was stored."
        )
        self.name = name
        self.problems = tuple(problems)


class InvalidOption(InterlockError, ValueError):
    """An option is out of its range. Nothing was stored."""

    def __init__(self, option: str, value: object, allowed: str) -> None:
        """Say it as "OPTION=VALUE refused: it must be ALLOWED."."""
        super().__init__(f"{option}={_short(value)} refused: it must be {allowed}.")
        self.option = option

    @classmethod
    def because(cls, option: str, sentence: str) -> Self:
        """Say it in a sentence of its own, where that frame does not read well."""
        error = cls.__new__(cls, sentence)
        error.option = option
        return error


class NotGuarded(InterlockError):
    """A script does at its import what belongs under `if __name__ == "__main__":`.

    A worker imports the script too, to find its jobs. Nothing was stored or started.
    """


class DuplicateJob(InterlockError):
    """A key is taken. Nothing was stored; `job_id` names the job that has the key."""

    def __init__(self, key: str, value: str, job_id: str, why: str) -> None:
        super().__init__(
            f"{key} {value!r} belongs to job {job_id} ({why}). Nothing was stored."
        )
        self.job_id = job_id


class KeyReused(InterlockError):
    """An idempotency key came with another request before. Nothing was done."""

    def __init__(self, key: str) -> None:
        super().__init__(
            f"the idempotency key {key!r} belongs to another request. Use a new key "
            "for each request, and the same for its repeats. Nothing was done."
        )
        self.key = key


class InFlight(InterlockError):
    """A request with this idempotency key is under way. Nothing was done."""

    def __init__(self, key: str) -> None:
        super().__init__(
            f"a request with the idempotency key {key!r} is under way. Ask again for "
            "its answer. Nothing was done."
        )
        self.key = key


class WaitTimeout(InterlockError, TimeoutError):
    """The job did not end within the time to wait. It goes on; ask again."""

    def __init__(self, job_id: str, timeout_s: float, status: JobStatus) -> None:
        super().__init__(
            f"job {job_id} is still {status} after {timeout_s:g} s. It goes on: "
            "wait again, or cancel it."
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
        super().__init__(f"job {job.id} ({job.name}) {what} ({job.reason}){detail}")
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
    """Return a value as Python writes it, cut where it is long."""
    text = repr(value)
    return text if len(text) <= _MOST_SHOWN else f"{text[:_MOST_SHOWN]}..."


class InvalidResult(InterlockError):
    """The job SUCCEEDED, and its result does not fit the function's annotation here.

    Another version of the function returned it. `job.result` has it as JSON.
    """

    def __init__(self, job: "Job", wanted: str, why: str) -> None:
        super().__init__(
            f"the result of job {job.id} ({job.name}) does not fit `{wanted}`, which "
            f"the function returns here: {why}. Another version of it ran; `get` has "
            "the result as JSON."
        )
        self.job = job
