"""The lifecycle table: statuses, events, guards and every legal transition.

`TABLE` is the only place that declares a transition. The machine (`machine.py`), the
SQL guards and triggers, the pictures in `diagrams/`, the tables in the docs and the
model in `tests/model/` are derived from it. None of them repeats the name of a status
or event.
"""

from dataclasses import dataclass
from enum import StrEnum
from typing import Final


class JobStatus(StrEnum):
    """The statuses of a job. Names and values are equal; the values are stored."""

    PENDING = "PENDING"
    RUNNING = "RUNNING"
    SUCCEEDED = "SUCCEEDED"
    FAILED = "FAILED"
    TIMEOUT = "TIMEOUT"
    CANCELED = "CANCELED"

    @property
    def is_terminal(self) -> bool:
        """Whether a job with this status can never change again."""
        return self in TERMINAL


class Event(StrEnum):
    """The events that change a job, as imperative verbs."""

    CLAIM = "claim"
    CANCEL = "cancel"
    EXPIRE = "expire"
    MISS_DEADLINE = "miss_deadline"
    DROP = "drop"
    ABANDON = "abandon"
    HOLD = "hold"
    RELEASE_HOLD = "release_hold"
    WAKE = "wake"
    SUCCEED = "succeed"
    FAIL = "fail"
    RETRY = "retry"
    SNOOZE = "snooze"
    TIME_OUT = "time_out"
    FINISH_CANCEL = "finish_cancel"
    RELEASE = "release"
    RESCUE = "rescue"
    GIVE_UP = "give_up"
    TIME_OUT_LOST = "time_out_lost"
    CANCEL_LOST = "cancel_lost"
    REQUEST_CANCEL = "request_cancel"
    STOP = "stop"
    RENEW = "renew"


class Who(StrEnum):
    """Who may send an event."""

    CLIENT = "client"  # an application, a person: holds no attempt
    WORKER = "worker"  # holds the attempt that it names
    REAPER = "reaper"  # cleans up after workers that are gone


class StopCause(StrEnum):
    """Why a worker stops a running job; set once per attempt, before any signal."""

    CANCEL = "CANCEL"
    TIMEOUT = "TIMEOUT"
    SHUTDOWN = "SHUTDOWN"


class Proof(StrEnum):
    """How the worker knows that no process of an attempt is alive."""

    CGROUP = "cgroup"  # cgroup.events says `populated 0`
    NAMESPACE = "namespace"  # the init of its PID namespace saw ECHILD, or was reaped
    SUBREAPER = "subreaper"  # waitpid(-1) says ECHILD in the process that inherits all
    INLINE = "inline"  # ran inside the caller's own process
    GROUP_UNPROVEN = "group_unproven"  # the platform has nothing better than killpg


class Reason(StrEnum):
    """Why a job has its status. `REASONS` says which reason fits which status."""

    RETURNED = "returned"
    ERROR = "error"
    EXIT_CODE = "exit_code"
    SIGNAL = "signal"
    OUT_OF_MEMORY = "out_of_memory"
    BAD_RESULT = "bad_result"
    SPAWN_ERROR = "spawn_error"
    LOST = "lost"
    TOO_LONG = "too_long"
    DEADLINE = "deadline"
    STALLED = "stalled"
    SNOOZED = "snoozed"
    SLEEPING = "sleeping"
    WAITING = "waiting"
    CHILDREN = "children"
    STEP_MISMATCH = "step_mismatch"
    BEFORE_START = "before_start"
    WHILE_RUNNING = "while_running"
    EXPIRED = "expired"
    FULL = "full"
    REPLACED = "replaced"
    PARENT = "parent"
    SHUTDOWN = "shutdown"


