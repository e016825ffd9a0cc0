"""Interlock: a job engine built around an explicit state machine.

This module imports only what a job's process needs. The engine is imported at its first
use, because a smaller process forks faster.
"""

from importlib import import_module
from typing import TYPE_CHECKING

from interlock.core.errors import (
    AmbiguousId,
    DuplicateJob,
    GroupNotFound,
    IllegalTransition,
    InFlight,
    InterlockError,
    InvalidOption,
    InvalidParams,
    InvalidResult,
    InvalidToken,
    JobCanceled,
    JobFailed,
    JobNotFound,
    JobTimedOut,
    KeyReused,
    LeaseLost,
    LimitReached,
    NotGuarded,
    ScheduleNotFound,
    SchemaMismatch,
    SignalTimeout,
    StepMismatch,
    StoreUnavailable,
    UnknownJobName,
    VersionChanged,
    WaitTimeout,
)
from interlock.core.lifecycle import Event, JobStatus, Proof, Reason, StopCause
from interlock.core.limits import Limit
from interlock.core.progress import Progress
from interlock.core.retry import PermanentError, Retry, Snooze, TransientError
from interlock.core.schedule import Schedule
from interlock.jobs.call import Call, Submitted
from interlock.jobs.context import Interrupted, JobContext, current_job
from interlock.jobs.options import Options
from interlock.jobs.registry import JobFunction, job
from interlock.jobs.suspension import Suspended

if TYPE_CHECKING:
    from interlock.api.aio import AsyncEngine
    from interlock.api.async_group import AsyncGroup
    from interlock.api.bulk import BulkResult, Filters
    from interlock.api.children import ChildGroup
    from interlock.api.engine import Engine
    from interlock.api.group import Group
    from interlock.api.handle import AsyncJobHandle, JobHandle
    from interlock.core.causes import Cause, Remark, RemarkKind
    from interlock.core.dependencies import Dependency, Graph, Linked
    from interlock.core.job import (
        Attempt,
        Death,
        Exit,
        Failure,
        HistoryEntry,
        Job,
        Phase,
        Rejection,
    )
    from interlock.core.records import (
        Blocker,
        Explanation,
        Fault,
        GroupInfo,
        Hold,
        LimitInfo,
        LogLine,
        LogLines,
        Page,
        QueueInfo,
        SignalInfo,
        Step,
        WorkerInfo,
    )
    from interlock.core.ticks import ScheduleEdit, ScheduleInfo, Tick, TickOutcome
    from interlock.jobs.chains import chain
    from interlock.worker.loop import Worker
    from interlock.worker.settings import WorkerSettings

__all__ = [
    "AmbiguousId",
    "AsyncEngine",
    "AsyncGroup",
    "AsyncJobHandle",
    "Attempt",
    "Blocker",
    "BulkResult",
    "Call",
    "Cause",
    "ChildGroup",
    "Death",
    "Dependency",
    "DuplicateJob",
    "Engine",
    "Event",
    "Exit",
    "Explanation",
    "Failure",
    "Fault",
    "Filters",
    "Graph",
    "Group",
    "GroupInfo",
    "GroupNotFound",
    "HistoryEntry",
    "Hold",
    "IllegalTransition",
    "InFlight",
    "InterlockError",
    "Interrupted",
    "InvalidOption",
    "InvalidParams",
    "InvalidResult",
    "InvalidToken",
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
    "Limit",
    "LimitInfo",
    "LimitReached",
    "Linked",
    "LogLine",
    "LogLines",
    "NotGuarded",
    "Options",
    "Page",
    "PermanentError",
    "Phase",
    "Progress",
    "Proof",
    "QueueInfo",
    "Reason",
    "Rejection",
    "Remark",
    "RemarkKind",
    "Retry",
    "Schedule",
    "ScheduleEdit",
    "ScheduleInfo",
    "ScheduleNotFound",
    "SchemaMismatch",
    "SignalInfo",
    "SignalTimeout",
    "Snooze",
    "Step",
    "StepMismatch",
    "StopCause",
    "StoreUnavailable",
    "Submitted",
    "Suspended",
    "Tick",
    "TickOutcome",
    "TransientError",
    "UnknownJobName",
    "VersionChanged",
    "WaitTimeout",
    "Worker",
    "WorkerInfo",
    "WorkerSettings",
    "chain",
    "current_job",
    "job",
]

_LATER = {
    **dict.fromkeys(
        (
            "Attempt",
            "Death",
            "Exit",
            "Failure",
            "HistoryEntry",
            "Job",
            "Phase",
            "Rejection",
        ),
        "interlock.core.job",
    ),
    **dict.fromkeys(
        (
            *(
                "Blocker",
                "Explanation",
                "Fault",
                "GroupInfo",
                "Hold",
                "LimitInfo",
                "LogLine",
                "LogLines",
                "Page",
            ),
            *("QueueInfo", "SignalInfo", "Step", "WorkerInfo"),
        ),
        "interlock.core.records",
    ),
    **dict.fromkeys(("Cause", "Remark", "RemarkKind"), "interlock.core.causes"),
    **dict.fromkeys(("Dependency", "Graph", "Linked"), "interlock.core.dependencies"),
    **dict.fromkeys(
        ("ScheduleEdit", "ScheduleInfo", "Tick", "TickOutcome"),
        "interlock.core.ticks",
    ),
    "chain": "interlock.jobs.chains",
    "AsyncEngine": "interlock.api.aio",
    "AsyncGroup": "interlock.api.async_group",
    "ChildGroup": "interlock.api.children",
    "Group": "interlock.api.group",
    "AsyncJobHandle": "interlock.api.handle",
    "BulkResult": "interlock.api.bulk",
    "Filters": "interlock.api.bulk",
    "Engine": "interlock.api.engine",
    "JobHandle": "interlock.api.handle",
    "Worker": "interlock.worker.loop",
    "WorkerSettings": "interlock.worker.settings",
}


def __getattr__(name: str) -> object:
    """Import a name of `_LATER` at its first use; look up `__version__`."""
    if name == "__version__":
        return import_module("importlib.metadata").version("interlock-jobs")
    if name not in _LATER:
        raise AttributeError(f"module 'interlock' has no attribute {name!r}")
    value = globals()[name] = getattr(import_module(_LATER[name]), name)
    return value
