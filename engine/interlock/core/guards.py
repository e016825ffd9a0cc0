"""The guards of the table in Python: for stores without SQL, and to explain refusals.

The SQL store has the same guards as SQL. The store contract tests that they agree.
"""

from dataclasses import dataclass, replace
from datetime import datetime
from typing import Final, assert_never

from interlock.core.errors import (
    IllegalTransition,
    InterlockError,
    LeaseLost,
    VersionChanged,
)
from interlock.core.job import Job, Move
from interlock.core.lifecycle import INITIAL, Event, Guard, StopCause, row_of
from interlock.core.machine import legal

#: What a job may say of a full limit, so that it is dropped instead of waiting.
MAY_DROP: Final = ("cancel_new", "replace")
#: What becomes of a job if one that it depends on has not succeeded.
CANCEL, RUN = "cancel", "run"
#: What becomes of a job if the one that submitted it is canceled: that, or nothing.
KEEP: Final = "keep"
#: Events that have a store method of their own, instead of a `Move`.
NOT_MOVES: Final = frozenset({Event.CLAIM, Event.RENEW})


@dataclass(frozen=True, slots=True, kw_only=True)
class Facts:
    """What guards read in addition to the job's own row."""

    now: datetime
    lease_live: bool = False
    attempt: int | None = None
    proved: bool = False
    failed: bool = False  # the attempt ended by itself, without success
    gave_back: bool = False  # it asked to go on later, and ended
    run_at: datetime | None = None  # of the next attempt
    domain_empty: bool = False
    queue_open: bool = True
    group_free: bool = True
    slot_free: bool = True
    rate_free: bool = True
    waits_for: str | None = None  # what has come
    parents_done: bool = True
    children_ended: bool = True
    parent_failed: bool = True


def facts_of(move: Move, *, lease_live: bool) -> Facts:
    """Return the facts of a move."""
    return Facts(
        now=move.now,
        lease_live=lease_live,
        attempt=move.attempt,
        proved=move.proof is not None,
        failed=move.error is not None,
        gave_back=move.gave_back,
        run_at=move.run_at,
        waits_for=move.waits_for,
        domain_empty=move.domain_empty,
    )


def holds(guard: Guard, job: Job, facts: Facts) -> bool:  # noqa: C901, PLR0911, PLR0912  (one arm a guard)
    """Whether `guard` is met."""
    match guard:
        case Guard.DUE:
            return job.run_at <= facts.now
        case Guard.FRESH:
            return job.start_by is None or job.start_by >= facts.now
        case Guard.OVERDUE:
            return job.start_by is not None and job.start_by < facts.now
        case Guard.BEFORE_DEADLINE:
            return job.deadline_at is None or job.deadline_at >= facts.now
        case Guard.DEADLINE_MISSED:
            return job.deadline_at is not None and job.deadline_at < facts.now
        case Guard.RETRY_IN_TIME:
            run_at = facts.run_at or facts.now
            return job.deadline_at is None or job.deadline_at >= run_at
        case Guard.QUEUE_OPEN:
            return facts.queue_open
        case Guard.NOT_ON_HOLD:
            return job.hold_by is None
        case Guard.WAITS_FOR_IT:
            return job.waits_for is not None and job.waits_for == facts.waits_for
        case Guard.ON_HOLD:
            return job.hold_by is not None
        case Guard.GROUP_FREE:
            return facts.group_free
        case Guard.SLOT_FREE:
            return facts.slot_free
        case Guard.RATE_FREE:
            return facts.rate_free
        case Guard.PARENTS_DONE:
            return facts.parents_done
        case Guard.CHILDREN_ENDED:
            return facts.children_ended
        case Guard.PARENT_FAILED:
            is_first = job.attempt == 0 and job.on_parent_failure == CANCEL
            return is_first and facts.parent_failed
        case Guard.MAY_DROP:
            return job.when_full in MAY_DROP
        case Guard.HELD:
            return facts.attempt == job.attempt
        case Guard.LEASED:
            return facts.lease_live
        case Guard.NOT_STOPPED:
            return job.stop_cause is None
        case Guard.STOPPED_BY_TIMEOUT:
            return job.stop_cause is StopCause.TIMEOUT
        case Guard.STOPPED_BY_SHUTDOWN:
            return job.stop_cause is StopCause.SHUTDOWN
        case Guard.STOPPED_OR_FAILED:
            return job.stop_cause in (StopCause.CANCEL, StopCause.SHUTDOWN) or (
                job.stop_cause is None and facts.failed
            )
        case Guard.GAVE_BACK:
            return facts.gave_back
        case Guard.MAY_RETRY:
            return job.stop_cause is None or (
                job.stop_cause is StopCause.TIMEOUT and job.retry.on_timeout
            )
        case Guard.NOT_BY_TIMEOUT:
            return job.stop_cause is not StopCause.TIMEOUT
        case Guard.CANCEL_REQUESTED:
            return job.cancel_requested_at is not None
        case Guard.NO_CANCEL:
            return job.cancel_requested_at is None
        case Guard.PROVED:
            return facts.proved
        case Guard.LOST:
            is_lost = facts.domain_empty or not facts.lease_live
            return is_lost and not job.kill_unconfirmed
        case Guard.FAILURES_LEFT:
            return job.failures + 1 < job.retry.max_attempts
        case Guard.LOSSES_LEFT:
            return job.losses + 1 < job.max_losses
        case Guard.LOSSES_SPENT:
            return job.losses + 1 >= job.max_losses
        case _:
            assert_never(guard)