class Guard(StrEnum):
    """Conditions, checked in the same UPDATE as the source status. Values are texts."""

    DUE = "`run_at <= now`"
    FRESH = "not expired, or it has had an attempt"
    QUEUE_OPEN = "its queue is not paused"
    NOT_ON_HOLD = "nobody holds it"
    ON_HOLD = "somebody holds it"
    WAITS_FOR_IT = "it waits for what has come"
    GROUP_FREE = "nobody holds its name, queue or a key of it"
    SLOT_FREE = "a slot of each limit is free: of its name, its queue, its keys"
    RATE_FREE = "the rate of each limit allows one more start"
    MAY_DROP = "`when_full` is cancel_new or replace"
    PARENTS_DONE = "all jobs that it depends on have ended as it needs"
    CHILDREN_ENDED = "the jobs have ended for which its last attempt gave itself back"
    PARENT_FAILED = (
        "a job that it depends on ended, but not SUCCEEDED; `on_parent_failure` is"
        " cancel, and it has had no attempt"
    )
    OVERDUE = "`expires_at < now`, and it has had no attempt"
    BEFORE_DEADLINE = "before its deadline"
    DEADLINE_MISSED = "`deadline_at < now`"
    RETRY_IN_TIME = "the next attempt would start before its deadline"
    HELD = "the caller's attempt is the job's attempt"
    LEASED = "the lease has not expired"
    NOT_STOPPED = "`stop_cause` is NULL"
    STOPPED_BY_TIMEOUT = "`stop_cause = TIMEOUT`"
    STOPPED_BY_SHUTDOWN = "`stop_cause = SHUTDOWN`"
    STOPPED_OR_FAILED = (
        "`stop_cause` is CANCEL or SHUTDOWN, or the attempt ended by itself, without"
        " success"
    )
    GAVE_BACK = "the attempt gave itself back"
    MAY_RETRY = "`stop_cause` is NULL, or TIMEOUT with `on_timeout`"
    NOT_BY_TIMEOUT = "`stop_cause` is not TIMEOUT"
    CANCEL_REQUESTED = "a cancel is requested"
    NO_CANCEL = "no cancel is requested"
    PROVED = "proof that the process tree is gone"
    LOST = "lost: lease expired or kill domain proved empty, and not `kill_unconfirmed`"
    FAILURES_LEFT = "`failures + 1 < max_attempts`"
    LOSSES_LEFT = "`losses + 1 < max_losses`"
    LOSSES_SPENT = "`losses + 1 >= max_losses`"


class Counter(StrEnum):
    """A column that some events increment and nothing decrements."""

    ATTEMPT = "attempt"
    FAILURES = "failures"
    LOSSES = "losses"


@dataclass(frozen=True, slots=True, kw_only=True)
class Transition:
    """One row of the table: `event` moves a job from `source` to `target`.

    All `guards` are checked in the same statement as `source`. `counts` is the column
    that the event increments by one. `logged` events appear in the history.
    """

    event: Event
    source: JobStatus
    target: JobStatus
    who: Who
    guards: tuple[Guard, ...]
    counts: Counter | None = None
    logged: bool = True

    @property
    def is_internal(self) -> bool:
        """Whether the status stays as it is."""
        return self.source is self.target


def _row(  # one line a row, below
    event: Event,
    source: JobStatus,
    target: JobStatus,
    who: Who,
    *guards: Guard,
    counts: Counter | None = None,
    logged: bool = True,
) -> Transition:
    return Transition(
        event=event,
        source=source,
        target=target,
        who=who,
        guards=guards,
        counts=counts,
        logged=logged,
    )


_S, _E, _W, _G, _C = JobStatus, Event, Who, Guard, Counter
_P, _R = _S.PENDING, _S.RUNNING

