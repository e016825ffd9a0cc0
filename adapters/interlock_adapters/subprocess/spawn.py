"""Start the job's main process below its shim: by fork, or as a fresh interpreter."""

import json
import os
import signal
import sys
import tempfile
from collections.abc import Callable, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any, NoReturn

from interlock_adapters.subprocess import child, linux
from interlock_adapters.subprocess.shim import Pipes, Spawn

_OOM_SCORE = "500"  # the kernel takes the job before its shim (proc(5), oom_score_adj)

_DEFAULT = (
    *(signal.SIGINT, signal.SIGHUP, signal.SIGTERM),
    *(signal.SIGCHLD, signal.SIGPIPE),
)


def spawner(config: Mapping[str, Any], *, fork_only: bool) -> Spawn:
    """Return what starts a launch; `config` says how to import the job modules."""

    def spawn(launch: Mapping[str, Any]) -> Pipes:
        fresh = launch["isolation"] == "interpreter" or not fork_only
        body: Callable[[Mapping[str, Any], int, int], NoReturn] = child.run
        if fresh:
            body = _interpreter(config)
        return _fork(launch, body)

    return spawn


def _fork(
    launch: Mapping[str, Any], body: Callable[[Mapping[str, Any], int, int], NoReturn]
) -> Pipes:
    pipes = [os.pipe() for _ in range(4)]
    (out, out_w), (err, err_w), (result, result_w), (notice_r, notice) = pipes
    shim = os.getpid()
    pid = os.fork()
    if pid == 0:
        try:
            os.setsid()
            with suppress(AttributeError, OSError):  # not Linux
                linux.die_with_parent(shim)
                linux.name_process(process_name(launch["id"]))
            with suppress(OSError):
                Path("/proc/self/oom_score_adj").write_text(_OOM_SCORE)
            for signum in _DEFAULT:
                signal.signal(signum, signal.SIG_DFL)
            os.environ.update(launch["environment"])
            child.redirect(out_w, err_w, (result_w, notice_r))
            body(launch, result_w, notice_r)
        finally:
            os._exit(70)  # EX_SOFTWARE: the body never returns
    for fd in (out_w, err_w, result_w, notice_r):
        os.close(fd)
    return Pipes(pid, out, err, result, notice)


def process_name(job_id: str) -> str:
    """Return the name of a job's processes in ps(1): the end of its id."""
    return f"job:{job_id[-11:]}"


def _interpreter(
    config: Mapping[str, Any],
) -> Callable[[Mapping[str, Any], int, int], NoReturn]:
    def body(launch: Mapping[str, Any], result_fd: int, notice_fd: int) -> NoReturn:
        with tempfile.TemporaryFile() as file:  # has no name: nobody else can open it
            file.write(json.dumps({"config": config, "launch": launch}).encode())
            file.seek(0)
            child.inheritable(file.fileno(), result_fd, notice_fd)
            numbers = [str(fd) for fd in (file.fileno(), result_fd, notice_fd)]
            path = os.pathsep.join(config["path"])
            environment = {**os.environ, "PYTHONPATH": path}
            program = [sys.executable, "-m", "interlock_adapters.subprocess.fresh"]
            os.execve(sys.executable, [*program, *numbers], environment)  # noqa: S606

    return body
