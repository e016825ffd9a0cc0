"""What a running job does with jobs of its own: it submits them, and waits for them.

A submit is a step: a later attempt gets the same jobs. To wait gives the process and
the slot back, until they have ended.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass, field
from datetime import datetime
from typing import TYPE_CHECKING, Any, Final, Generic, TypeVar

from interlock.api.group import arguments
from interlock.api.handle import JobHandle
from interlock.api.results import decoded
from interlock.core.errors import InvalidOption
from interlock.core.retry import Retry
from interlock.jobs import depends
from interlock.jobs.registry import called, find
from interlock.jobs.submission import encoded

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from interlock.api.engine import Engine
    from interlock.core.job import Job
    from interlock.core.lifecycle import JobStatus
    from interlock.jobs.options import Options
    from interlock.jobs.registry import JobFunction
    from interlock.jobs.steps import Steps

R_co = TypeVar("R_co", covariant=True)
_INSTANTS: Final = ("run_at", "expires_at")  # options that cross as ISO 8601


class Children(ABC):
    """Jobs of the job that runs here; the keeper of their handles."""

    @property
    @abstractmethod
    def engine(self) -> Engine:
        """See `JobContext.engine`."""

    @property
    @abstractmethod
    def steps(self) -> Steps:
        """The steps of the attempt."""

    def submit(
        self,
        job: JobFunction[..., object] | str,
        args: Sequence[Any],
        kwargs: Mapping[str, Any],
    ) -> JobHandle[object]:
        """See `JobContext.submit`."""
        function, params = called(job, args, kwargs)
        order = _order(function) | {"params": encoded(function, params)}
        return JobHandle(str(self.steps.submit(function.name, order)["id"]), self)

    def map(
        self,
        job: JobFunction[..., object] | str,
        items: Iterable[object],
        name: str | None,
        options: Mapping[str, Any],
    ) -> ChildGroup[object]:
        """See `JobContext.map`."""
        function = (find(job) if isinstance(job, str) else job).options(**options)
        params = []
        for item in items:
            args, kwargs = arguments(item)
            params.append(encoded(function, function.bound(*args, **kwargs)))
        order = _order(function) | {"items": params, "group": name}
        done = self.steps.submit(function.name, order)
        return ChildGroup(str(done["group"]), str(done["name"]), self)

    def get(self, job_id: str) -> Job:
        """See `Engine.get`."""
        return self.engine.get(job_id)

    def wait(self, job_id: str, timeout: float | None = None) -> Job:
        """See `Engine.wait`; without `timeout` this gives the process back."""
        if timeout is None:
            self.steps.await_jobs({"ids": [job_id]})
        return self.engine.wait(job_id, timeout)

    def result(self, job_id: str, timeout: float | None = None) -> object:
        """See `Engine.result`; without `timeout` this gives the process back."""
        if timeout is not None:
            return self.engine.result(job_id, timeout)
        return self.results({"ids": [job_id]})[0]

    def results(self, wanted: Mapping[str, object]) -> list[Any]:
        """Wait for jobs (`ids` or `group`), and return their results.

        Raises:
            JobFailed, JobCanceled, JobTimedOut: the first that has no result.
        """
        self.steps.await_jobs(wanted)
        return [decoded(*each) for each in self.steps.results(wanted)]

    def cancel(
        self,
        job_id: str,
        *,
        reason: str | None = None,
        by: str | None = None,
        wait: float | None = None,
        if_version: int | None = None,
    ) -> Job:
        """See `Engine.cancel`."""
        return self.engine.cancel(
            job_id, reason=reason, by=by, wait=wait, if_version=if_version
        )


@dataclass(frozen=True, slots=True)
class ChildGroup(Generic[R_co]):
    """Jobs that this job has submitted together: what `JobContext.map` returns.

    For everything else: `current_job().engine.get_group(id)`.
    """

    id: str
    name: str
    _children: Children = field(repr=False)

    def members(self) -> list[str]:
        """Return the ids of its jobs."""
        return self._children.engine.get_group(self.id).members()

    def wait(self) -> dict[JobStatus, int]:
        """Wait until all have ended, without a process; return how many ended how."""
        self._children.steps.await_jobs({"group": self.id})
        return self._children.engine.get_group(self.id).counts()

    def results(self) -> list[R_co]:
        """Wait without a process, and return the results of its jobs, in their order.

        Raises:
            JobFailed, JobCanceled, JobTimedOut: the first that has no result.
            InvalidResult: a result does not fit the function that is here.
            Suspended, InterlockError: as in `JobContext.sleep`.
        """
        return self._children.results({"group": self.id})


def _order(job: JobFunction[..., object]) -> dict[str, object]:
    """Return a submit as JSON, but for the parameters.

    Raises:
        InvalidOption: the job has a connection.
    """
    options: dict[str, object] = dict(job.defaults)
    if options.pop("connection", None) is not None:
        allowed = "no connection inside a job: the worker stores the new job"
        raise InvalidOption("connection", "...", allowed)
    for name in _INSTANTS:
        moment = options.get(name)
        if isinstance(moment, datetime):
            options[name] = moment.isoformat()
    wanted: Any = options.get("depends_on")
    if wanted:
        options["depends_on"] = depends.as_json(wanted, {})
    retry = options.get("retry")
    if isinstance(retry, Retry):
        options["retry"] = retry.to_json()
    return {"job": job.name, "options": options}


def options_of(order: Mapping[str, Any]) -> Options:
    """Return the options of a submit, as `_order` has made JSON of them."""
    options: Any = dict(order["options"])
    for name in _INSTANTS:
        if options.get(name) is not None:
            options[name] = datetime.fromisoformat(options[name])
    if options.get("retry") is not None:
        options["retry"] = Retry(**options["retry"])
    return options  # type: ignore[no-any-return]  # the worker checks it as any other
