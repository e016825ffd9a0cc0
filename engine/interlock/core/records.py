"""The questions to a store, and its answers, as frozen values."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, fields
from datetime import datetime, timedelta
from string import ascii_lowercase, ascii_uppercase
from typing import Final, NamedTuple, Self

from interlock.core.errors import Misfits, StepMismatch
from interlock.core.job import Job, Phase
from interlock.core.lifecycle import Event, JobStatus
from interlock.core.progress import Progress


@dataclass(frozen=True, slots=True, kw_only=True)
class Search:
    """Which jobs to list, newest first. Filters combine by AND.

    `params` matches jobs whose params contain it: every key must exist with that value,
    also in nested dicts, and every element of a list must be in the stored list. So
    does `metadata`. `name_part` and `error_part` (of the message or the type) match a
    part in any case of its letters from a to z.
    """

    name: str | None = None
    queue: str | None = None
    statuses: frozenset[JobStatus] = frozenset()
    params: Mapping[str, object] = field(default_factory=dict[str, object])
    created_after: datetime | None = None
    created_before: datetime | None = None
    submitted_by: str | None = None
    schedule: str | None = None
    group_id: str | None = None
    parent_id: str | None = None
    metadata: Mapping[str, object] = field(default_factory=dict[str, object])
    name_part: str | None = None
    error_part: str | None = None
    phases: frozenset[Phase] = frozenset()
    reruns_of: frozenset[str] = frozenset()  # ids of jobs
    limit: int = 50  # 1 to 1000
    before: str | None = None  # the id that the page starts below


#: Makes letters from A to Z small, and no others: every database can do that.
ASCII_SMALL: Final = str.maketrans(ascii_uppercase, ascii_lowercase)
#: The fields of `Search` that the field of the same name of a job must equal.
EQUAL: Final = tuple(
    field.name
    for field in fields(Search)
    if field.default is None and field.name in Job.__dataclass_fields__
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Page:
    """A page of jobs, and the cursor of the next page (None: this is the last page).

    A page may have fewer jobs than its limit, or none, and yet a next page: a search by
    other fields than the name or the status looks at 10,000 jobs for each page.
    """

    items: tuple[Job, ...]
    next_cursor: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class EndedJob:
    """When and how a job ended. A job may end without having started."""

    name: str
    queue: str
    status: JobStatus
    created_at: datetime
    started_at: datetime | None
    finished_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Stint:
    """An attempt as a stretch of its worker's time. `outcome` None: it runs."""

    job_id: str
    name: str
    attempt: int
    worker_id: str
    claimed_at: datetime
    ended_at: datetime | None
    outcome: Event | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Totals:
    """Counts of jobs and refused events, for gauges."""

    jobs: Mapping[tuple[str, JobStatus], int]  # by name and status
    rejections: Mapping[Event, int]
    lease_slack_s: float | None  # until the first lease ends; None: nothing runs


class FeedPosition(NamedTuple):
    """A position in the event feed. `position` grows in the order of the commits."""

    position: int
    job_id: str
    seq: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """The stored answer to the `request` with an idempotency `key`, kept until `until`.

    `text` is None while the request is still running, or if its server died.
    """

    key: str
    request: str
    text: str | None
    until: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class ClaimRequest:
    """A worker asks for up to `limit` jobs with one of `names`.

    `queues` None means every queue. The lease counts from inside the statement. Jobs
    whose id is in `without` are passed over. If one that is chosen does not fit
    (`fits`), nothing is claimed, and Misfits tells which.
    """

    worker_id: str
    names: frozenset[str]
    limit: int
    lease: timedelta
    now: datetime
    queues: frozenset[str] | None = None
    without: frozenset[str] = frozenset()
    fits: Callable[[Job], bool] | None = None

    def refuse_misfits(self, jobs: Sequence[Job]) -> None:
        """Refuse what was chosen, if a job does not fit.

        Raises:
            Misfits: which jobs do not fit.
        """
        misfits = [] if self.fits is None else [j for j in jobs if not self.fits(j)]
        if misfits:
            raise Misfits(misfits)


