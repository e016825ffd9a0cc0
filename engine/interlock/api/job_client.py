"""The engine's methods for a running job: its worker submits for it.

The job opens the store only when it needs it; see `job_requests`.
"""

from collections.abc import Callable, Mapping
from functools import cached_property
from typing import Any

from interlock.api.children import Children
from interlock.api.engine import Engine
from interlock.api.inputs import Input, Inputs, collected
from interlock.core import errors
from interlock.core.errors import InterlockError
from interlock.jobs.steps import Steps

#: Sends a request to the worker, and returns its answer.
Ask = Callable[[Mapping[str, object]], Mapping[str, Any]]


class JobClient(Children):
    """Submits through the worker; opens the store for what `Engine` alone does."""

    def __init__(self, ask: Ask) -> None:
        self._ask = ask

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

    def submit(
        self, name: str, use: str, order: Mapping[str, Any]
    ) -> Mapping[str, Any]:
        request = {"do": "submit", "name": name, "use": use, "order": order}
        done: Mapping[str, Any] = _unless_error(self._ask(request))["done"]
        return done

    def wait_for(self, wanted: Mapping[str, object]) -> int:
        return int(_unless_error(self._ask({"do": "wait_for", "of": wanted}))["many"])

    def results(self, wanted: Mapping[str, object], after: int) -> Mapping[str, Any]:
        return _unless_error(self._ask({"do": "results", "of": wanted, "after": after}))

    def signal(self, name: str, use: str, timeout: float | None) -> Mapping[str, Any]:
        request = {"do": "signal", "name": name, "use": use, "timeout": timeout}
        found: Mapping[str, Any] = _unless_error(self._ask(request))["signal"]
        return found


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
