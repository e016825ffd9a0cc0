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
    seen: Supervised, *, now: datetime, boot: float, actor: str, rng: Random
) -> Move | None:
    """Return the move that an attempt needs now, None if it needs none."""
    match decide(seen, now=boot):
        case Wait() | Signal():
            return None
        case Ask(cause=cause):
            return Move(
                job_id=seen.job.id,
                event=Event.STOP,
                now=now,
                actor=actor,
                attempt=seen.job.attempt,
                stop_cause=cause,
                text=cause.value,
            )
        case Lose():
            return loss(seen.job, now=now, actor=actor, domain_empty=True)
        case Finish(event=event, reason=reason):
            delay_s = 0.0
            if event is Event.RETRY:
                delay_s = seen.job.retry.delay_s(seen.job.failures + 1, rng)
            run_at = now + timedelta(seconds=delay_s)
            return _end(seen, event, reason, now=now, actor=actor, run_at=run_at)


def _end(
    seen: Supervised,
    event: Event,
    reason: Reason,
    *,
    now: datetime,
    actor: str,
    run_at: datetime,
) -> Move:
    return Move(
        job_id=seen.job.id,
        event=event,
        now=now,
        actor=actor,
        attempt=seen.job.attempt,
        reason=reason,
        proof=seen.proof,
        result=seen.result if event is Event.SUCCEED else None,
        error=_error(seen, event),
        exit=seen.exit,
        run_at=run_at,
    )


def _error(seen: Supervised, event: Event) -> Failure | None:
    """Return the error of an attempt; none if it ended because it was stopped."""
    failure = seen.failure
    if seen.job.stop_cause is StopCause.TIMEOUT:
        return _outrun(seen)
    was_told = failure is not None and failure.type == _INTERRUPTED
    return None if event is Event.SUCCEED or was_told else failure


def _outrun(seen: Supervised) -> Failure:
    """Return the failure of an attempt that ran too long, and where it was."""
    words = f"it ran longer than its timeout of {seen.job.timeout_s:g} s"
    if seen.where is not None:
        words += f"; it was in {seen.where}"
    trace = None if seen.failure is None else seen.failure.traceback
    return Failure(reason=Reason.TOO_LONG, message=words, traceback=trace)
