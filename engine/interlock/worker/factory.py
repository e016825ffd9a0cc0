"""Builds a worker for the registered jobs."""

import resource
import sys
from collections.abc import Iterable
from pathlib import Path

from interlock.core.errors import InterlockError, InvalidOption
from interlock.jobs.registry import prepare, refuse_while_importing, registered
from interlock.jobs.schedules import declarations
from interlock.ports import discovery
from interlock.ports.clock import Clock
from interlock.ports.store import JobStore
from interlock.worker.loop import Worker
from interlock.worker.requests import Answer
from interlock.worker.settings import WorkerSettings

_DESCRIPTORS = 256  # for all the rest of a process


def new_worker(
    store: JobStore,
    clock: Clock,
    settings: WorkerSettings,
    *,
    containment: str,
    modules: Iterable[str],
    answer: Answer,
) -> Worker:
    """See `Engine.new_worker`."""
    refuse_while_importing("starts a worker")
    jobs = registered()
    if not jobs:
        raise InterlockError(
            "No job is registered in this process. Import the modules that declare "
            "jobs with @job first. No worker was started."
        )
    prepare()  # refuse what no job could be started with
    declarations(jobs.values())  # and schedules that no job could be submitted for
    _make_room(settings.concurrency)
    names = {job.function.__module__ for job in jobs.values()} | set(modules)
    main = _main() if "__main__" in names else None
    runner = discovery.open_runner(
        containment=containment,
        modules=sorted(names - {"__main__"}),
        main=main,
        ahead=settings.concurrency + 1,
        place=store.place(),
    )
    return Worker(store, runner, jobs, settings, clock, answer=answer)


def _make_room(concurrency: int) -> None:
    """Raise the soft limit of file descriptors if needed: a running job takes two.

    Raises:
        InvalidOption: the hard limit is too low for so many.
    """
    needed = concurrency * 2 + _DESCRIPTORS
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft == resource.RLIM_INFINITY or soft >= needed:
        return
    if hard != resource.RLIM_INFINITY and hard < needed:
        possible = max(1, (hard - _DESCRIPTORS) // 2)
        message = (
            f"concurrency={concurrency} needs {needed} file descriptors, and this "
            f"process may have {hard} (`ulimit -Hn`). Use {possible} or less."
        )
        raise InvalidOption.because("concurrency", message)
    resource.setrlimit(resource.RLIMIT_NOFILE, (needed, hard))


def _main() -> dict[str, str]:
    """Return how to import the main module again: a module, a folder or a file.

    Raises:
        InterlockError: the main module has no file.
    """
    main = sys.modules["__main__"]
    spec = getattr(main, "__spec__", None)
    file = getattr(main, "__file__", None)
    if spec is not None and spec.name != "__main__":  # -m
        return {"module": spec.name}
    if spec is not None and file is not None:  # a folder, or a zip archive
        return {"folder": str(Path(file).absolute().parent)}
    if file is None or not Path(file).is_file():
        raise InterlockError(
            "Jobs are declared at a prompt or in a notebook cell, where workers cannot "
            "import them. Put them into a module (in a notebook: `%%writefile "
            "my_jobs.py` as a cell's first line) and import it. No worker was started."
        )
    return {"file": str(Path(file).absolute())}
