"""Make a worker of the jobs that this process has declared."""

import sys
from collections.abc import Iterable

from interlock import discovery
from interlock.clock import Clock
from interlock.errors import InterlockError
from interlock.ports import JobStore
from interlock.registry import registered
from interlock.settings import WorkerSettings
from interlock.worker import Worker


def new_worker(
    store: JobStore,
    clock: Clock,
    settings: WorkerSettings,
    *,
    containment: str,
    modules: Iterable[str],
) -> Worker:
    """See `Engine.new_worker`."""
    jobs = registered()
    if not jobs:
        raise InterlockError(
            "no job is registered in this process: import the modules with @job "
            "first. No worker was started."
        )
    names = {job.function.__module__ for job in jobs.values()} | set(modules)
    main = getattr(sys.modules["__main__"], "__file__", None)
    runner = discovery.open_runner(
        containment=containment,
        modules=sorted(names - {"__main__"}),
        main=main if "__main__" in names else None,
        ahead=settings.concurrency + 1,
    )
    return Worker(store, runner, jobs, settings, clock)
