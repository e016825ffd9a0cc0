"""The ports: protocols of store, runner, clock and tracing, and how adapters are found.

Imports only `core`. The names below are public: authors of a store or a runner need
them.
"""

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from interlock.core.job import Move, NewJob
    from interlock.core.limits import Rate
    from interlock.core.observations import (
        ExitSeen,
        Launch,
        Output,
        PidSeen,
        Request,
        TreeDead,
        Unconfirmed,
    )
    from interlock.core.records import (
        Answer,
        ClaimRequest,
        EndedJob,
        FeedPosition,
        KillUnconfirmed,
        Lost,
        Needs,
        ProgressNote,
        Running,
        Search,
        Started,
        Stint,
        Totals,
        Used,
    )
    from interlock.core.retention import Keep
    from interlock.core.ticks import Plan
    from interlock.core.uniqueness import OnConflict, Unique
    from interlock.ports.clock import Clock
    from interlock.ports.groups import Groups
    from interlock.ports.runner import Execution, Runner, Source, Wakeup
    from interlock.ports.schedules import Schedules
    from interlock.ports.steps import Steps
    from interlock.ports.store import JobStore

__all__ = [
    "Answer",
    "ClaimRequest",
    "Clock",
    "EndedJob",
    "Execution",
    "ExitSeen",
    "FeedPosition",
    "Groups",
    "JobStore",
    "Keep",
    "KillUnconfirmed",
    "Launch",
    "Lost",
    "Move",
    "Needs",
    "NewJob",
    "OnConflict",
    "Output",
    "PidSeen",
    "Plan",
    "ProgressNote",
    "Rate",
    "Request",
    "Runner",
    "Running",
    "Schedules",
    "Search",
    "Source",
    "Started",
    "Steps",
    "Stint",
    "Totals",
    "TreeDead",
    "Unconfirmed",
    "Unique",
    "Used",
    "Wakeup",
]

_HOMES = (
    *("ports.clock", "ports.groups", "ports.runner", "ports.schedules"),
    *("ports.steps", "ports.store"),
)
_VALUES = (
    *("core.job", "core.limits", "core.observations", "core.records"),
    *("core.retention", "core.ticks", "core.uniqueness"),
)


def __getattr__(name: str) -> object:
    """Import a name of `__all__` at its first use: processes of jobs need none."""
    if name in __all__:
        for home in (*_HOMES, *_VALUES):
            value = getattr(import_module(f"interlock.{home}"), name, None)
            if value is not None:
                globals()[name] = value
                return value
    raise AttributeError(f"module 'interlock.ports' has no attribute {name!r}")
