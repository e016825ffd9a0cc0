"""Rows of the tables <-> the engine's values. Nothing else knows both."""

import json
from collections.abc import Callable, Mapping
from dataclasses import asdict
from datetime import datetime
from functools import wraps
from typing import Any, Final, ParamSpec, TypeVar

import sqlalchemy as sa

from interlock.core.errors import StoreUnavailable
from interlock.core.job import (
    Attempt,
    Exit,
    Failure,
    HistoryEntry,
    Job,
    NewJob,
    Rejection,
)
from interlock.core.lifecycle import (
    INITIAL,
    SUBMIT,
    Event,
    JobStatus,
    Proof,
    Reason,
    StopCause,
)
from interlock.core.progress import Progress
from interlock.core.records import Ending, LogLine, WorkerInfo
from interlock.core.retry import Retry
from interlock_adapters.sql.schema import tables

Row = sa.RowMapping
P = ParamSpec("P")
R = TypeVar("R")

_FOREIGN: Final = (ValueError, TypeError, KeyError, AttributeError)


def readable(convert: Callable[P, R]) -> Callable[P, R]:
    """Let a row with what none of us wrote be told as what it is."""

    @wraps(convert)
    def converted(*args: P.args, **kwargs: P.kwargs) -> R:
        try:
            return convert(*args, **kwargs)
        except _FOREIGN as error:
            raise StoreUnavailable(
                "the database is damaged: a row of it holds what Interlock does not "
                f"write ({error}). `interlock verify` looks at all of it. Nothing was "
                "written."
            ) from error

    return converted


@readable
def to_status(value: str) -> JobStatus:
    """Return a status as it is stored."""
    return JobStatus(value)


def failure_to_json(failure: Failure | None) -> dict[str, object] | None:
    """Return what is stored of a failure: the fields that say something."""
    if failure is None:
        return None
    return {k: v for k, v in asdict(failure).items() if v not in (None, False)}


def failure_from_json(stored: Mapping[str, Any] | None) -> Failure | None:
    """Return the failure that was stored."""
    if stored is None:
        return None
    return Failure(**{**stored, "reason": Reason(stored["reason"])})


def to_row(job: NewJob, *, now: datetime) -> dict[str, object]:
    """Return the row of a job that is being submitted."""
    return {
        "id": job.id,
        "name": job.name,
        "queue": job.queue,
        "params": dict(job.params),
        "priority": job.priority,
        "timeout_s": job.timeout_s,
        "grace_s": job.grace_s,
        "created_at": job.created_at,
        "run_at": job.run_at,
        "expires_at": job.expires_at,
        "max_attempts": job.retry.max_attempts,
        "retry_on_timeout": job.retry.on_timeout,
        "retry": job.retry.to_json(),
        "max_losses": job.max_losses,
        "unique_key": job.unique_key,
        "idempotency_key": job.idempotency_key,
        "submitted_by": job.submitted_by,
        "metadata": dict(job.metadata),
        "rerun_of": job.rerun_of,
        "parent_id": job.parent_id,
        "status": INITIAL.value,
        "attempt": 0,
        "failures": 0,
        "losses": 0,
        "kill_unconfirmed": False,
        "ready": int(job.run_at <= now),
        "write_seq": 0,
        "event": SUBMIT,
        "event_at": job.created_at,
        "actor": job.submitted_by or "client",
    }


@readable
def to_job(row: Row, *, now: datetime) -> Job:
    """Return the job of a row, as read at `now`."""
    progress = row["progress"]
    return Job(
        id=row["id"],
        name=row["name"],
        queue=row["queue"],
        params=row["params"],
        priority=row["priority"],
        timeout_s=row["timeout_s"],
        grace_s=row["grace_s"],
        created_at=row["created_at"],
        run_at=row["run_at"],
        expires_at=row["expires_at"],
        retry=Retry.from_json(row["retry"]),
        max_losses=row["max_losses"],
        unique_key=row["unique_key"],
        idempotency_key=row["idempotency_key"],
        submitted_by=row["submitted_by"],
        metadata=row["metadata"],
        rerun_of=row["rerun_of"],
        parent_id=row["parent_id"],
        status=JobStatus(row["status"]),
        reason=row["reason"] and Reason(row["reason"]),
        attempt=row["attempt"],
        failures=row["failures"],
        losses=row["losses"],
        started_at=row["started_at"],
        finished_at=row["finished_at"],
        worker_id=row["worker_id"],
        lease_until_us=row["lease_until_us"],
        cancel_requested_at=row["cancel_requested_at"],
        cancel_requested_by=row["cancel_requested_by"],
        cancel_reason=row["cancel_reason"],
        stop_cause=row["stop_cause"] and StopCause(row["stop_cause"]),
        proof=row["proof"] and Proof(row["proof"]),
        kill_unconfirmed=bool(row["kill_unconfirmed"]),
        result=row["result"],
        error=failure_from_json(row["error"]),
        progress=Progress(**progress) if progress else None,
        version=row["write_seq"],
        read_at=now,
    )


@readable
def to_attempt(row: Row) -> Attempt:
    """Return the attempt of a row."""
    ended = (row["exit_code"], row["exit_signal"])
    return Attempt(
        job_id=row["job_id"],
        attempt=row["attempt"],
        worker_id=row["worker_id"],
        claimed_at=row["claimed_at"],
        pid=row["pid"],
        containment=row["containment"],
        started_at=row["started_at"],
        ended_at=row["ended_at"],
        outcome=row["outcome"] and Event(row["outcome"]),
        exit=None if ended == (None, None) else Exit(code=ended[0], signal=ended[1]),
        proof=row["proof"] and Proof(row["proof"]),
        error=failure_from_json(row["error"]),
        peak_memory_bytes=row["peak_memory_bytes"],
        cpu_seconds=row["cpu_seconds"],
    )


@readable
def to_history(row: Row) -> HistoryEntry:
    """Return the history entry of a row."""
    return HistoryEntry(
        job_id=row["job_id"],
        seq=row["seq"],
        event=row["event"],
        source=row["source"] and JobStatus(row["source"]),
        target=JobStatus(row["target"]),
        at=row["at"],
        actor=row["actor"],
        reason=row["reason"],
        attempt=row["attempt"],
    )


@readable
def to_rejection(row: Row) -> Rejection:
    """Return the rejection of a row."""
    return Rejection(
        job_id=row["job_id"],
        event=Event(row["event"]),
        status=JobStatus(row["status"]),
        at=row["at"],
        actor=row["actor"],
        attempt=row["attempt"],
        why=row["why"],
    )


@readable
def to_ending(row: Row) -> Ending:
    """Return how a job ended."""
    return Ending(**{**row, "status": to_status(row["status"])})


def to_line(row: Row) -> LogLine:
    """Return the log line of a row."""
    return LogLine(**row)


def to_worker(row: Row) -> WorkerInfo:
    """Return the worker of a row."""
    queues = row["queues"]
    return WorkerInfo(**{**row, "queues": None if queues is None else tuple(queues)})


def same_call(row: Mapping[Any, Any], job: NewJob) -> bool:
    """Whether a stored job is the same call as a new one: name and params."""
    stored, new = (
        json.dumps(params, sort_keys=True) for params in (row["params"], job.params)
    )
    return bool(row["name"] == job.name and stored == new)


ALL = tuple(tables.job.c)
