"""Start the job's main process below its shim: by fork, or as a fresh interpreter."""

import json
import os
import sys
from collections.abc import Callable, Mapping
from contextlib import suppress
from functools import partial
from typing import Any, NoReturn

from interlock_adapters.subprocess import child, domain, linux
from interlock_adapters.subprocess.leftovers import process_name
from interlock_adapters.subprocess.pipes import Pipes
from interlock_adapters.subprocess.shim import Spawn

#: (launch, result_fd, notice_fd) -> what the fork calls; itself called before it.
Prepare = Callable[[Mapping[str, Any], int, int], Callable[[], NoReturn]]


def spawner(config: Mapping[str, Any], *, fork_only: bool) -> Spawn:
    """Return what starts a launch; `config` says how to import the job modules."""
    in_namespace = config["containment"] == domain.NAMESPACE

    def spawn(launch: Mapping[str, Any]) -> Pipes:
        prepare: Prepare = _as_fork
        if launch["isolation"] == "interpreter" or not fork_only:
            prepare = partial(_as_interpreter, config)
        return _fork(launch, prepare, in_namespace=in_namespace)

    return spawn


def _fork(launch: Mapping[str, Any], prepare: Prepare, *, in_namespace: bool) -> Pipes:
    """Fork the job. What can be done before, is: each page a fork writes is copied."""
    pipes = [os.pipe() for _ in range(4)]
    (out, out_w), (err, err_w), (result, result_w), (notice_r, notice) = pipes
    job = Pipes(out, err, result, notice, (out_w, err_w, result_w, notice_r))
    os.environ["INTERLOCK_JOB_ID"] = launch["id"]
    os.environ["INTERLOCK_JOB_NAME"] = launch["name"]
    os.environ["INTERLOCK_ATTEMPT"] = str(launch["attempt"])
    name = process_name(launch["id"], launch["attempt"]).encode()
    most = child.most_descriptors()
    main = prepare(launch, result_w, notice_r)
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
            low, high = sorted((result_w, notice_r))
            os.closerange(3, low)  # a job must not have what is ours
            os.closerange(low + 1, high)
            os.closerange(high + 1, most)
            main()
        finally:
            os._exit(70)  # EX_SOFTWARE: it never returns
    job.begin(pid)
    return job


def _as_fork(
    launch: Mapping[str, Any], result_fd: int, notice_fd: int
) -> Callable[[], NoReturn]:
    return child.Main(launch, result_fd, notice_fd).run


def _as_interpreter(
    config: Mapping[str, Any],
    launch: Mapping[str, Any],
    result_fd: int,
    notice_fd: int,
) -> Callable[[], NoReturn]:
    def execute() -> NoReturn:
        from tempfile import TemporaryFile  # noqa: PLC0415  (imports random, see retry)

        child.stop_listening()
        with TemporaryFile() as file:  # has no name: nobody else can open it
            file.write(json.dumps({"config": config, "launch": launch}).encode())
            file.seek(0)
            child.inheritable(file.fileno(), result_fd, notice_fd)
            numbers = [str(fd) for fd in (file.fileno(), result_fd, notice_fd)]
            path = os.pathsep.join(config["path"])
            environment = {**os.environ, "PYTHONPATH": path}
            program = [sys.executable, "-m", "interlock_adapters.subprocess.fresh"]
            os.execve(sys.executable, [*program, *numbers], environment)  # noqa: S606

    return execute
