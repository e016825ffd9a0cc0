"""Hooks: functions of the application that run when a worker or a job starts or ends.

    from interlock import hooks

    @hooks.job_start
    def connect() -> None: ...

The hooks of a kind run in the order of their declaration. `worker_*` and `before_fork`
run in the process that has imported the job modules and from which jobs are forked.
`job_*` run in the process of each job, but not after it was killed.
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
        """Add a hook, and return it unchanged."""
        self._hooks.append(hook)
        return hook

    def __bool__(self) -> bool:
        """Whether there is any."""
        return bool(self._hooks)

    def run(self, *args: object) -> None:
        """Call the hooks in order; an exception of one stops the others."""
        for hook in self._hooks:
            hook(*args)


#: After the import of the job modules: load what all jobs share. An exception is
#: logged, and no job starts until the hook succeeds.
worker_ready: HookList[Callable[[], object]] = HookList()
#: After the last job has ended.
worker_stop: HookList[Callable[[], object]] = HookList()
#: Before the first fork: close what jobs must not share, and stop threads.
before_fork: HookList[Callable[[], object]] = HookList()
#: Before the job's function. An exception fails the attempt.
job_start: HookList[Callable[[], object]] = HookList()
#: After the job's function. An exception is only written to the job's log.
job_end: HookList[Callable[[Outcome], object]] = HookList()
