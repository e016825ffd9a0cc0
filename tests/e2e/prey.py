"""A worker with a secret, in a process of its own, for jobs that are after it."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

import ordinary_user
from interlock import Engine, Job
from interlock.jobs.registry import JobFunction
from pace import deadline

SECRET = "hunter2"


@dataclass
class Prey:
    """A worker with a secret, and how it runs."""

    engine: Engine
    folder: Path
    user: str
    containment: str
    process: subprocess.Popen[bytes]

    def ended(self, job: JobFunction[..., Any], *args: object) -> Job:
        """Run a job to its end."""
        return self.engine.submit(job, *args).wait(deadline(20))

    def said(self, job: JobFunction[..., Any], *args: object) -> Any:
        """Return the result of a job."""
        return self.engine.submit(job, *args).result(deadline(20))


@contextmanager
def worker(
    folder: Path,
    user: str,
    containment: str,
    *options: str,
    jobs: str = "e2e.hostile_jobs",
    before: tuple[str, ...] = (),
    **how: Any,
) -> Iterator[Prey]:
    """Run a worker as a user; its database and its token are secrets.

    `user` is "root", "ordinary", or "root for all": one whose Python everybody can run.
    `before` is a program that starts it.
    """
    if user != "ordinary" and os.getuid() != 0:
        pytest.skip("the tests do not run as root")
    url = f"sqlite:///{folder}/jobs.db"
    environment = {"INTERLOCK_DATABASE_URL": url, "INTERLOCK_TOKEN": SECRET}
    environment |= {"ALLOWED": "yes", "OTHER": SECRET + "-of-the-user"}
    start: dict[str, Any] = {"env": {**os.environ, **environment}}
    start["cwd"] = Path(__file__).parents[1]
    program = sys.executable
    if user != "root":
        program, start = ordinary_user.python(), ordinary_user.as_user(environment)
    if user == "root for all":
        start = {"env": {**start["env"], "PYTHONPATH": _path()}, "cwd": "/"}
    command = ["-m", "interlock_adapters.cli.main", "worker", jobs]
    command += ["--concurrency", "2", "--lease", "5", "--containment", containment]
    with Engine.open(url) as engine:
        if user == "ordinary":
            ordinary_user.give(folder)
        process = subprocess.Popen(
            [*before, program, *command, *options], **{**start, **how}
        )
        try:
            yield Prey(engine, folder, user, containment, process)
        finally:
            process.terminate()
            process.wait(deadline(20))
        assert engine.verify() == []


def _path() -> str:
    """Return where the code is, without the modules that each Python has itself."""
    entries = [str(Path(__file__).parents[1]), *sys.path]
    return os.pathsep.join(
        e for e in entries if not e.startswith(sys.base_prefix + "/")
    )
