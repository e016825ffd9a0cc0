"""What can be asked of a store, and the shapes of its answers."""

from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from datetime import datetime, timedelta
from typing import Final, NamedTuple

from interlock.core.job import Job
from interlock.core.lifecycle import Event, JobStatus
from interlock.core.progress import Progress


@dataclass(frozen=True, slots=True, kw_only=True)
class Search:
    """Which jobs to list, newest first. Filters combine by AND.

    `params` is containment: every key must be there with that value, nested dicts
    likewise, and every element of a list must be in the stored list.
    """

    name: str | None = None
    queue: str | None = None
    statuses: frozenset[JobStatus] = frozenset()
    params: Mapping[str, object] = field(default_factory=dict[str, object])
    created_after: datetime | None = None
    created_before: datetime | None = None
    submitted_by: str | None = None
    limit: int = 50  # 1 to 1000
    before: str | None = None  # the id that the page starts below


#: The fields of `Search` that the field of the same name of a job must equal.
EQUAL: Final = tuple(
    field.name
    for field in fields(Search)
    if field.default is None and field.name in Job.__dataclass_fields__
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Page:
    """Some jobs, and the cursor of the next page (None: this was the last)."""

    items: tuple[Job, ...]
    next_cursor: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Ending:
    """When a job ended, and how; it may never have started."""

    name: str
    status: JobStatus
    created_at: datetime
    started_at: datetime | None
    finished_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Census:
    """How many there are of everything, for gauges."""

    jobs: Mapping[tuple[str, JobStatus], int]  # by name and status
    rejections: Mapping[Event, int]
    lease_slack_s: float | None  # until the first lease ends; None: nothing runs


class Place(NamedTuple):
    """A place in the feed: in its order; `position` grows with the commits."""

    position: int
    job_id: str
    seq: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """What was answered to a `request` that named a `key`, kept until a moment.

    No `text`: the request is under way, or its server died.
    """

    key: str
    request: str
    text: str | None
    until: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class ClaimRequest:
    """A worker asks for up to `limit` jobs with one of `names`.

    `queues` None means every queue. The lease counts from inside the statement.
    """

    worker_id: str
    names: frozenset[str]
    limit: int
    lease: timedelta
    now: datetime
    queues: frozenset[str] | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Running:
    """What a worker must know of its own RUNNING jobs: who wants them stopped."""

    job_id: str
    attempt: int
    cancel_requested: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Lost:
    """A RUNNING job whose worker may be gone, as the reaper reads it."""

    job: Job
    lease_expired: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Started:
    """The main process of an attempt runs."""

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


@dataclass(frozen=True, slots=True, kw_only=True)
class ProgressNote:
    """An attempt reports its progress."""

    job_id: str
    attempt: int
    progress: Progress


@dataclass(frozen=True, slots=True, kw_only=True)
class KillUnconfirmed:
    """An attempt was killed, and the kernel does not say that it is gone."""

    job_id: str
    attempt: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Used:
    """What an attempt used: see `Attempt`. None: not measured."""

    job_id: str
    attempt: int
    peak_memory_bytes: int | None = None
    cpu_seconds: float | None = None


Note = Started | LogLine | ProgressNote | KillUnconfirmed | Used


@dataclass(frozen=True, slots=True, kw_only=True)
class QueueInfo:
    """One queue: its depth and whether claims are paused."""

    name: str
    paused: bool
    pending: int
    running: int
    oldest_pending_at: datetime | None


@dataclass(frozen=True, slots=True, kw_only=True)
class WorkerInfo:
    """One worker as it registered itself. `id` is new at each start."""

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


@dataclass(frozen=True, slots=True, kw_only=True)
class Fault:
    """Something that `verify` found wrong."""

    job_id: str
    what: str
