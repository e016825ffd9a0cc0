"""Answers the requests of running jobs: submits and looks of `current_job()`."""

from collections.abc import Callable, Mapping
from typing import Any, Final

from interlock.core.errors import InterlockError, StoreUnavailable
from interlock.core.job import Job
from interlock.ports.clock import Clock
from interlock.worker.attempts import Attempts

_ANSWER_S: Final = 0.1  # for requests, in one turn

#: Handles a request of a running job, and returns the answer as JSON.
Answer = Callable[[Job, Mapping[str, Any]], Mapping[str, object]]


def refuse(_job: Job, _request: Mapping[str, Any]) -> Mapping[str, object]:
    """Answer that a worker without an engine takes no requests."""
    return _error("This worker takes no requests from its jobs.")


def answer_some(
    attempts: Attempts,
    answer: Answer,
    clock: Clock,
    *,
    patience_s: float,
    report: Callable[[Exception], None],
) -> None:
    """Answer requests for a moment; the others are answered in the next turn.

    Args:
        attempts: whose jobs ask.
        answer: handles a request.
        clock: of the worker.
        patience_s: how long a request is repeated while the store does not answer. A
            row that is damaged is no outage, and looks like one.
        report: is told of errors that nobody expected.

    Raises:
        StoreUnavailable: the job goes on waiting for its answer.
    """
    until = clock.boot() + _ANSWER_S
    while clock.boot() <= until:
        asked = attempts.next_request()
        if asked is None:
            return
        tracked, request = asked
        try:
            reply = answer(tracked.job, request)
        except StoreUnavailable as error:
            if tracked.asks_since is None:
                tracked.asks_since = clock.boot()
            if clock.boot() - tracked.asks_since < patience_s:
                attempts.put_back(tracked, request)
                raise
            reply = _error(str(error), StoreUnavailable)
        except Exception as error:  # noqa: BLE001  (a job can ask what it likes)
            report(error)
            what = type(error).__name__
            reply = _error(f"The worker cannot handle this request ({what}).")
        tracked.asks_since = None
        tracked.execution.reply({"number": request["number"], **reply})


def _error(
    message: str, kind: type[InterlockError] = InterlockError
) -> Mapping[str, object]:
    return {"error": {"kind": kind.__name__, "message": message, "about": {}}}
