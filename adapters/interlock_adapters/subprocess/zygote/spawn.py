"""Starts a job's main process below its shim: by fork, or as a fresh interpreter."""

import json
import os
import sys
from collections.abc import Callable, Collection, Mapping, Sequence
from contextlib import suppress
from functools import cache, partial
from itertools import count
from typing import Any, Final, NoReturn

from interlock.core.errors import UnknownJobName
from interlock.jobs import registry
from interlock_adapters.subprocess.child import child, sigterm
from interlock_adapters.subprocess.kernel import kill_domain, linux
from interlock_adapters.subprocess.kernel.leftovers import PLACE, process_name
from interlock_adapters.subprocess.launch_order import LaunchOrder
from interlock_adapters.subprocess.shim.pipes import Pipes
from interlock_adapters.subprocess.shim.shim import Spawn
from interlock_adapters.subprocess.zygote.confinement import Confine, confiner
from interlock_adapters.subprocess.zygote.fork_safety import Prepared

_ALWAYS_PASSED: Final = (
    "INTERLOCK_JOB_ID",
    "INTERLOCK_JOB_NAME",
    "INTERLOCK_ATTEMPT",
    PLACE,
    "TMPDIR",
    "JOBLIB_TEMP_FOLDER",
)
#: What a fork runs, and which descriptors it keeps, ascending.
Plan = tuple[Callable[[], NoReturn], Sequence[int]]
#: (order, result_fd, notice_fd) -> a plan, made before the fork.
Prepare = Callable[[LaunchOrder, int, int], Plan]


def spawner(config: Mapping[str, Any], prepared: Prepared) -> Spawn:
    """Return a function that starts launches; `config` names the job modules."""
    in_namespace = config["containment"] == kill_domain.NAMESPACE
    forks = {"fork"} if prepared.unsafe else {"fork", "process"}
    confined = confiner(config["containment"])
    as_fork: Prepare = partial(_as_fork, prepared, child.Main(steps=prepared.steps))
    as_interpreter: Prepare = partial(_as_interpreter, config)

    def spawn(order: LaunchOrder) -> Pipes:
        is_fork = order.isolation in forks and order.pass_env is None
        prepare = as_fork if is_fork else as_interpreter
        return _fork(order, prepare, confined(order), in_namespace=in_namespace)

    return spawn


def _fork(
    order: LaunchOrder,
    prepare: Prepare,
    confine: Confine,
    *,
    in_namespace: bool,
) -> Pipes:
    """Fork the job. Prepare before the fork: each page that a fork writes is copied.

    Raises:
        OSError: there is no process or descriptor left; the pipes are closed again.
        UnknownJobName: no job module has declared it.
    """
    pipes: list[tuple[int, int]] = []
    try:
        for _ in range(4):
            pipes.append(os.pipe())  # noqa: PERF401  (those before a failure are closed)
        return _fork_with(pipes, order, prepare, confine, in_namespace=in_namespace)
    except (OSError, UnknownJobName):
        for ends in pipes:
            os.close(ends[0])
            os.close(ends[1])
        raise


def _fork_with(
    pipes: Sequence[tuple[int, int]],
    order: LaunchOrder,
    prepare: Prepare,
    confine: Confine,
    *,
    in_namespace: bool,
) -> Pipes:
    (out, out_w), (err, err_w), (result, result_w), (notice_r, notice) = pipes
    job = Pipes(out, err, result, notice, (out_w, err_w, result_w, notice_r))
    os.set_blocking(notice_r, False)  # the job looks at it while it goes on
    os.environ["INTERLOCK_JOB_ID"] = order.id
    os.environ["INTERLOCK_JOB_NAME"] = order.name
    os.environ["INTERLOCK_ATTEMPT"] = str(order.attempt)
    name = process_name(order.id, order.attempt).encode()
    end = child.most_descriptors()
    main, fds = prepare(order, result_w, notice_r)
    shim = os.getpid()
    pid = os.fork()
    if pid == 0:
        try:
            linux.name_process(name)
            os.setsid()
            if not in_namespace:  # there the init takes all along, and ignores nothing
                child.default_signals()
                with suppress(AttributeError, OSError):  # not Linux
                    linux.die_with_parent(shim)
            os.dup2(out_w, 1)
            os.dup2(err_w, 2)
            at = 3
            for fd in fds:  # all but these: a job must not have what is ours
                os.closerange(at, fd)
                at = fd + 1
            os.closerange(at, end)
            confine()
            main()
        except (OSError, ImportError) as error:  # the code may be closed to its user
            os.write(2, f"The job's function was not called: {error}\n".encode())
        finally:
            os._exit(70)  # EX_SOFTWARE: it never returns
    job.begin(pid)
    return job


def _as_fork(
    prepared: Prepared,
    job: child.Main,
    order: LaunchOrder,
    result_fd: int,
    notice_fd: int,
) -> Plan:
    fds, lowest_fd = _kept_fds(prepared.fds, result_fd, notice_fd)
    job.prepare(order, result_fd, notice_fd, lowest_fd)
    return job.run, fds


def _passed(names: Collection[str] | None) -> dict[str, str]:
    """Return the environment of a job that gets only variables of these names.

    None: all. What Interlock itself has set for the job it always gets: the marks by
    which its processes are found, and its own folder for temporary files.
    """
    if names is None:
        return dict(os.environ)
    wanted = {*names, *_ALWAYS_PASSED}
    return {name: value for name, value in os.environ.items() if name in wanted}


@cache  # in each job of a shim, the pipes have the same numbers
def _kept_fds(
    of_modules: frozenset[int], result_fd: int, notice_fd: int
) -> tuple[Sequence[int], int]:
    """Return which descriptors a fork keeps, and the lowest that it has free."""
    fds = {*of_modules, result_fd, notice_fd}
    return sorted(fds), next(fd for fd in count(3) if fd not in fds)


def _as_interpreter(
    config: Mapping[str, Any],
    order: LaunchOrder,
    result_fd: int,
    notice_fd: int,
) -> Plan:
    registry.find(order.name)  # here, where nothing that the job says is believed

    def execute() -> NoReturn:
        from tempfile import TemporaryFile  # noqa: PLC0415  (imports random, see retry)

        sigterm.stop_listening()
        with TemporaryFile() as file:  # has no name: nobody else can open it
            file.write(
                json.dumps({"config": config, "order": order.to_json()}).encode()
            )
            file.seek(0)
            child.inheritable(file.fileno(), result_fd, notice_fd)
            numbers = [str(fd) for fd in (file.fileno(), result_fd, notice_fd)]
            path = os.pathsep.join(config["path"])
            environment = {**_passed(order.pass_env), "PYTHONPATH": path}
            program = [
                sys.executable,
                "-m",
                "interlock_adapters.subprocess.child.fresh",
            ]
            os.execve(sys.executable, [*program, *numbers], environment)  # noqa: S606

    return execute, sorted((result_fd, notice_fd))
