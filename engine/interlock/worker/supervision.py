"""Decides what to do next with one attempt. Pure: no clock, store or process.

The worker calls `decide` after each observation. The order of the rules is the
protocol: an exit that was read disarms the timeout, a stop is committed to the store
before the first signal, and the end is written after the proof of death.
"""

from dataclasses import dataclass

from interlock.core.job import Death, Exit, Failure, Job
from interlock.core.lifecycle import GAVE_BACK, Event, Proof, Reason, StopCause


@dataclass(slots=True, kw_only=True)
class Supervised:
    """What the worker knows of an attempt that it started."""

    job: Job  # as last read or written: stop_cause, failures, cancel_requested_at
    deadline: float | None  # boot seconds at which it has run too long
    last_moment: float | None = None  # boot seconds of the job's `deadline_at`
    heard_at: float = 0.0  # boot seconds of its start, or its last progress
    exit: Exit | None = None
    result: object = None
    failure: Failure | None = None
    proof: Proof | None = None  # the tree is dead
    death: Death | None = None  # how it was made to end
    asked_at: float | None = None  # boot seconds of the decision to stop it
    where: str | None = None  # the function that it was in when it was stopped
    signaled: bool = False
    cancel_requested: bool = False
    shut_down: bool = False  # the worker's patience at shutdown is over
    overrun: Reason | None = None  # why a stop by TIMEOUT was asked for
    is_too_late: bool = False  # the store refused a retry after `deadline_at`

    @property
    def is_armed(self) -> bool:
        """Whether a limit can still stop it: nothing else has ended it before."""
        return self.exit is None and self.proof is None and self.job.stop_cause is None

    def limits(self) -> list[tuple[float, Reason]]:
        """Return at which boot seconds it is stopped, and why."""
        stalled_after = self.job.stalled_after_s
        stalled = None if stalled_after is None else self.heard_at + stalled_after
        moments = (
            (self.deadline, Reason.TOO_LONG),
            (self.last_moment, Reason.DEADLINE),
            (stalled, Reason.STALLED),
        )
        return [(moment, why) for moment, why in moments if moment is not None]


@dataclass(frozen=True, slots=True)
class Wait:
    """Nothing to do until something happens."""


@dataclass(frozen=True, slots=True)
class Ask:
    """Commit a stop to the store: after it, success is impossible."""

    cause: StopCause
    why: Reason | None = None  # of a TIMEOUT


@dataclass(frozen=True, slots=True)
class Signal:
    """The stop is committed: send SIGTERM, and kill the job after its grace."""

    cause: StopCause


@dataclass(frozen=True, slots=True)
class Finish:
    """The tree is dead: write this event."""

    event: Event
    reason: Reason


@dataclass(frozen=True, slots=True)
class Lose:
    """The attempt is dead because its lease expired or its supervisor was killed."""


Decision = Wait | Ask | Signal | Finish | Lose


def decide(state: Supervised, *, now: float) -> Decision:  # noqa: PLR0911  (the rules)
    """Return what to do next; `now` in boot seconds."""
    if state.proof is not None:
        return _outcome(state)
    if state.exit is not None:
        return Wait()  # its leftovers are being swept
    if state.job.stop_cause is not None:
        return Wait() if state.signaled else Signal(state.job.stop_cause)
    if state.cancel_requested:
        return Ask(StopCause.CANCEL)
    passed = [limit for limit in state.limits() if now >= limit[0]]
    if passed or state.overrun is not None:
        return Ask(StopCause.TIMEOUT, state.overrun or min(passed)[1])
    if state.shut_down:
        return Ask(StopCause.SHUTDOWN)
    return Wait()


def _outcome(state: Supervised) -> Decision:
    """Return the end of an attempt whose tree is dead."""
    match state.job.stop_cause:
        case None:
            return _natural(state)
        case StopCause.CANCEL:
            return Finish(Event.FINISH_CANCEL, Reason.WHILE_RUNNING)
        case StopCause.SHUTDOWN if state.cancel_requested:
            return Finish(Event.FINISH_CANCEL, Reason.WHILE_RUNNING)
        case StopCause.SHUTDOWN:
            return Finish(Event.RELEASE, Reason.SHUTDOWN)
        case StopCause.TIMEOUT:
            why = state.overrun or Reason.TOO_LONG
            is_retried = state.job.retry.on_timeout and why is not Reason.DEADLINE
            if is_retried and has_budget(state) and not state.cancel_requested:
                return Finish(Event.RETRY, why)
            return Finish(Event.TIME_OUT, why)


def _natural(state: Supervised) -> Decision:
    """Return the end of an attempt that was not stopped."""
    if state.exit is None:
        return Lose()
    if state.failure is None:
        return Finish(Event.SUCCEED, Reason.RETURNED)
    if state.cancel_requested:
        return Finish(Event.FINISH_CANCEL, Reason.WHILE_RUNNING)
    if state.failure.reason in GAVE_BACK:
        return Finish(Event.SNOOZE, state.failure.reason)
    if state.failure.transient and has_budget(state):
        return Finish(Event.RETRY, state.failure.reason)
    return Finish(Event.FAIL, state.failure.reason)


def has_budget(state: Supervised) -> bool:
    """Whether one more attempt is left, and may start before the deadline."""
    has_attempts = state.job.failures + 1 < state.job.retry.max_attempts
    return has_attempts and not state.is_too_late
