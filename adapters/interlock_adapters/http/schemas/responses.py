"""The shapes of answers, for OpenAPI: what `wire` makes, in the same words."""

from datetime import datetime
from typing import Any, Final, Literal

from pydantic import BaseModel, ConfigDict, Field

from interlock.core.job import Phase
from interlock.core.lifecycle import Event, JobStatus, Proof, Reason, StopCause

EXAMPLE_ID: Final = "019aa1b2c3d47e5f8a9b0c1d2e3f4a5b"


class RetryOut(BaseModel):
    """When it is tried again."""

    max_attempts: int
    on: list[str] | None
    never_on: list[str]
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
    parent_id: str | None
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
    peak_memory_bytes: int | None
    cpu_seconds: float | None


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