# fmt: off
TABLE: Final = (
    _row(_E.CLAIM, _P, _R, _W.WORKER,
         _G.DUE, _G.FRESH, _G.BEFORE_DEADLINE, _G.NOT_ON_HOLD, _G.QUEUE_OPEN,
         _G.PARENTS_DONE, _G.CHILDREN_ENDED, _G.GROUP_FREE, _G.SLOT_FREE,
         _G.RATE_FREE,
         counts=_C.ATTEMPT),
    _row(_E.CANCEL, _P, _S.CANCELED, _W.CLIENT),
    _row(_E.EXPIRE, _P, _S.CANCELED, _W.REAPER, _G.OVERDUE),
    _row(_E.MISS_DEADLINE, _P, _S.CANCELED, _W.REAPER, _G.DEADLINE_MISSED),
    _row(_E.DROP, _P, _S.CANCELED, _W.REAPER, _G.MAY_DROP),
    _row(_E.ABANDON, _P, _S.CANCELED, _W.REAPER, _G.PARENT_FAILED),
    _row(_E.SUCCEED, _R, _S.SUCCEEDED, _W.WORKER, _G.HELD, _G.NOT_STOPPED, _G.PROVED),
    _row(_E.FAIL, _R, _S.FAILED, _W.WORKER,
         _G.HELD, _G.LEASED, _G.NOT_STOPPED, _G.NO_CANCEL, _G.PROVED),
    _row(_E.RETRY, _R, _P, _W.WORKER,
         _G.HELD, _G.LEASED, _G.FAILURES_LEFT, _G.NO_CANCEL, _G.MAY_RETRY,
         _G.RETRY_IN_TIME, _G.PROVED, counts=_C.FAILURES),
    _row(_E.SNOOZE, _R, _P, _W.WORKER,
         _G.HELD, _G.LEASED, _G.NOT_STOPPED, _G.NO_CANCEL, _G.GAVE_BACK, _G.PROVED),
    _row(_E.TIME_OUT, _R, _S.TIMEOUT, _W.WORKER,
         _G.HELD, _G.STOPPED_BY_TIMEOUT, _G.PROVED),
    _row(_E.FINISH_CANCEL, _R, _S.CANCELED, _W.WORKER,
         _G.HELD, _G.CANCEL_REQUESTED, _G.STOPPED_OR_FAILED, _G.PROVED),
    _row(_E.RELEASE, _R, _P, _W.WORKER,
         _G.HELD, _G.STOPPED_BY_SHUTDOWN, _G.NO_CANCEL, _G.PROVED),
    _row(_E.RESCUE, _R, _P, _W.REAPER,
         _G.HELD, _G.LOST, _G.NO_CANCEL, _G.NOT_BY_TIMEOUT, _G.LOSSES_LEFT,
         counts=_C.LOSSES),
    _row(_E.GIVE_UP, _R, _S.FAILED, _W.REAPER,
         _G.HELD, _G.LOST, _G.NO_CANCEL, _G.NOT_BY_TIMEOUT, _G.LOSSES_SPENT,
         counts=_C.LOSSES),
    _row(_E.TIME_OUT_LOST, _R, _S.TIMEOUT, _W.REAPER,
         _G.HELD, _G.LOST, _G.NO_CANCEL, _G.STOPPED_BY_TIMEOUT),
    _row(_E.CANCEL_LOST, _R, _S.CANCELED, _W.REAPER,
         _G.HELD, _G.LOST, _G.CANCEL_REQUESTED),
    # Inside PENDING and RUNNING: the status stays.
    _row(_E.HOLD, _P, _P, _W.CLIENT, _G.NOT_ON_HOLD),
    _row(_E.RELEASE_HOLD, _P, _P, _W.CLIENT, _G.ON_HOLD),
    _row(_E.WAKE, _P, _P, _W.CLIENT, _G.WAITS_FOR_IT),
    _row(_E.REQUEST_CANCEL, _R, _R, _W.CLIENT, _G.NO_CANCEL),
    _row(_E.STOP, _R, _R, _W.WORKER, _G.HELD, _G.LEASED, _G.NOT_STOPPED),
    _row(_E.RENEW, _R, _R, _W.WORKER, _G.HELD, _G.LEASED, logged=False),
)
# fmt: on

INITIAL: Final = JobStatus.PENDING
SUBMIT: Final = "submit"  # the first history row of every job; it has no source
TERMINAL: Final = frozenset(JobStatus) - {row.source for row in TABLE}
#: Why a job has given itself back.
GAVE_BACK: Final = frozenset(
    {Reason.SNOOZED, Reason.SLEEPING, Reason.WAITING, Reason.CHILDREN}
)
#: The events that ask for the end of a job.
CANCELS: Final = (Event.CANCEL, Event.REQUEST_CANCEL)
EDGES: Final = tuple(row for row in TABLE if not row.is_internal)

#: One sentence a status, for docs and pages.
STATUS_MEANING: Final = {
    _S.PENDING: "Waiting to be claimed, at `run_at` or later.",
    _S.RUNNING: "Leased to one worker as one attempt.",
    _S.SUCCEEDED: "The function returned, and its result is stored.",
    _S.FAILED: "The job ended by itself, without success; `reason` says how.",
    _S.TIMEOUT: "It was stopped because it ran too long or stood still; no process of"
    " it is alive.",
    _S.CANCELED: "Somebody canceled it, or it could not start any more; no process of"
    " it is alive.",
}

