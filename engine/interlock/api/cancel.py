"""Cancels a job, even if its status changes in the meantime."""

from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass

from interlock.core.errors import IllegalTransition, JobNotFound
from interlock.core.guards import version_changed
from interlock.core.job import Job, Move
from interlock.core.lifecycle import Event, Reason, row_of
from interlock.core.machine import legal
from interlock.ports.clock import Clock
from interlock.ports.store import JobStore

_CANCELED = row_of(Event.CANCEL).target


@dataclass(frozen=True, slots=True, kw_only=True)
class CancelRequest:
    """A request to cancel a job: which, by whom, why, and in which version."""

    job_id: str
    by: str
    reason: str | None
    version: int | None


def cancel(store: JobStore, request: CancelRequest, clock: Clock) -> Job:
    """Try both events in turn until one is written, or the job is terminal.

    Raises:
        JobNotFound: no job has this id.
        IllegalTransition: it has ended with another status.
        VersionChanged: it has another version.
    """
    while True:
        job = store.get(request.job_id)
        refuse_changed(job, request.version, Event.CANCEL)
        if _is_done(job):
            return job
        try:
            return store.apply(_move(job, request, clock))
        except IllegalTransition:
            if job.is_terminal:
                raise  # else it moved on between the two calls: look again


def cancel_some(
    store: JobStore,
    jobs: Sequence[Job],
    clock: Clock,
    *,
    by: str,
    reason: str | None,
) -> int:
    """Cancel jobs that were just read, by one commit; return with how many it was done.

    Those that moved on meanwhile are looked at again, one by one.
    """
    requests = [
        CancelRequest(job_id=job.id, by=by, reason=reason, version=None) for job in jobs
    ]
    wanted = [
        (job, request)
        for job, request in zip(jobs, requests, strict=True)
        if not _is_done(job)
    ]
    moves = [_move(job, request, clock) for job, request in wanted]
    outcomes = store.commit(moves) if moves else []
    done = len(jobs) - len(wanted)
    for (_, request), outcome in zip(wanted, outcomes, strict=True):
        if isinstance(outcome, Job):
            done += 1
            continue
        with suppress(IllegalTransition, JobNotFound):
            cancel(store, request, clock)
            done += 1
    return done


def _is_done(job: Job) -> bool:
    """Whether the job is canceled already, or a cancel is requested already."""
    is_requested = job.cancel_requested_at is not None
    return is_requested and (job.status is _CANCELED or not job.is_terminal)


def _move(job: Job, request: CancelRequest, clock: Clock) -> Move:
    running = Event.REQUEST_CANCEL in legal(job.status)
    return Move(
        job_id=job.id,
        event=Event.REQUEST_CANCEL if running else Event.CANCEL,
        now=clock.now(),
        actor=request.by,
        version=request.version,
        reason=None if running else Reason.BEFORE_START,
        text=request.reason,
    )


def refuse_changed(job: Job, version: int | None, event: Event) -> None:
    """Refuse a job that has another version than the caller saw, if one is given.

    Raises:
        VersionChanged: it has another version.
    """
    changed = version_changed(job, version, event)
    if changed is not None:
        raise changed
