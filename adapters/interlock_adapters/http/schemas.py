"""The shapes of requests and answers, for checks and for OpenAPI."""

from datetime import UTC, datetime
from typing import Annotated, Any, Final, Literal, cast

from pydantic import AfterValidator, AwareDatetime, BaseModel, ConfigDict, Field

from interlock.job import Phase
from interlock.lifecycle import Event, JobStatus, Proof, Reason, StopCause
from interlock.options import Options
from interlock.retry import Retry

_FIRST, _LAST = datetime(1970, 1, 1, tzinfo=UTC), datetime(9000, 1, 1, tzinfo=UTC)
EXAMPLE_ID: Final = "019aa1b2c3d47e5f8a9b0c1d2e3f4a5b"


def _sane(moment: datetime) -> datetime:
    if not _FIRST <= moment <= _LAST:
        raise ValueError("must be between the years 1970 and 9000")
    return moment


Moment = Annotated[AwareDatetime, AfterValidator(_sane)]
Seconds = Annotated[float, Field(ge=0, le=315_360_000, allow_inf_nan=False)]
Words = Annotated[str, Field(max_length=2000, pattern=r"^[^\x00]*$")]
Key = Annotated[str, Field(min_length=1, max_length=255, pattern=r"^[^\x00-\x1f]+$")]


class _In(BaseModel):
    model_config = ConfigDict(extra="forbid")


class RetryIn(_In):
    """When to try again: the arguments of `interlock.Retry`."""

    max_attempts: int = Field(
        default=1, ge=1, le=1000, description="The first one included"
    )
    on: list[str] = Field(
        default=[], max_length=100, description="Dotted names of exceptions"
    )
    backoff: Seconds = Field(
        default=1.0, description="Seconds; doubles each time, with jitter"
    )
    max_backoff: Seconds = 300.0
    on_timeout: bool = False


class OptionsIn(_In):
    """What a submit may say beside the parameters; what is left out is the job's."""

    timeout: Annotated[float, Field(gt=0, le=315_360_000)] | None = None
    grace: Seconds = 2.0
    queue: Key = "default"
    priority: int = Field(default=0, ge=-(2**31) + 1, le=2**31 - 1)
    run_at: Moment | None = None
    expires_at: Moment | None = None
    retry: RetryIn | None = None
    max_losses: int = Field(default=5, ge=1, le=1000)
    unique_key: Key | None = None
    on_conflict: Literal["raise", "return"] = "raise"
    idempotency_key: Key | None = None
    by: Key | None = Field(
        default=None, description="Who submits, if the token does not say"
    )
    metadata: dict[str, Any] = {}

    def given(self) -> Options:
        """Return the options that were said, for the engine."""
        said = {name: getattr(self, name) for name in self.model_fields_set}
        if self.retry is not None:
            said["retry"] = Retry(**self.retry.model_dump() | {"on": (*self.retry.on,)})
        if said.get("run_at", self) is None:
            del said["run_at"]
        return cast("Options", said)


class SubmitIn(_In):
    """A job to run."""

    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={
            "examples": [
                {
                    "name": "thumbnails",
                    "params": {"folder": "/photos", "size": 128},
                    "options": {"timeout": 60, "by": "anna"},
                }
            ]
        },
    )

    name: Key = Field(description="Of a registered job")
    params: dict[str, Any] = Field(default={}, description="By the job's signature")
    options: OptionsIn = OptionsIn()


class FiltersIn(_In):
    """Which jobs; filters combine by AND."""

    name: Key | None = None
    queue: Key | None = None
    statuses: list[JobStatus] = Field(default=[], max_length=20)
    params: dict[str, Any] = Field(
        default={}, description="Contained in the job's params"
    )
    created_after: Moment | None = None
    created_before: Moment | None = None
    submitted_by: Key | None = None


class SearchIn(FiltersIn):
    """A page of jobs, newest first."""

    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={
            "examples": [{"name": "thumbnails", "params": {"size": 128}, "limit": 20}]
        },
    )

    limit: int = Field(default=50, ge=1, le=1000)
    cursor: str | None = Field(default=None, max_length=500)


class CancelIn(_In):
    """Why, and by whom."""

    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={"examples": [{"reason": "not needed", "by": "anna"}]},
    )

    reason: Words | None = None
    by: Key | None = Field(
        default=None, description="Who cancels, if the token does not say"
    )


class RerunIn(_In):
    """By whom."""

    by: Key | None = None


class BatchIn(_In):
    """Jobs to run; each is judged by itself."""

    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={
            "examples": [{"jobs": [{"name": "thumbnails", "params": {"folder": "/a"}}]}]
        },
    )

    jobs: list[SubmitIn] = Field(min_length=1, max_length=10_000)
    atomic: bool = Field(default=False, description="All or none: one refusal is all")


class BulkCancelIn(FiltersIn):
    """Which jobs to cancel, why, and by whom; at least one filter is needed."""

    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={
            "examples": [{"queue": "fast", "statuses": ["PENDING"], "reason": "full"}]
        },
    )

    reason: Words | None = None
    by: Key | None = None
    limit: int = Field(default=500, ge=1, le=1000)
    cursor: str | None = Field(default=None, max_length=500)


class RetryOut(BaseModel):
    """When it is tried again."""

    max_attempts: int
    on: list[str]
    backoff: float
    max_backoff: float
    on_timeout: bool


class FailureOut(BaseModel):
    """Why an attempt did not succeed."""

    reason: Reason
    message: str
    type: str | None
    traceback: str | None
    exit_code: int | None
    signal: int | None
    transient: bool


class ProgressOut(BaseModel):
    """How far a running job says it is."""

    phase: str | None
    completed: float | None
    total: float | None
    unit: str | None
    message: str | None


