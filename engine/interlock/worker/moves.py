"""Builds the move that a decision about an attempt needs. Pure."""

from datetime import datetime, timedelta
from random import Random
from typing import Final

from interlock.core.job import Failure, Move
from interlock.core.lifecycle import Event, Reason, StopCause
from interlock.core.retry import type_name
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


def next_move(
    state: Supervised, *, now: datetime, boot: float, actor: str, rng: Random
) -> Move | None:
    """Return the move that an attempt needs now, None if it needs none."""
    match decide(state, now=boot):
        case Wait() | Signal():
            return None
        case Ask(cause=cause):
            return Move(
                job_id=state.job.id,
                event=Event.STOP,
                now=now,
                actor=actor,
                attempt=state.job.attempt,
                stop_cause=cause,
                text=cause.value,
            )
        case Lose():
            return loss(state.job, now=now, actor=actor, domain_empty=True)
        case Finish(event=event, reason=reason):
            delay_s = 0.0
            if event is Event.RETRY:
                asked = None if state.failure is None else state.failure.delay_s
                policy = state.job.retry
                delay_s = (
                    policy.delay_s(state.job.failures + 1, rng)
                    if asked is None
                    else asked
                )
            run_at = now + timedelta(seconds=delay_s)
            return _end(state, event, reason, now=now, actor=actor, run_at=run_at)


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
        result=state.result if event is Event.SUCCEED else None,
        error=_error(state, event),
        exit=state.exit,
        run_at=run_at,
    )


def _error(state: Supervised, event: Event) -> Failure | None:
    """Return the error of an attempt; none if it ended because it was stopped."""
    failure = state.failure
    if state.job.stop_cause is StopCause.TIMEOUT:
        return _outrun(state)
    is_interrupted = failure is not None and failure.type == _INTERRUPTED
    return None if event is Event.SUCCEED or is_interrupted else failure


def _outrun(state: Supervised) -> Failure:
    """Return the failure of an attempt that ran too long, and where it was."""
    message = f"it ran longer than its timeout of {state.job.timeout_s:g} s"
    if state.where is not None:
        message += f"; it was in {state.where}"
    trace = None if state.failure is None else state.failure.traceback
    return Failure(reason=Reason.TOO_LONG, message=message, traceback=trace)
