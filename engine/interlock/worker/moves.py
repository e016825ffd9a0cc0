"""Builds the move that a decision about an attempt needs. Pure."""

from dataclasses import replace
from datetime import datetime, timedelta
from random import Random
from typing import Final

from interlock.core.job import Failure, Job, Move
from interlock.core.lifecycle import Event, Reason, StopCause
from interlock.core.retry import MAX_SECONDS, type_name
from interlock.jobs.context import Interrupted
from interlock.worker.reaper import loss
from interlock.worker.supervision import (
    Ask,
    Finish,
    Lose,
    Signal,
    Supervised,
    Wait,
    decide,
)

_INTERRUPTED: Final = type_name(Interrupted)
_NO_TIME: Final = " (no retry: it would start after the job's deadline)"


def next_move(
    state: Supervised, *, now: datetime, boot: float, actor: str, rng: Random
) -> Move | None:
    """Return the move that an attempt needs now, None if it needs none."""
    match decide(state, now=boot):
        case Wait() | Signal():
            return None
        case Ask(cause=cause, why=why):
            return Move(
                job_id=state.job.id,
                event=Event.STOP,
                now=now,
                actor=actor,
                attempt=state.job.attempt,
                reason=why,
                stop_cause=cause,
                text=cause.value,
            )
        case Lose():
            return loss(state.job, now=now, actor=actor, domain_empty=True)
        case Finish(event=event, reason=reason):
            run_at = now + timedelta(seconds=_delay_s(state, event, rng))
            if event is Event.RETRY and _is_too_late(state.job, run_at):
                late = replace(state, is_too_late=True)
                return next_move(late, now=now, boot=boot, actor=actor, rng=rng)
            return _end(state, event, reason, now=now, actor=actor, run_at=run_at)


def _delay_s(state: Supervised, event: Event, rng: Random) -> float:
    """Return the seconds until the next attempt."""
    if event not in (Event.RETRY, Event.SNOOZE):
        return 0.0
    asked = None if state.failure is None else state.failure.delay_s
    if event is Event.RETRY and asked is None:
        return state.job.retry.delay_s(state.job.failures + 1, rng)
    waits_for = None if state.failure is None else state.failure.waits_for
    if asked is None and waits_for is not None:
        return MAX_SECONDS  # until it comes, ten years at most
    return asked or 0.0


def _is_too_late(job: Job, run_at: datetime) -> bool:
    return job.deadline_at is not None and run_at > job.deadline_at


def _end(
    state: Supervised,
    event: Event,
    reason: Reason,
    *,
    now: datetime,
    actor: str,
    run_at: datetime,
) -> Move:
    return Move(
        job_id=state.job.id,
        event=event,
        now=now,
        actor=actor,
        attempt=state.job.attempt,
        reason=reason,
        proof=state.proof,
        death=state.death,
        result=state.result if event is Event.SUCCEED else None,
        error=_error(state, event),
        gave_back=event is Event.SNOOZE,
        waits_for=state.failure.waits_for
        if event is Event.SNOOZE and state.failure is not None
        else None,
        exit=state.exit,
        run_at=run_at,
    )


def _error(state: Supervised, event: Event) -> Failure | None:
    """Return the error of an attempt; none if it ended because it was stopped."""
    failure = state.failure
    if state.job.stop_cause is StopCause.TIMEOUT:
        return _outrun(state)
    is_interrupted = failure is not None and failure.type == _INTERRUPTED
    if failure is None or is_interrupted or event in (Event.SUCCEED, Event.SNOOZE):
        return None
    if state.is_too_late and event is Event.FAIL:
        return replace(failure, message=failure.message + _NO_TIME)
    return failure


def _outrun(state: Supervised) -> Failure:
    """Return the failure of an attempt that a limit stopped, and where it was."""
    job, why = state.job, state.overrun or Reason.TOO_LONG
    match why:
        case Reason.DEADLINE:
            message = (
                f"it was still running at its deadline, {job.deadline_at:%F %T} UTC"
            )
        case Reason.STALLED:
            message = f"it reported no progress for {job.stalled_after_s:g} s"
        case _:
            message = f"it ran longer than its timeout of {job.timeout_s:g} s"
    if state.where is not None:
        message += f"; it was in {state.where}"
    trace = None if state.failure is None else state.failure.traceback
    if state.is_too_late:
        message += _NO_TIME
    return Failure(reason=why, message=message, traceback=trace)
