"""Applies moves to jobs, compares and converts them. Pure."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import replace

from interlock.core.job import Failure, Job, Move, NewJob
from interlock.core.lifecycle import CANCELS, INITIAL, TERMINAL, Event, row_of
from interlock.core.machine import destination
from interlock.core.records import ASCII_SMALL, EQUAL, Running, Search

_SUCCEEDED = row_of(Event.SUCCEED).target


def moved(job: Job, move: Move) -> Job:
    """Return the job after a move whose guards hold."""
    row = row_of(move.event)
    after = replace(
        job,
        status=destination(job.status, move.event),
        version=job.version + 1,
        read_at=move.now,
    )
    if row.counts:
        field = row.counts.value
        after = replace(after, **{field: getattr(after, field) + 1})
    if move.event in CANCELS:
        after = replace(
            after,
            cancel_requested_at=move.now,
            cancel_requested_by=move.actor,
            cancel_reason=move.text,
        )
    if move.event in (Event.HOLD, Event.RELEASE_HOLD):
        is_held = move.event is Event.HOLD
        after = replace(
            after,
            hold_by=move.actor if is_held else None,
            hold_reason=move.text if is_held else None,
            hold_until=move.until,
        )
    if move.event is Event.WAKE:
        after = replace(after, waits_for=None, run_at=move.now)
    if move.event is Event.STOP:
        after = replace(after, stop_cause=move.stop_cause)
    if after.status is job.status:
        return after
    after = replace(after, reason=move.reason, lease_until_us=None)
    if after.status in TERMINAL:
        after = replace(after, finished_at=move.now, blocked_by=None, waits_for=None)
    if job.status is not INITIAL:
        after = _after_running(after, move)
    return after


def _after_running(job: Job, move: Move) -> Job:
    """Return the job after it left RUNNING."""
    job = replace(job, error=move.error, death=move.death, kill_unconfirmed=False)
    if job.status is INITIAL:
        return replace(
            job,
            stop_cause=None,
            proof=None,
            worker_id=None,
            progress=None,
            run_at=move.run_at or move.now,
            waits_for=move.waits_for,
        )
    result = move.result if job.status is _SUCCEEDED else None
    return replace(job, proof=move.proof, result=result)


def matches(job: Job, search: Search) -> bool:
    """Whether a job, as it is now, is in a search's result after `before`."""
    after, before = search.created_after, search.created_before
    return (
        all(getattr(search, name) in (None, getattr(job, name)) for name in EQUAL)
        and (not search.statuses or job.status in search.statuses)
        and (after is None or job.created_at > after)
        and (before is None or job.created_at < before)
        and (search.before is None or job.id < search.before)
        and contains(job.params, search.params)
        and contains(job.metadata, search.metadata)
        and (not search.phases or job.phase in search.phases)
        and (not search.reruns_of or job.rerun_of in search.reruns_of)
        and _has_part(job.name, search.name_part)
        and _fails_with(job.error, search.error_part)
    )


def _has_part(text: str | None, part: str | None) -> bool:
    return part is None or (text is not None and _folded(part) in _folded(text))


def _folded(text: str) -> str:
    """Return text with its letters from A to Z small, as SQLite does."""
    return text.translate(ASCII_SMALL)


def _fails_with(error: Failure | None, part: str | None) -> bool:
    if part is None:
        return True
    return error is not None and (
        _has_part(error.message, part) or _has_part(error.type, part)
    )


def contains(stored: object, pattern: object) -> bool:
    """Whether a JSON value contains another, as `Search.params` defines it."""
    if isinstance(pattern, Mapping):
        return isinstance(stored, Mapping) and all(
            key in stored and contains(stored[key], value)
            for key, value in pattern.items()
        )
    if isinstance(pattern, Sequence) and not isinstance(pattern, str):
        return isinstance(stored, Sequence) and all(
            any(contains(element, value) for element in stored) for value in pattern
        )
    if isinstance(pattern, bool) or isinstance(stored, bool):
        return stored is pattern  # true is not 1
    return stored == pattern


def same_call(job: Job, new: NewJob) -> bool:
    """Whether a stored job is the same call as a new one: name and params."""
    stored_params, new_params = (
        json.dumps(call.params, sort_keys=True) for call in (job, new)
    )
    return job.name == new.name and stored_params == new_params


def as_running(job: Job) -> Running:
    """Return a worker's view of its job."""
    return Running(
        job_id=job.id,
        attempt=job.attempt,
        cancel_requested=job.cancel_requested_at is not None,
    )
