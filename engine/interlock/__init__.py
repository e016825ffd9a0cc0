"""Interlock: a job engine built around an explicit state machine."""

from typing import TYPE_CHECKING

from interlock.context import Interrupted, JobContext, current_job
from interlock.engine import Engine
from interlock.errors import (
    DuplicateJob,
    IllegalTransition,
    InterlockError,
    InvalidOption,
    InvalidParams,
    JobCanceled,
    JobFailed,
    JobNotFound,
    JobTimedOut,
    LeaseLost,
    SchemaMismatch,
    StoreUnavailable,
    UnknownJobName,
    WaitTimeout,
)
from interlock.handle import JobHandle
from interlock.job import Attempt, Failure, HistoryEntry, Job, Phase, Progress
from interlock.lifecycle import Event, JobStatus, Reason, StopCause
from interlock.query import Page
from interlock.registry import JobFunction, job
from interlock.retry import Retry, TransientError

if TYPE_CHECKING:
    from interlock.aio import AsyncEngine

__all__ = [
    "AsyncEngine",
    "Attempt",
    "DuplicateJob",
    "Engine",
    "Event",
    "Failure",
    "HistoryEntry",
    "IllegalTransition",
    "InterlockError",
    "Interrupted",
    "InvalidOption",
    "InvalidParams",
    "Job",
    "JobCanceled",
    "JobContext",
    "JobFailed",
    "JobFunction",
    "JobHandle",
    "JobNotFound",
    "JobStatus",
    "JobTimedOut",
    "LeaseLost",
    "Page",
    "Phase",
    "Progress",
    "Reason",
    "Retry",
    "SchemaMismatch",
    "StopCause",
    "StoreUnavailable",
    "TransientError",
    "UnknownJobName",
    "WaitTimeout",
    "current_job",
    "job",
]


def __getattr__(name: str) -> object:
    """Import the async engine when it is asked for: asyncio costs 50 ms."""
    if name == "AsyncEngine":
        from interlock.aio import AsyncEngine  # noqa: PLC0415

        return AsyncEngine
    raise AttributeError(f"module 'interlock' has no attribute {name!r}")
