"""JSON of a server -> the engine's values."""

from collections.abc import Callable, Mapping
from dataclasses import fields
from datetime import datetime
from typing import Any, Final, TypeVar

from interlock.core.job import Attempt, Exit, Failure, HistoryEntry, Job, Rejection
from interlock.core.lifecycle import Event, JobStatus, Proof, Reason, StopCause
from interlock.core.progress import Progress
from interlock.core.records import LogLine, Page, QueueInfo, WorkerInfo
from interlock.core.retry import Retry

T = TypeVar("T")
_MOMENTS: Final = frozenset(
    {
        *("at", "created_at", "run_at", "expires_at", "started_at", "finished_at"),
        *("ended_at", "claimed_at", "cancel_requested_at", "read_at", "seen_at"),
        "oldest_pending_at",
    }
)


def _failure(value: Mapping[str, Any]) -> Failure:
    return Failure(**{**value, "reason": Reason(value["reason"])})


_KINDS: Final[Mapping[str, Callable[[Any], object]]] = {
    "status": JobStatus,
    "source": JobStatus,
    "target": JobStatus,
    "stop_cause": StopCause,
    "proof": Proof,
    "outcome": Event,
    "error": _failure,
    "retry": Retry.from_json,
    "progress": lambda value: Progress(**value),
    "exit": lambda value: Exit(**value),
}


def _of(kind: type[T], body: Mapping[str, Any], **more: Callable[[Any], object]) -> T:
    values: dict[str, Any] = {}
    kinds = {**_KINDS, **more}
    for field in fields(kind):  # type: ignore[arg-type]  # a dataclass
        if field.name not in body:  # the server is older than this client
            continue
        value = body[field.name]
        if value is not None and field.name in _MOMENTS:
            value = datetime.fromisoformat(value)
        elif value is not None and field.name in kinds:
            value = kinds[field.name](value)
        values[field.name] = value
    return kind(**values)


def job(body: Mapping[str, Any]) -> Job:
    """Return a job; its secrets are hidden, as the server sent it."""
    return _of(Job, body, reason=Reason)


def page(body: Mapping[str, Any]) -> Page:
    """Return a page of jobs."""
    items = tuple(job(item) for item in body["items"])
    return Page(items=items, next_cursor=body["next_cursor"])


def history(body: Mapping[str, Any]) -> list[HistoryEntry]:
    """Return the history of a job."""
    return [entry(item) for item in body["items"]]


def entry(body: Mapping[str, Any]) -> HistoryEntry:
    """Return an entry of a history."""
    return _of(HistoryEntry, body)


def attempts(body: Mapping[str, Any]) -> list[Attempt]:
    """Return the attempts of a job."""
    return [_of(Attempt, item) for item in body["items"]]


def rejections(body: Mapping[str, Any]) -> list[Rejection]:
    """Return the refused events of a job."""
    return [_of(Rejection, item, event=Event) for item in body["items"]]


def lines(body: Mapping[str, Any]) -> list[LogLine]:
    """Return lines of a log."""
    return [_of(LogLine, item) for item in body["items"]]


def queues(body: Mapping[str, Any]) -> list[QueueInfo]:
    """Return the queues."""
    return [_of(QueueInfo, item) for item in body["items"]]


def workers(body: Mapping[str, Any]) -> list[WorkerInfo]:
    """Return the workers."""
    return [_of(WorkerInfo, item, queues=tuple) for item in body["items"]]


def counts(body: Mapping[str, int]) -> dict[JobStatus, int]:
    """Return how many jobs have each status."""
    return {JobStatus(status): many for status, many in body.items()}
