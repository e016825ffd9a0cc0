"""Interlock: a job engine built around an explicit state machine.

What a job's process needs is imported here; the engine, when it is asked for: the
smaller a process is, the faster it is forked.
"""

from importlib import import_module
from typing import TYPE_CHECKING

from interlock.context import Interrupted, JobContext, current_job
from interlock.errors import (
    DuplicateJob,
    IllegalTransition,
    InFlight,
    InterlockError,
    InvalidOption,
    InvalidParams,
    InvalidResult,
    JobCanceled,
    JobFailed,
    JobNotFound,
    JobTimedOut,
    KeyReused,
    LeaseLost,
    NotGuarded,
    SchemaMismatch,
    StoreUnavailable,
    UnknownJobName,
    VersionChanged,
    WaitTimeout,
)
from interlock.job import Attempt, Failure, HistoryEntry, Job, Phase, Progress
from interlock.lifecycle import Event, JobStatus, Reason, StopCause
from interlock.registry import JobFunction, job  # `job` hides the module of that name
from interlock.retry import PermanentError, Retry, TransientError

if TYPE_CHECKING:
    from interlock.aio import AsyncEngine
    from interlock.engine import Engine
    from interlock.handle import AsyncJobHandle, JobHandle
    from interlock.query import Page

__all__ = [
    "AsyncEngine",
    "AsyncJobHandle",
    "Attempt",
    "DuplicateJob",
    "Engine",
    "Event",
    "Failure",
    "HistoryEntry",
    "IllegalTransition",
    "InFlight",
    "InterlockError",
    "Interrupted",
    "InvalidOption",
    "InvalidParams",
    "InvalidResult",
    "Job",
    "JobCanceled",
    "JobContext",
    "JobFailed",
    "JobFunction",
    "JobHandle",
    "JobNotFound",
    "JobStatus",
    "JobTimedOut",
    "KeyReused",
    "LeaseLost",
    "NotGuarded",
    "Page",
    "PermanentError",
    "Phase",
    "Progress",
    "Reason",
    "Retry",
    "SchemaMismatch",
    "StopCause",
    "StoreUnavailable",
    "TransientError",
    "UnknownJobName",
    "VersionChanged",
    "WaitTimeout",
    "current_job",
    "job",
]

_LATER = {
    "AsyncEngine": "interlock.aio",
    "AsyncJobHandle": "interlock.handle",
    "Engine": "interlock.engine",
    "JobHandle": "interlock.handle",
    "Page": "interlock.query",
}


def __getattr__(name: str) -> object:
    """Import a name of `_LATER` at its first use; look up `__version__`."""
    if name == "__version__":
        return import_module("importlib.metadata").version("interlock-jobs")
    if name not in _LATER:
        raise AttributeError(f"module 'interlock' has no attribute {name!r}")
    value = globals()[name] = getattr(import_module(_LATER[name]), name)
    return value
