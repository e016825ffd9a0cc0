"""Converts rows of the tables to the engine's values, and back."""

import json
from collections.abc import Callable, Mapping
from dataclasses import asdict
from datetime import datetime, timedelta
from functools import wraps
from operator import attrgetter
from typing import Any, Final, ParamSpec, TypeVar

import sqlalchemy as sa

from interlock.core.errors import StoreUnavailable
from interlock.core.fields import read, readers
from interlock.core.job import (
    Attempt,
    Failure,
    HistoryEntry,
    Job,
    NewJob,
    Rejection,
)
from interlock.core.lifecycle import (
    INITIAL,
    SUBMIT,
    JobStatus,
)
from interlock.core.records import EndedJob, LogLine, Stint, WorkerInfo
from interlock.core.ticks import ScheduleEdit, ScheduleInfo, Tick
from interlock_adapters.sql.schema import tables
from interlock_adapters.sql.schema.row_rules import COLUMN_OF, SUBMITTED

Row = sa.RowMapping
P = ParamSpec("P")
R = TypeVar("R")

_SUBMITTED: Final = attrgetter(*SUBMITTED)
_FOREIGN: Final = (ValueError, TypeError, KeyError, AttributeError)


def readable(convert: Callable[P, R]) -> Callable[P, R]:
    """Report rows that cannot be parsed as damage."""

    @wraps(convert)
    def converted(*args: P.args, **kwargs: P.kwargs) -> R:
        try:
            return convert(*args, **kwargs)
        except _FOREIGN as error:
            raise StoreUnavailable(
                "The database is damaged: a row has a value that Interlock never "
                f"writes ({error}). Check the whole database with `interlock verify`. "
                "Nothing was written."
            ) from error

    return converted


@readable
def to_status(value: str) -> JobStatus:
    """Return a status as it is stored."""
    return JobStatus(value)


def failure_to_json(failure: Failure | None) -> dict[str, object] | None:
    """Return the JSON of a failure: the fields that are set."""
    if failure is None:
        return None
    return {k: v for k, v in asdict(failure).items() if v not in (None, False)}


def to_row(job: NewJob, *, now: datetime) -> dict[str, object]:
    """Return the row of a job that is being submitted."""
    return {
        **dict(zip(SUBMITTED, _SUBMITTED(job), strict=True)),
        "params": dict(job.params),
        "metadata": dict(job.metadata),
        "retry": job.retry.to_json(),
        "max_attempts": job.retry.max_attempts,
        "retry_on_timeout": job.retry.on_timeout,
        "status": INITIAL.value,
        "attempt": 0,
        "failures": 0,
        "losses": 0,
        "kill_unconfirmed": False,
        "urgency": job.priority,
        "turn": 0,
        "next_age_at": _next_age_at(job),
        "blocked_by": None,
        "held_by": None if job.run_at <= now else "due",
        "write_seq": 0,
        "event": SUBMIT,
        "event_at": job.created_at,
        "actor": job.submitted_by or "client",
    }


def _next_age_at(job: NewJob) -> datetime | None:
    if job.aging_s is None:
        return None
    return job.run_at + timedelta(seconds=job.aging_s)


#: (field, column, reader) of all that a row tells of a job.
_JOB: Final = tuple(
    (name, COLUMN_OF.get(name, name), reader)
    for name, reader in readers(Job, in_json=False).items()
    if name != "read_at"
)


@readable
def to_job(row: Mapping[Any, Any], *, now: datetime) -> Job:
    """Return the job of a row, as read at `now`."""
    values: dict[str, Any] = {}
    for name, column, reader in _JOB:
        value = row[column]
        values[name] = value if value is None or reader is None else reader(value)
    return Job(**values, read_at=now)


@readable
def to_attempt(row: Row) -> Attempt:
    """Return the attempt of a row."""
    ended = {"code": row["exit_code"], "signal": row["exit_signal"]}
    has_exit = set(ended.values()) != {None}
    return read(Attempt, {**row, "exit": ended if has_exit else None}, in_json=False)


@readable
def to_history(row: Row) -> HistoryEntry:
    """Return the history entry of a row."""
    return read(HistoryEntry, row, in_json=False)


@readable
def to_rejection(row: Row) -> Rejection:
    """Return the rejection of a row."""
    return read(Rejection, row, in_json=False)


@readable
def to_ended_job(row: Row) -> EndedJob:
    """Return how a job ended."""
    return read(EndedJob, row, in_json=False)


def to_stint(row: Row) -> Stint:
    """Return the stint of a row."""
    return read(Stint, row, in_json=False)


def to_line(row: Row) -> LogLine:
    """Return the log line of a row."""
    return read(LogLine, row, in_json=False)


def to_worker(row: Row) -> WorkerInfo:
    """Return the worker of a row."""
    return read(WorkerInfo, row, in_json=False)


def schedule_to_row(info: ScheduleInfo) -> dict[str, object]:
    """Return the row of a schedule."""
    values = {name: getattr(info, name) for name in ScheduleInfo.__dataclass_fields__}
    spec = values.pop("schedule").to_json()
    made = {"options": dict(info.options), "replaced": list(info.replaced)}
    return {**values, **made, "spec": spec}


@readable
def to_schedule(row: Row) -> ScheduleInfo:
    """Return the schedule of a row."""
    return read(ScheduleInfo, {**row, "schedule": row["spec"]}, in_json=False)


@readable
def to_tick(row: Row) -> Tick:
    """Return the tick of a row."""
    return read(Tick, row, in_json=False)


@readable
def to_edit(row: Row) -> ScheduleEdit:
    """Return an edit of a schedule."""
    return read(ScheduleEdit, row, in_json=False)


def same_call(row: Mapping[Any, Any], job: NewJob) -> bool:
    """Whether a stored job is the same call as a new one: name and params."""
    stored, new = (
        json.dumps(params, sort_keys=True) for params in (row["params"], job.params)
    )
    return bool(row["name"] == job.name and stored == new)


ALL = tuple(tables.job.c)