class JobOut(BaseModel):
    """A job: every field of `interlock.Job`, and its phase; secrets are `***`."""

    id: str = Field(examples=[EXAMPLE_ID])
    name: str
    params: dict[str, Any]
    created_at: datetime
    run_at: datetime
    queue: str
    priority: int
    timeout_s: float | None
    grace_s: float
    expires_at: datetime | None
    retry: RetryOut
    max_losses: int
    unique_key: str | None
    idempotency_key: str | None
    submitted_by: str | None
    metadata: dict[str, Any]
    rerun_of: str | None
    status: JobStatus
    reason: Reason | None
    attempt: int
    failures: int
    losses: int
    started_at: datetime | None
    finished_at: datetime | None
    worker_id: str | None
    lease_until_us: int | None
    cancel_requested_at: datetime | None
    cancel_requested_by: str | None
    cancel_reason: str | None
    stop_cause: StopCause | None
    proof: Proof | None
    kill_unconfirmed: bool
    result: Any
    error: FailureOut | None
    progress: ProgressOut | None
    version: int
    read_at: datetime
    phase: Phase
    cancel_outcome: Literal["pending", "canceled", "too_late"] | None
    duration: float | None


class PageOut(BaseModel):
    """Some jobs, and the cursor of the next page."""

    items: list[JobOut]
    next_cursor: str | None


class HistoryOut(BaseModel):
    """One logged event of a job."""

    job_id: str
    seq: int
    event: str
    source: JobStatus | None
    target: JobStatus
    at: datetime
    actor: str
    reason: str | None
    attempt: int


class HistoryPageOut(BaseModel):
    """The history of a job."""

    items: list[HistoryOut]
    next_cursor: str | None


class ExitOut(BaseModel):
    """How the main process of an attempt ended."""

    code: int | None
    signal: int | None


class AttemptOut(BaseModel):
    """One claim of a job, and what came of it."""

    job_id: str
    attempt: int
    worker_id: str
    claimed_at: datetime
    pid: int | None
    containment: str | None
    started_at: datetime | None
    ended_at: datetime | None
    outcome: Event | None
    exit: ExitOut | None
    proof: Proof | None
    error: FailureOut | None


class AttemptPageOut(BaseModel):
    """The attempts of a job."""

    items: list[AttemptOut]
    next_cursor: str | None


class LineOut(BaseModel):
    """A line that an attempt wrote."""

    job_id: str
    attempt: int
    at: datetime
    stream: str
    text: str
    seq: int


class LogPageOut(BaseModel):
    """Lines of a log; `next_cursor` is the `after` of the next page."""

    items: list[LineOut]
    next_cursor: str | None


class RejectionOut(BaseModel):
    """An event that was refused, and why."""

    job_id: str
    event: Event
    status: JobStatus
    at: datetime
    actor: str
    attempt: int | None
    why: str


class RejectionPageOut(BaseModel):
    """The refused events of a job."""

    items: list[RejectionOut]
    next_cursor: str | None


class ResultOut(BaseModel):
    """What the function returned."""

    result: Any


class ExplanationOut(BaseModel):
    """What a job does now, and why it does not run, in a sentence."""

    explanation: str


class BatchItemOut(BaseModel):
    """What became of one job of a batch."""

    status: int
    job: JobOut | None = None
    problem: dict[str, Any] | None = None


class BatchOut(BaseModel):
    """What became of each job of a batch, in its order."""

    items: list[BatchItemOut]


class CancelItemOut(BaseModel):
    """What became of one job that was to be canceled."""

    id: str
    status: int
    job_status: JobStatus | None = None
    problem: dict[str, Any] | None = None


class BulkCancelOut(BaseModel):
    """What became of each job, and the cursor of those that were not reached."""

    items: list[CancelItemOut]
    next_cursor: str | None


class QueueOut(BaseModel):
    """A queue."""

    name: str
    paused: bool
    pending: int
    running: int
    oldest_pending_at: datetime | None


class QueuePageOut(BaseModel):
    """The queues."""

    items: list[QueueOut]
    next_cursor: str | None


class WorkerOut(BaseModel):
    """A worker; `seen_at` tells whether it is alive."""

    id: str
    host: str
    pid: int
    boot_id: str
    containment: str
    concurrency: int
    started_at: datetime
    seen_at: datetime
    domain: str | None
    queues: list[str] | None


class WorkerPageOut(BaseModel):
    """The workers."""

    items: list[WorkerOut]
    next_cursor: str | None


class StatusOut(BaseModel):
    """A status of the lifecycle."""

    status: JobStatus
    meaning: str
    terminal: bool
    events: list[Event]


class TransitionOut(BaseModel):
    """A row of the lifecycle table."""

    event: Event
    source: JobStatus
    target: JobStatus
    who: str
    meaning: str
    guards: list[str]
    counts: str | None
    logged: bool


class LifecycleOut(BaseModel):
    """The lifecycle: the table and its picture."""

    initial: JobStatus
    statuses: list[StatusOut]
    transitions: list[TransitionOut]
    mermaid: str


class AliveOut(BaseModel):
    """The server answers."""

    status: Literal["alive"]


class ReadyOut(BaseModel):
    """What was looked at: `ok`, or what is wrong."""

    status: Literal["ready", "not ready"]
    store: str
    worker: str


class ProblemOut(BaseModel):
    """An RFC 9457 problem; kinds have members of their own."""

    model_config = ConfigDict(extra="allow")

    type: str = Field(examples=["urn:interlock:problem:illegal-transition"])
    title: str
    status: int
    detail: str
    job_id: str | None = None
    job_status: JobStatus | None = None
    event: Event | None = None
    legal_events: list[Event] | None = None
    problems: list[str] | None = None