#: One sentence an event, for docs and pages.
EVENT_MEANING: Final = {
    _E.CLAIM: "A worker takes the job and starts a new attempt.",
    _E.CANCEL: "A client cancels a job that has not started.",
    _E.EXPIRE: "The job was not started before `expires_at`.",
    _E.MISS_DEADLINE: "The job was still waiting at its deadline.",
    _E.DROP: "A limit is full, or a later job replaces it; so says its `when_full`.",
    _E.ABANDON: "A job that it depends on has not succeeded.",
    _E.HOLD: "A client holds the job: it does not start before it is released.",
    _E.RELEASE_HOLD: "A client releases the job, or its hold is over.",
    _E.SUCCEED: "The function returned a result.",
    _E.FAIL: "The attempt failed and there is no retry.",
    _E.RETRY: "The attempt failed for a passing reason; the job waits for its backoff.",
    _E.SNOOZE: "The job gives itself back, to sleep or to wait; no budget is spent.",
    _E.WAKE: "The signal has come that the job waits for: it may go on.",
    _E.TIME_OUT: "The attempt was stopped: timeout, deadline, or no progress.",
    _E.FINISH_CANCEL: "The attempt of a job with a requested cancel has ended.",
    _E.RELEASE: "The worker shut down and gives the job back; no budget is spent.",
    _E.RESCUE: "The worker is gone; the job goes back and spends none of its retries.",
    _E.GIVE_UP: "The job was lost `max_losses` times.",
    _E.TIME_OUT_LOST: "The worker is gone after it stopped the job at its timeout.",
    _E.CANCEL_LOST: "The worker is gone and a cancel was requested.",
    _E.REQUEST_CANCEL: "A client asks for a running job to be canceled; it is kept.",
    _E.STOP: "The worker decides to stop the attempt, before the first signal.",
    _E.RENEW: "The worker extends its lease.",
}

#: One sentence a reason, for docs and pages.
REASON_MEANING: Final = {
    Reason.RETURNED: "The function returned a result.",
    Reason.ERROR: "The function raised an exception.",
    Reason.EXIT_CODE: "Its process ended by itself, without a result.",
    Reason.SIGNAL: "A signal ended its process that Interlock did not send.",
    Reason.OUT_OF_MEMORY: "The kernel killed it because memory ran out.",
    Reason.BAD_RESULT: "Its result is no JSON, too large, or not what its annotation"
    " says.",
    Reason.SPAWN_ERROR: "Its process could not be started.",
    Reason.LOST: "Its worker was gone.",
    Reason.TOO_LONG: "The attempt ran longer than `timeout`.",
    Reason.DEADLINE: "It had not ended at its deadline.",
    Reason.STALLED: "It reported no progress for `stalled_after` seconds.",
    Reason.SNOOZED: "It raised `Snooze`, to go on later.",
    Reason.SLEEPING: "It sleeps (`current_job().sleep`).",
    Reason.WAITING: "It waits for a signal (`await_signal`).",
    Reason.CHILDREN: "It waits for jobs that it has submitted.",
    Reason.STEP_MISMATCH: "A step is not the one that an earlier attempt has done.",
    Reason.BEFORE_START: "It was canceled before it started.",
    Reason.WHILE_RUNNING: "It was canceled while it ran.",
    Reason.EXPIRED: "It had not started at `expires_at`.",
    Reason.FULL: "A limit was full, and it did not want to wait (`when_full`).",
    Reason.REPLACED: "A later job replaced it.",
    Reason.PARENT: "A job that it depends on did not succeed, or the job that"
    " submitted it was canceled.",
    Reason.SHUTDOWN: "Its worker shut down, and gave it back.",
}

#: The reasons that fit each status. RUNNING has none.
REASONS: Final = {
    _S.PENDING: frozenset({
        Reason.ERROR, Reason.EXIT_CODE, Reason.SIGNAL, Reason.OUT_OF_MEMORY,
        Reason.BAD_RESULT, Reason.SPAWN_ERROR, Reason.TOO_LONG, Reason.STALLED,
        Reason.SNOOZED, Reason.SLEEPING, Reason.WAITING, Reason.CHILDREN, Reason.LOST,
        Reason.SHUTDOWN,
    }),
    _S.RUNNING: frozenset[Reason](),
    _S.SUCCEEDED: frozenset({Reason.RETURNED}),
    _S.FAILED: frozenset({
        Reason.ERROR, Reason.EXIT_CODE, Reason.SIGNAL, Reason.OUT_OF_MEMORY,
        Reason.BAD_RESULT, Reason.SPAWN_ERROR, Reason.STEP_MISMATCH, Reason.LOST,
    }),
    _S.TIMEOUT: frozenset({
        Reason.TOO_LONG, Reason.DEADLINE, Reason.STALLED, Reason.LOST,
    }),
    _S.CANCELED: frozenset({
        Reason.BEFORE_START, Reason.WHILE_RUNNING, Reason.EXPIRED, Reason.DEADLINE,
        Reason.FULL, Reason.REPLACED, Reason.PARENT, Reason.LOST,
    }),
}  # fmt: skip

_BY_EVENT: Final = {row.event: row for row in TABLE}


def row_of(event: Event) -> Transition:
    """Return the one row of `event`."""
    return _BY_EVENT[event]
