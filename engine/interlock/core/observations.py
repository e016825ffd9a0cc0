"""The values of the runner port: what to launch, and what the runner observes."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from interlock.core.job import Exit, Failure, Job
from interlock.core.lifecycle import Proof
from interlock.core.progress import Progress


@dataclass(frozen=True, slots=True, kw_only=True)
class ExitSeen:
    """The main process has ended; other processes of its tree may still be alive."""

    exit: Exit
    result: object = None
    failure: Failure | None = None  # None: the function returned


@dataclass(frozen=True, slots=True, kw_only=True)
class TreeDead:
    """The kernel has reported that no process of the attempt is left."""

    proof: Proof
    signals: tuple[str, ...] = ()  # that were sent
    killed: int = 0  # processes that SIGKILL had to end
    cpu_seconds: float | None = None  # of all its processes
    peak_memory_bytes: int | None = None  # of its largest process
    where: str | None = None  # the function that it was in when it was stopped


@dataclass(frozen=True, slots=True, kw_only=True)
class PidSeen:
    """The main process has been running for `age_s` seconds."""

    pid: int
    age_s: float = 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Output:
    """Lines of output."""

    stream: str
    lines: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Unconfirmed:
    """The tree was killed, but the kernel has not confirmed its death (D state)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """The job asks its worker for something, and waits for the answer."""

    body: Mapping[str, Any]


Observation = PidSeen | Output | Progress | Request | ExitSeen | Unconfirmed | TreeDead


@dataclass(frozen=True, slots=True, kw_only=True)
class Launch:
    """What a runner needs to start one attempt."""

    job: Job
    lease_deadline: float  # `Clock.boot` seconds; the tree is killed then
    deadline_at: datetime | None  # for the job to read; the worker enforces it
    isolation: str = "process"  # or "interpreter"
    limits: Mapping[str, int] = field(default_factory=dict[str, int])
    privileges: bool = False  # keep what jobs must not have: no_new_privs is not set
    pass_env: Sequence[str] | None = None  # the only variables that it gets; None: all
    run_as: str | None = None  # the user that it becomes; None: that of the worker
    private_tmp: bool = False  # /tmp and /var/tmp are its own, and empty
    trace: Mapping[str, str] = field(default_factory=dict[str, str])  # a carrier
