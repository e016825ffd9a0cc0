"""The engine's methods for a running job: its worker submits for it.

The job opens the store only when it needs it; see `job_requests`.
"""

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from functools import cached_property
from typing import Any

from interlock.api.engine import Engine
from interlock.api.handle import JobHandle
from interlock.api.inputs import Input, Inputs, collected
from interlock.api.job_requests import INSTANTS
from interlock.core import errors
from interlock.core.errors import InterlockError, InvalidOption
from interlock.core.job import Job
from interlock.core.retry import Retry
from interlock.jobs import depends
from interlock.jobs.registry import JobFunction, called
from interlock.jobs.steps import Steps

#: Sends a request to the worker, and returns its answer.
Ask = Callable[[Mapping[str, object]], Mapping[str, Any]]


class JobClient:
    """Submits through the worker; opens the store for everything else."""

    def __init__(self, ask: Ask) -> None:
        self._ask = ask

    def submit(
        self,
        job: JobFunction[..., object] | str,
        args: Sequence[Any],
        kwargs: Mapping[str, Any],
    ) -> JobHandle[object]:
        """See `JobContext.submit`."""
        return JobHandle(_submit(self._ask, *called(job, args, kwargs)), self)

    @cached_property
    def engine(self) -> Engine:
        """The engine on the worker's database. Raises InterlockError: not allowed."""
        return Engine.open(_url(self._ask), create=False)

    @cached_property
    def steps(self) -> Steps:
        """The steps of the attempt."""
        return Steps(_Desk(self._ask))

    def inputs(self) -> list[Any] | dict[str, Any]:
        """See `JobContext.inputs`."""

        def ask(after: int) -> Inputs:
            answer = _unless_error(self._ask({"do": "inputs", "after": after}))
            return Inputs([Input(*each) for each in answer["inputs"]], answer["after"])

        return collected(ask)

    def get(self, job_id: str) -> Job:
        """See `Engine.get`."""
        return self.engine.get(job_id)

    def wait(self, job_id: str, timeout: float | None = None) -> Job:
        """See `Engine.wait`."""
        return self.engine.wait(job_id, timeout)

    def result(self, job_id: str, timeout: float | None = None) -> object:
        """See `Engine.result`."""
        return self.engine.result(job_id, timeout)

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


class _Desk:
    """See `interlock.jobs.steps.Desk`: asks the worker."""

    def __init__(self, ask: Ask) -> None:
        self._ask = ask

    def look(self, kind: str, name: str, use: str) -> Mapping[str, Any] | None:
        request = {"do": "look", "kind": kind, "name": name, "use": use}
        found: Mapping[str, Any] | None = _unless_error(self._ask(request))["step"]
        return found

    def keep(self, kind: str, name: str, use: str, step: Mapping[str, Any]) -> None:
        request = {"do": "keep", "kind": kind, "name": name, "use": use, "step": step}
        _unless_error(self._ask(request))

    def signal(self, name: str, use: str, timeout: float | None) -> Mapping[str, Any]:
        request = {"do": "signal", "name": name, "use": use, "timeout": timeout}
        found: Mapping[str, Any] = _unless_error(self._ask(request))["signal"]
        return found


def _submit(
    ask: Ask, job: JobFunction[..., object], params: Mapping[str, object]
) -> str:
    """Have the worker submit a job; return its id.

    Raises:
        InterlockError: of any kind that `Engine.submit` raises.
    """
    options: dict[str, object] = dict(job.defaults)
    if options.pop("connection", None) is not None:
        allowed = "no connection inside a job: the worker stores the new job"
        raise InvalidOption("connection", "...", allowed)
    for name in INSTANTS:
        moment = options.get(name)
        if isinstance(moment, datetime):
            options[name] = moment.isoformat()
    depends_on: Any = options.get("depends_on")
    if depends_on:
        options["depends_on"] = depends.as_json(depends_on, {})
    retry = options.get("retry")
    if isinstance(retry, Retry):
        options["retry"] = retry.to_json()
    request = {"do": "submit", "name": job.name, "params": params, "options": options}
    answer = ask(request)
    return str(_unless_error(answer)["id"])


def _url(ask: Ask) -> str:
    """Return the URL of the database that the worker uses.

    Raises:
        InterlockError: the worker does not allow it.
    """
    return str(_unless_error(ask({"do": "url"}))["url"])


def _unless_error(answer: Mapping[str, Any]) -> Mapping[str, Any]:
    payload = answer.get("error")
    if payload is None:
        return answer
    kind = getattr(errors, str(payload["kind"]), InterlockError)
    error: InterlockError = kind.__new__(kind)
    Exception.__init__(error, payload["message"])
    vars(error).update(payload["about"])
    raise error