def unmet(event: Event, job: Job, facts: Facts) -> Guard | None:
    """Return the first guard of `event` that is not met, in the table's order."""
    guards = row_of(event).guards
    return next((guard for guard in guards if not holds(guard, job, facts)), None)


def refusal(move: Move, job: Job, *, lease_live: bool) -> InterlockError:
    """Return the error that says why `move` was refused."""
    if move.attempt is not None and move.attempt != job.attempt:
        return LeaseLost(job.id, move.attempt, job.attempt)
    changed = version_changed(job, move.version, move.event)
    if changed is not None:
        return changed
    allowed = legal(job.status)
    if move.event not in allowed:
        return IllegalTransition(job.status, move.event, allowed, job_id=job.id)
    if move.event in NOT_MOVES:
        why = "the store's own method for this event, which also sets the lease"
        return IllegalTransition(
            job.status, move.event, allowed, job_id=job.id, unmet=why
        )
    facts = facts_of(move, lease_live=lease_live)
    guard = unmet(move.event, job, replace(facts, parent_failed=False))
    if guard in (Guard.HELD, Guard.LEASED):
        return LeaseLost(job.id, move.attempt or 0, job.attempt)
    why = guard or "no change at the same moment; read the job and try again"
    return IllegalTransition(
        job.status, move.event, allowed, job_id=job.id, unmet=str(why)
    )


def version_changed(
    job: Job, version: int | None, event: Event
) -> VersionChanged | None:
    """Return an error if the job has another version than the caller saw."""
    if version is None or job.version == version:
        return None
    return VersionChanged(
        job.status,
        event,
        legal(job.status),
        job_id=job.id,
        versions=(job.version, version),
    )


def awaited(job: Job) -> IllegalTransition:
    """Return the error for deleting a job that others depend on."""
    event = Event.CANCEL
    why = "that no unfinished job depends on it; wait for these, or cancel them first"
    return IllegalTransition(
        job.status, event, legal(job.status), job_id=job.id, unmet=why
    )


def undeletable(job: Job) -> IllegalTransition:
    """Return the error for deleting a job that is not terminal."""
    event = Event.CANCEL if job.status is INITIAL else Event.REQUEST_CANCEL
    why = "a terminal status; cancel it first"
    return IllegalTransition(
        job.status, event, legal(job.status), job_id=job.id, unmet=why
    )
