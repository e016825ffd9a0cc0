"""Functions of the application that run when a worker or a job starts and ends.

    from interlock import hooks

    @hooks.job_start
    def connect() -> None: ...

The hooks of a kind run in the order in which they were declared. `worker_*` and
`before_fork` run in the process that has imported the job modules and from which jobs
are forked; `job_*` in the process of each job, and not when that is killed.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Generic, TypeVar

Hook = TypeVar("Hook", bound=Callable[..., object])


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """How a job's function ended: it returned `result`, or raised `error`."""

    result: object = None
    error: BaseException | None = None


@dataclass(frozen=True, slots=True)
class HookList(Generic[Hook]):
    """The hooks of one kind: a decorator that adds one."""

    _hooks: list[Hook] = field(default_factory=list[Hook])

    def __call__(self, hook: Hook) -> Hook:
        """Add a hook, and return it as it is."""
        self._hooks.append(hook)
        return hook

    def __bool__(self) -> bool:
        """Whether there is any."""
        return bool(self._hooks)

    def run(self, *args: object) -> None:
        """Call the hooks. What one raises ends the run."""
        for hook in self._hooks:
            hook(*args)


#: The job modules are imported: load what all jobs share. What it raises is logged, and
#: no job starts until it succeeds.
worker_ready: HookList[Callable[[], object]] = HookList()
#: No more jobs: the last thing that happens after the last job has ended.
worker_stop: HookList[Callable[[], object]] = HookList()
#: Before the first job is forked: close what forks must not share, stop threads.
before_fork: HookList[Callable[[], object]] = HookList()
#: Before the job's function. What it raises fails the attempt.
job_start: HookList[Callable[[], object]] = HookList()
#: After the job's function. What it raises is written to the job's log, no more.
job_end: HookList[Callable[[Outcome], object]] = HookList()