@dataclass(frozen=True, slots=True, kw_only=True)
class Running:
    """One of a worker's own RUNNING jobs, and whether a cancel is requested."""

    job_id: str
    attempt: int
    cancel_requested: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Lost:
    """A RUNNING job whose worker may have died."""

    job: Job
    lease_expired: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Needs:
    """Which periodic duties of a worker may have something to do, and which have not.

    A field may be true in vain; a false one is right.

    Args:
        claim: a PENDING job may be claimable, of whatever name.
        rescue: `JobStore.lost` may find jobs.
        expire: `JobStore.overdue` finds jobs.
        prune: `JobStore.prune` has something to do.
        reopen: `JobStore.reopen` has something to do.
        due_in_s: seconds until the next job becomes due, None if none is scheduled. Not
            positive: jobs are due, and the next claim takes notice.
        fire: `JobStore.fire` may have something to do.
        tick_in_s: seconds until a schedule is due, None if none will be.
    """

    claim: bool
    rescue: bool
    expire: bool
    reopen: bool
    prune: bool = False
    due_in_s: float | None = None
    fire: bool = False
    tick_in_s: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Started:
    """The main process of an attempt has started."""

    job_id: str
    attempt: int
    pid: int
    containment: str
    at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class LogLine:
    """One line that an attempt wrote to `stream` (stdout, stderr or engine)."""

    job_id: str
    attempt: int
    at: datetime
    stream: str
    text: str
    seq: int = 0  # given by the store; grows within a job


class LogLines(list[LogLine]):
    """Lines of a log in their order: a list that says what was left out around it.

    Attributes:
        next_after: the `after` that continues with the lines that follow; None: there
            were no more.
        has_earlier: whether `tail` left out lines before these.
    """

    def __init__(
        self,
        lines: Iterable[LogLine] = (),
        *,
        next_after: int | None = None,
        has_earlier: bool = False,
    ) -> None:
        super().__init__(lines)
        self.next_after = next_after
        self.has_earlier = has_earlier


@dataclass(frozen=True, slots=True, kw_only=True)
class ProgressNote:
    """An attempt reports its progress."""

    job_id: str
    attempt: int
    progress: Progress


@dataclass(frozen=True, slots=True, kw_only=True)
class KillUnconfirmed:
    """An attempt was killed, but the kernel has not confirmed its death."""

    job_id: str
    attempt: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Used:
    """The memory and CPU time that an attempt used. None: not measured."""

    job_id: str
    attempt: int
    peak_memory_bytes: int | None = None
    cpu_seconds: float | None = None


Note = Started | LogLine | ProgressNote | KillUnconfirmed | Used


@dataclass(frozen=True, slots=True, kw_only=True)
class QueueInfo:
    """One queue: its depth and whether claims are paused.

    A PENDING job is `ready` when its `run_at` has come. Before that it is `retrying`
    after an attempt, else `scheduled`, by the clock of the store.

    Args:
        name: of the queue.
        paused: whether no job of it is claimed.
        pending: `ready`, `scheduled` and `retrying` together.
        running: jobs that run.
        oldest_pending_at: when the first of the pending jobs was submitted.
        ready: jobs that could run now: the backlog.
        scheduled: jobs whose first start is later.
        retrying: jobs that wait for their next attempt.
        oldest_ready_at: since when the first of the ready jobs could run.
    """

    name: str
    paused: bool
    pending: int
    running: int
    oldest_pending_at: datetime | None
    ready: int
    scheduled: int
    retrying: int
    oldest_ready_at: datetime | None


@dataclass(frozen=True, slots=True, kw_only=True)
class LimitInfo:
    """One limit.

    Args:
        key: what it is of: `name:N`, `queue:Q`, `exclusive:N`, the key of a `Limit`, or
            its template: then it counts for each key that has no limit of its own.
        max_running: how many jobs may run at once; None: any number.
        rate_limit: how many may start within a time, such as "100/m"; None: any number.
        running: how many slots are taken, of a template those of all its keys.
        set_by: who has set it at run time; None: it is as the code declares it.
        set_at: when that was.
    """

    key: str
    max_running: int | None
    rate_limit: str | None
    running: int
    set_by: str | None = None
    set_at: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class GroupInfo:
    """Jobs that were submitted together.

    Args:
        id: of the group.
        name: need not be unique.
        created_at: when.
        created_by: who.
        closed_at: since when no job is added; None: it is open.
    """

    id: str
    name: str
    created_at: datetime
    created_by: str | None = None
    closed_at: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """Something that a job has done, and does not do again in a later attempt.

    Args:
        job_id: the job.
        kind: `step`, `sleep`, `wait` (for a signal), `signal` (what came of it), or
            `saved` (the last value that the job has saved).
        name: that the job has given it.
        use: which of those with this name: a number from 0, or a key of the job.
        attempt: that did it.
        at: when it was stored, by the clock of the store.
        function: the dotted name of what it called, if that is known.
        digest: of the arguments, if they are JSON.
        value: what came of it, as JSON.
    """

    job_id: str
    kind: str
    name: str
    use: str
    attempt: int
    at: datetime
    function: str | None = None
    digest: str | None = None
    value: object = None

    def refuse_other(self, again: Self) -> None:
        """Refuse a step in the place of this one, unless it is the same.

        Raises:
            StepMismatch: its value is another one.
        """
        if (again.attempt, again.value) != (self.attempt, self.value):
            raise StepMismatch(
                f"The step {self.name!r} was done meanwhile, in another thread of this "
                "job, and the first result is kept. Give each a name or a key of its "
                "own."
            )


