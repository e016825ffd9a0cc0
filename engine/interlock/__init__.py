"""Interlock: a job engine built around an explicit state machine.

What a job's process needs is imported here; the engine, when it is asked for: the
smaller a process is, the faster it is forked.
"""

from importlib import import_module
from typing import TYPE_CHECKING

from interlock.core.errors import (
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
from interlock.core.lifecycle import Event, JobStatus, Reason, StopCause
from interlock.core.progress import Progress
from interlock.core.retry import PermanentError, Retry, TransientError
from interlock.jobs.context import Interrupted, JobContext, current_job
from interlock.jobs.registry import JobFunction, job

if TYPE_CHECKING:
    from interlock.api.aio import AsyncEngine
    from interlock.api.engine import Engine
    from interlock.api.handle import AsyncJobHandle, JobHandle
    from interlock.core.job import (
        Attempt,
        Failure,
        HistoryEntry,
        Job,
        Phase,
    )
    from interlock.core.records import Page

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

_LATER = dict.fromkeys(
    ("Attempt", "Failure", "HistoryEntry", "Job", "Phase"),
    "interlock.core.job",
) | {
    "AsyncEngine": "interlock.api.aio",
    "AsyncJobHandle": "interlock.api.handle",
    "Engine": "interlock.api.engine",
    "JobHandle": "interlock.api.handle",
    "Page": "interlock.core.records",
}


def __getattr__(name: str) -> object:
    """Import a name of `_LATER` at its first use; look up `__version__`."""
    if name == "__version__":
        return import_module("importlib.metadata").version("interlock-jobs")
    if name not in _LATER:
        raise AttributeError(f"module 'interlock' has no attribute {name!r}")
    value = globals()[name] = getattr(import_module(_LATER[name]), name)
    return value
