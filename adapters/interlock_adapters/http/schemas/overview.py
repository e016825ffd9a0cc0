"""Models of the responses about queues, workers, lifecycle and health."""

from datetime import datetime
from typing import Literal

from pydantic import BaseModel

from interlock.core.lifecycle import Event, JobStatus


class QueueOut(BaseModel):
    """A queue; `pending` is the sum of `ready`, `scheduled` and `retrying`."""

    name: str
    paused: bool
    pending: int
    running: int
    oldest_pending_at: datetime | None
    ready: int
    scheduled: int
    retrying: int
    oldest_ready_at: datetime | None


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
    trouble: str | None
    memory_bytes: int | None


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
    """The checks: `ok`, or what is wrong."""

    status: Literal["ready", "not ready"]
    store: str
    worker: str
