"""Converts the engine's values to JSON, with secrets hidden.

The command line, the HTTP API and the pages use it for everything that they show.
"""

from dataclasses import asdict, fields
from datetime import datetime, timedelta
from enum import Enum
from typing import Any

from interlock.core.causes import Cause
from interlock.core.job import Attempt, HistoryEntry, Job, Rejection
from interlock.core.lifecycle import Reason
from interlock.core.records import LogLine, SignalInfo, Step
from interlock.core.ticks import ScheduleInfo
from interlock.jobs.redaction import Redaction, hidden

_FIELDS = tuple(field.name for field in fields(Job))
_OF_STORES = ("digest", "replaced")  # of a schedule, for nobody else
_TEXTS = ("result", "error", "progress", "cancel_reason", "hold_reason")


def plain(value: object) -> Any:  # noqa: PLR0911  (one arm a kind)
    """Return a value of the engine as JSON values."""
    match value:
        case Enum():
            return value.value
        case datetime():
            return value.isoformat()
        case timedelta():
            return value.total_seconds()
        case dict():
            return {str(k): plain(v) for k, v in value.items()}
        case list() | tuple():
            return [plain(element) for element in value]
        case frozenset():
            return sorted(value)
        case _:
            return value


def job(record: Job) -> dict[str, Any]:
    """Return every field of a job, and its derived properties."""
    hidden = Redaction(record)
    values = {name: getattr(record, name) for name in _FIELDS}
    values["retry"] = record.retry.to_json()
    for name in ("error", "progress", "death"):
        if values[name] is not None:
            values[name] = asdict(values[name])
    for name in _TEXTS:
        values[name] = hidden.within(values[name])
    values |= {"params": hidden.params, "metadata": hidden.metadata}
    values |= {"phase": record.phase, "cancel_outcome": record.cancel_outcome}
    values |= {"duration": record.duration}
    return {name: plain(value) for name, value in values.items()}


def history(entry: HistoryEntry, hidden: Redaction | None) -> dict[str, Any]:
    """Return a history entry; `hidden` is needed if its reason is a free text."""
    values: dict[str, Any] = plain(asdict(entry))
    if hidden is not None and entry.reason is not None:
        values["reason"] = hidden.text(entry.reason)
    return values


def has_words(entry: HistoryEntry) -> bool:
    """Whether its reason is a free text."""
    return entry.reason is not None and entry.reason not in set(Reason)


def attempt(record: Attempt, hidden: Redaction) -> dict[str, Any]:
    """Return an attempt."""
    values: dict[str, Any] = plain(asdict(record))
    values["error"] = hidden.within(values["error"])
    return values


def rejection(record: Rejection, hidden: Redaction) -> dict[str, Any]:
    """Return a refused event."""
    values: dict[str, Any] = plain(asdict(record))
    values["why"] = hidden.text(record.why)
    return values


def cause(record: Cause) -> dict[str, Any]:
    """Return a cause of failures, with what acknowledges it."""
    said = record.acknowledged
    derived = {"acknowledged": None if said is None else asdict(said)}
    values: dict[str, Any] = plain(asdict(record) | derived)
    return values


def schedule(record: ScheduleInfo) -> dict[str, Any]:
    """Return a schedule."""
    values: dict[str, Any] = plain(asdict(record))
    for name in _OF_STORES:
        del values[name]
    within = values["schedule"]
    secret = values["options"].get("secret") or ()
    within["params"] = hidden(record.job, within["params"], secret)
    values["options"] = hidden(record.job, values["options"], secret)
    if "secret" in values["options"]:  # the names themselves are none
        values["options"]["secret"] = list(secret) or None
    return values


def line(record: LogLine, hidden: Redaction) -> dict[str, Any]:
    """Return a line of a log."""
    values: dict[str, Any] = plain(asdict(record))
    values["text"] = hidden.text(record.text)
    return values


def step(record: Step, hidden: Redaction) -> dict[str, Any]:
    """Return a step of a job."""
    values: dict[str, Any] = plain(asdict(record))
    values["value"] = hidden.within(values["value"])
    return values


def signal(record: SignalInfo, hidden: Redaction) -> dict[str, Any]:
    """Return a signal to a job."""
    values: dict[str, Any] = plain(asdict(record))
    values["payload"] = hidden.within(values["payload"])
    return values
