"""The frozen values that describe a job. Times are aware datetimes in UTC."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from typing import Final

from interlock.core.lifecycle import (
    GAVE_BACK,
    INITIAL,
    TERMINAL,
    Event,
    JobStatus,
    Proof,
    Reason,
    StopCause,
    row_of,
)
from interlock.core.progress import Progress
from interlock.core.retry import Retry

_RUNNING = row_of(Event.CLAIM).target
_CANCELED = row_of(Event.CANCEL).target
#: Ends of jobs that were not running.
_WHILE_WAITING = frozenset(
    {
        *(Reason.BEFORE_START, Reason.EXPIRED, Reason.DEADLINE, Reason.REPLACED),
        *(Reason.FULL, Reason.PARENT),
    }
)
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


class Phase(StrEnum):
    """What a job is doing now, finer than its status. Derived; the list may grow."""

    HELD = "held"
    SCHEDULED = "scheduled"
    BLOCKED = "blocked"
    QUEUED = "queued"
    RETRY_WAIT = "retry_wait"
    SNOOZED = "snoozed"
    WAITING = "waiting"
    EXECUTING = "executing"
    CANCEL_REQUESTED = "cancel_requested"
    STOPPING = "stopping"
    KILL_UNCONFIRMED = "kill_unconfirmed"
    DONE = "done"


#: One sentence a phase, for docs and pages.
PHASE_MEANING: Final = {
    Phase.HELD: "PENDING: somebody holds it.",
    Phase.SCHEDULED: "PENDING: its `run_at` has not come.",
    Phase.BLOCKED: "PENDING: a job that it waits for has not ended.",
    Phase.QUEUED: "PENDING: it may be claimed.",
    Phase.RETRY_WAIT: "PENDING: it failed before, and waits for its backoff.",
    Phase.SNOOZED: "PENDING: it has asked to go on later.",
    Phase.WAITING: "PENDING: it waits for a signal.",
    Phase.EXECUTING: "RUNNING: its function runs.",
    Phase.CANCEL_REQUESTED: "RUNNING: its worker will stop it.",
    Phase.STOPPING: "RUNNING: its worker is stopping it.",
    Phase.KILL_UNCONFIRMED: "RUNNING: it was killed, and its death cannot be proved.",
    Phase.DONE: "It has ended.",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Failure:
    """Why an attempt did not succeed."""

    reason: Reason
    message: str
    type: str | None = None  # dotted name of the exception class
    traceback: str | None = None
    exit_code: int | None = None
    signal: int | None = None
    transient: bool = False  # worth another try, by the job's `Retry`
    delay_s: float | None = None  # until the next try, if the job has said so
    waits_for: str | None = None  # what it gave itself back for


@dataclass(frozen=True, slots=True, kw_only=True)
class Death:
    """How the processes of an attempt were made to end, up to the proof."""

    proof: Proof
    signals: tuple[str, ...] = ()  # that were sent: SIGTERM, SIGKILL
    killed: int = 0  # processes that SIGKILL had to end; zombies are none
    ms: float | None = None  # from the decision to stop it to the proof; None: it ended


@dataclass(frozen=True, slots=True, kw_only=True)
class NewJob:
    """A job as it is submitted. Only `run_at` changes later."""

    id: str
    name: str
    params: Mapping[str, object]
    queue: str = "default"
    priority: int = 0
    timeout_s: float | None = None
    grace_s: float = 2.0
    created_at: datetime
    run_at: datetime  # moves with each retry
    expires_at: datetime | None = None
    deadline_at: datetime | None = None  # of all attempts together
    stalled_after_s: float | None = None  # without progress
    retry: Retry = field(default_factory=Retry)
    max_losses: int = 5
    unique_key: str | None = None
    idempotency_key: str | None = None
    submitted_by: str | None = None
    metadata: Mapping[str, object] = field(default_factory=dict[str, object])
    rerun_of: str | None = None
    parent_id: str | None = None  # the job that submitted it
    keys: Mapping[str, object] | None = None  # of limits: `limits.keys`
    when_full: str | None = None  # None: it waits; cancel_new, replace, raise
    fair_key: str | None = None  # jobs of one priority start by turns of these
    aging_s: float | None = (
        None  # the priority grows by one each time it waited so long
    )
    schedule: str | None = None  # the name of the schedule that submitted it
    scheduled_for: datetime | None = None  # the tick; None: it was wanted at once
    group_id: str | None = None
    group_index: int | None = None  # its place in the group, from 0
    dependencies: int = 0  # how many jobs it depends on
    on_parent_failure: str | None = None  # cancel or run; None: it depends on none
    on_parent_cancel: str | None = None  # cancel or keep; None: no job submitted it
    finalizer: Mapping[str, object] | None = None  # of its attempts: `jobs.finalizer`
    finalizes: int | None = None  # the attempt of its parent after which it cleans up
    secret: tuple[str, ...] | None = None  # names of parameters that nobody is shown


@dataclass(frozen=True, slots=True, kw_only=True)
class Job(NewJob):
    """A job as it was read from the store, at `read_at`."""

    status: JobStatus = INITIAL
    reason: Reason | None = None
    attempt: int = 0  # 0 until the first claim; the fence
    failures: int = 0
    losses: int = 0
    started_at: datetime | None = None  # of the last attempt
    finished_at: datetime | None = None
    worker_id: str | None = None
    lease_until_us: int | None = None  # microseconds of the store's lease clock
    cancel_requested_at: datetime | None = None
    cancel_requested_by: str | None = None
    cancel_reason: str | None = None
    waits_for: str | None = None  # "signal:NAME"; the job has given itself back
    blocked_by: str | None = None  # one of the jobs that it waits for
    hold_by: str | None = None  # who holds it; None: nobody
    hold_reason: str | None = None
    hold_until: datetime | None = None  # it is released then; None: by somebody
    stop_cause: StopCause | None = None
    proof: Proof | None = None
    death: Death | None = None  # of the last attempt that had to be made to end
    kill_unconfirmed: bool = False
    result: object = None
    error: Failure | None = None  # of the last attempt that failed
    progress: Progress | None = None
    version: int = 0  # +1 with each write
    read_at: datetime = field(default=_EPOCH, compare=False)

    @property
    def is_terminal(self) -> bool:
        """Whether the job will never change again."""
        return self.status in TERMINAL

    @property
    def start_by(self) -> datetime | None:
        """When it expires, if it has not started by then; None once it has."""
        return self.expires_at if self.attempt == 0 else None

    @property
    def phase(self) -> Phase:
        """What the job did at `read_at`."""
        if self.is_terminal:
            return Phase.DONE
        return self._running_phase() if self.status is _RUNNING else self._waiting()

    def _waiting(self) -> Phase:
        if self.hold_by is not None:
            return Phase.HELD
        if self.blocked_by is not None:
            return Phase.BLOCKED
        if self.run_at <= self.read_at:
            return Phase.QUEUED
        if self.waits_for is not None:
            return Phase.WAITING
        if self.reason in GAVE_BACK:
            return Phase.SNOOZED
        return Phase.RETRY_WAIT if self.failures else Phase.SCHEDULED

    def _running_phase(self) -> Phase:
        if self.kill_unconfirmed:
            return Phase.KILL_UNCONFIRMED
        if self.stop_cause is not None:
            return Phase.STOPPING
        if self.cancel_requested_at is not None:
            return Phase.CANCEL_REQUESTED
        return Phase.EXECUTING

    @property
    def cancel_outcome(self) -> str | None:
        """What became of a requested cancel: None, pending, canceled or too_late."""
        if self.cancel_requested_at is None:
            return None
        if not self.is_terminal:
            return "pending"
        return "canceled" if self.status is _CANCELED else "too_late"

    @property
    def duration(self) -> timedelta | None:
        """How long the last attempt took, or has taken at `read_at`.

        None while the job waits, and if it ended while it waited. `Engine.attempts`
        returns every attempt.
        """
        was_waiting = self.status is _CANCELED and self.reason in _WHILE_WAITING
        waits = self.status is INITIAL or was_waiting
        if self.started_at is None or waits:
            return None
        return (self.finished_at or self.read_at) - self.started_at


@dataclass(frozen=True, slots=True, kw_only=True)
class Exit:
    """How the main process of an attempt ended. One of the two is set."""

    code: int | None = None
    signal: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Attempt:
    """One attempt of a job, and how it ended."""

    job_id: str
    attempt: int
    worker_id: str
    claimed_at: datetime
    pid: int | None = None  # of the job's main process, in the worker's PID namespace
    containment: str | None = None
    started_at: datetime | None = None
    ended_at: datetime | None = None
    outcome: Event | None = None
    exit: Exit | None = None
    proof: Proof | None = None
    death: Death | None = None  # None: it ended by itself, and left nothing behind
    error: Failure | None = None
    peak_memory_bytes: int | None = None  # of its largest process; None: not measured
    cpu_seconds: float | None = None  # of all its processes


@dataclass(frozen=True, slots=True, kw_only=True)
class Move:
    """A request to apply `event` to one job.

    `attempt` is the attempt that the caller owns (workers) or has read (the reaper);
    clients leave it None. Which other fields are set depends on the event.
    """

    job_id: str
    event: Event
    now: datetime
    actor: str
    attempt: int | None = None
    version: int | None = None  # refuse if the job has another version
    reason: Reason | None = None
    text: str | None = None  # the reason that the caller of a cancel gave
    stop_cause: StopCause | None = None
    proof: Proof | None = None
    death: Death | None = None
    result: object = None
    error: Failure | None = None  # the attempt ended by itself, without success
    gave_back: bool = False  # the attempt asked to go on at `run_at`, and ended
    run_at: datetime | None = None
    until: datetime | None = None  # the end of a hold
    waits_for: str | None = None  # of a snooze, or of what wakes a job
    exit: Exit | None = None
    domain_empty: bool = False  # the kill domain was proved empty on this host


@dataclass(frozen=True, slots=True, kw_only=True)
class HistoryEntry:
    """One logged event of a job, in the order of `seq` (from 1 without gaps)."""

    job_id: str
    seq: int
    event: str
    source: JobStatus | None
    target: JobStatus
    at: datetime
    actor: str
    reason: str | None
    attempt: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Rejection:
    """An event that was refused, and why."""

    job_id: str
    event: Event
    status: JobStatus
    at: datetime
    actor: str
    attempt: int | None
    why: str