#: What a job waits for, before the name of a signal.
SIGNAL: Final = "signal:"


@dataclass(frozen=True, slots=True, kw_only=True)
class SignalInfo:
    """A signal that was sent to a job.

    Args:
        job_id: the job.
        name: of the signal.
        payload: JSON.
        by: who sent it.
        at: when.
        read_by: the attempt that has read it; None: none yet.
        number: the order of the signals of a store.
    """

    job_id: str
    name: str
    payload: object
    by: str
    at: datetime
    read_by: int | None = None
    number: int = 0


#: The target of a hold of a schedule, before its name.
SCHEDULE: Final = "schedule:"
#: The cause of a job that waits for others.
DEPENDENCIES: Final = "dependencies"
#: Who releases a hold that is over, and abandons jobs.
ITSELF: Final = "interlock"


@dataclass(frozen=True, slots=True, kw_only=True)
class Hold:
    """A hold: no job of the target starts before it is released.

    Args:
        target: `job:ID`, `name:N`, `queue:Q`, `key:K`, or `schedule:S`, which is
            paused meanwhile.
        by: who holds it.
        reason: why.
        at: since when.
        until: when it is released by itself; None: by somebody.
    """

    target: str
    by: str
    reason: str | None
    at: datetime
    until: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Blocker:
    """What keeps a waiting job from being claimed, as the claim itself sees it.

    Args:
        cause: `due`, `expired`, `paused:QUEUE`, `hold:TARGET`; `dependencies`: some of
            the jobs that it depends on (`holders`) have not ended as it needs;
            `key:KEY`: all slots of a limit are taken; `rate:KEY`: all starts of the
            time are used.
        allowed: what the limit allows.
        holders: the jobs that have its slots.
        until: when it is over by itself.
    """

    cause: str
    allowed: int | None = None
    holders: tuple[str, ...] = ()
    until: datetime | None = None


class Explanation(str):
    """Sentences about a job, and the reasons why it waits as data.

    Attributes:
        reasons: why it does not run, none if it runs or has ended. The `cause` of each
            is a stable code: `scheduled`, `retry_wait`, `snoozed`, `sleeping`,
            `waiting`, `held`, `no_worker`, `unknown_name`, `unserved_queue`, `trouble`,
            `misfit`, `busy`, and those of `Blocker`.
    """

    __slots__ = ("reasons",)
    reasons: tuple[Blocker, ...]

    def __new__(cls, text: str, reasons: Sequence[Blocker] = ()) -> Self:
        """Return an explanation."""
        made = super().__new__(cls, text)
        made.reasons = tuple(reasons)
        return made

    @property
    def holders(self) -> tuple[str, ...]:
        """The ids of the jobs that have what this one waits for."""
        return tuple(dict.fromkeys(i for each in self.reasons for i in each.holders))


@dataclass(frozen=True, slots=True, kw_only=True)
class WorkerInfo:
    """A worker as it has registered. `id` is new at each start."""

    id: str
    host: str
    pid: int
    boot_id: str
    containment: str
    concurrency: int
    queues: tuple[str, ...] | None = None  # None: all
    started_at: datetime
    seen_at: datetime
    domain: str | None = None  # file in which its zygote leaves the proof of its end
    lease_s: float | None = None  # it is seen three times in it; None: an older one
    jobs: Mapping[str, object] | None = None  # what it publishes of each: `published`
    place: str | None = None  # the mark of the store's place that its processes carry
    trouble: str | None = None  # why it cannot start jobs, if that lasts
    memory_bytes: int | None = None  # of it and its jobs; None: not measured


@dataclass(frozen=True, slots=True, kw_only=True)
class Fault:
    """Something that `verify` found wrong."""

    job_id: str
    what: str
