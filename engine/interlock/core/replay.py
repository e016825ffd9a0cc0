"""Replays a job's history along the table, and compares the result with its row."""

from collections.abc import Sequence

from interlock.core.errors import IllegalTransition
from interlock.core.job import HistoryEntry, Job
from interlock.core.lifecycle import INITIAL, SUBMIT, Counter, Event, JobStatus, row_of
from interlock.core.machine import destination
from interlock.core.records import Fault


def faults(job: Job, entries: Sequence[HistoryEntry]) -> list[Fault]:
    """Return the faults of a job; an empty list if there are none."""
    chain_faults = [Fault(job_id=job.id, what=detail) for detail in _chain(entries)]
    if chain_faults:
        return chain_faults
    return [Fault(job_id=job.id, what=detail) for detail in _row(job, entries)]


def _chain(entries: Sequence[HistoryEntry]) -> list[str]:
    """Return where the history does not follow the table."""
    first = entries[0] if entries else None
    if first is None or first.event != SUBMIT or first.target is not INITIAL:
        return ["its history does not begin with its submit"]
    status: JobStatus = INITIAL
    for seq, entry in enumerate(entries[1:], start=2):
        if entry.seq != seq:
            return [f"history has seq {entry.seq} where {seq} belongs"]
        if entry.source is not status:
            return [f"history {seq} leaves {entry.source}, but the job was {status}"]
        try:
            target = destination(status, Event(entry.event))
        except (IllegalTransition, ValueError):
            return [f"history {seq}: {entry.event} is illegal from {status}"]
        if entry.target is not target:
            return [f"history {seq}: {entry.event} leads to {target}"]
        status = target
    return []


def _row(job: Job, entries: Sequence[HistoryEntry]) -> list[str]:
    """Return where the row differs from what its history gives."""
    events = [Event(entry.event) for entry in entries[1:]]
    counted = {
        counter: sum(row_of(event).counts is counter for event in events)
        for counter in Counter
    }
    cancels = {Event.CANCEL, Event.REQUEST_CANCEL} & set(events)
    expected = {
        "status": entries[-1].target,
        "cancel_requested": bool(cancels),
        **{counter.value: count for counter, count in counted.items()},
    }
    stored = {
        "status": job.status,
        "cancel_requested": job.cancel_requested_at is not None,
        **{counter.value: getattr(job, counter.value) for counter in Counter},
    }
    return [
        f"the row says {name} {stored[name]}, the history {value}"
        for name, value in expected.items()
        if stored[name] != value
    ]
