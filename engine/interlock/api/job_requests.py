"""Answers the requests of running jobs: to submit a job, and for the database's URL.

A job has no store of its own. Its worker stores what the job submits, and answers after
the commit. Requests and answers are JSON; `job_client` is the other side.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final

from interlock.api.inputs import Inputs
from interlock.api.step_desk import StepDesk
from interlock.core.errors import InterlockError, StoreUnavailable
from interlock.core.job import Job

#: The kinds of steps that a job itself writes.
KINDS: Final = ("step", "sleep", "saved", "token")
_MAX_WORDS: Final = 2000  # an answer is one write to a pipe


@dataclass(frozen=True, slots=True)
class JobRequests:
    """Answers the requests of a worker's jobs, with its engine."""

    inputs: Callable[[str, int], Inputs]
    desk: Callable[[Job], StepDesk]
    url: str | None  # None: jobs are not told

    def answer(self, job: Job, request: Mapping[str, Any]) -> dict[str, object]:
        """Handle a job's request; return the answer, or the error.

        The same request again has the same effect as once: an answer may be lost.

        Raises:
            StoreUnavailable: there is no answer yet. Ask again.
        """
        try:
            if request["do"] == "inputs":
                return self.inputs(job.id, int(request["after"]))._asdict()
            if request["do"] in {"wait_for", "results"}:
                return _of_children(self.desk(job), request)
            if request["do"] in {"look", "keep", "signal", "submit"}:
                return _of_step(self.desk(job), request)
            return {"url": self._url_if_allowed()}
        except StoreUnavailable:
            raise
        except InterlockError as error:
            about = {k: v for k, v in vars(error).items() if isinstance(v, str | int)}
            kind, message = type(error).__name__, str(error)[:_MAX_WORDS]
            return {"error": {"kind": kind, "message": message, "about": about}}
        except (AttributeError, LookupError, TypeError, ValueError) as error:
            # A job may write to its pipe what it likes.
            message = f"This is no request to a worker ({type(error).__name__})."
            return {
                "error": {"kind": "InterlockError", "message": message, "about": {}}
            }

    def _url_if_allowed(self) -> str:
        if self.url is None:
            raise InterlockError(
                "The worker does not let its jobs open its database. Submit with "
                "current_job().submit(...), which needs no database, or allow it: "
                "WorkerSettings(job_engine=True) with a database that other processes "
                "can open."
            )
        return self.url


def _of_children(desk: StepDesk, request: Mapping[str, Any]) -> dict[str, object]:
    """Handle a request about jobs that a job waits for."""
    if request["do"] == "wait_for":
        return {"many": desk.wait_for(request["of"])}
    return desk.results(request["of"], int(request["after"]))


def _of_step(desk: StepDesk, request: Mapping[str, Any]) -> dict[str, object]:
    """Handle a request about a step."""
    name, use = str(request["name"]), str(request["use"])
    if request["do"] == "submit":
        return {"done": desk.submit(name, use, request["order"])}
    if request["do"] == "signal":
        timeout = request["timeout"]
        seconds = None if timeout is None else float(timeout)
        return {"signal": desk.signal(name, use, seconds)}
    kind = str(request["kind"])
    if kind not in KINDS:
        raise ValueError(f"a job has no steps of the kind {kind}")
    if request["do"] == "look":
        return {"step": desk.look(kind, name, use)}
    desk.keep(kind, name, use, request["step"])
    return {"kept": True}
