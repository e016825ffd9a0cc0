"""Workers for many tests: in this process, or in one of its own as people run it."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from interlock import Engine, Job, JobStatus
from interlock.jobs.call import Call
from pace import deadline


@dataclass
class OtherWorker:
    """It is asked through its database, and what it warns of is in a file."""

    engine: Engine
    _log: Path

    def said(self) -> str:
        """Return what the worker and its zygote have written."""
        return self._log.read_text()

    def ended(self, calls: Iterable[Call[object]]) -> list[Job]:
        """Run these; return the ended jobs in the same order."""
        return [handle.wait(deadline(100)) for handle in self.engine.submit_many(calls)]

    def results(self, calls: Iterable[Call[object]]) -> list[object]:
        """Run these; all succeed; return their results in the same order."""
        ended = self.ended(calls)
        errors = [job.error for job in ended if job.status is not JobStatus.SUCCEEDED]
        assert errors == [], (errors[:3], self.said())
        return [job.result for job in ended]


@contextmanager
def worker_of(
    module: str,
    folder: Path,
    *,
    concurrency: int = 4,
    environment: Mapping[str, str] | None = None,
) -> Iterator[OtherWorker]:
    """Run `interlock worker MODULE` on a SQLite file; stop it at the end."""
    url, log = f"sqlite:///{folder}/jobs.db", folder / "worker.log"
    program = [sys.executable, "-m", "interlock_adapters.cli.main", "worker", module]
    options = ["--database", url, "--concurrency", str(concurrency)]
    with Engine.open(url) as engine, log.open("ab") as file:
        process = subprocess.Popen(
            [*program, *options],
            cwd=Path(__file__).parent,
            env={**os.environ, **(environment or {})},
            stderr=file,
        )
        try:
            yield OtherWorker(engine, log)
        finally:
            process.terminate()
            assert process.wait(deadline(60)) == 0, log.read_text()
        assert engine.verify() == []


@contextmanager
def working_engine(folder: Path, **settings: Any) -> Iterator[Engine]:
    """Return an engine on a SQLite file, with a worker in this process."""
    with Engine.open(f"sqlite:///{folder}/jobs.db") as engine:
        with engine.worker(**{"concurrency": 4, **settings}):
            yield engine
        assert engine.verify() == []


def start() -> str:
    """Return how the process that asks was started: in a job, "fork" or "fresh".

    A fork has the command line of the zygote.
    """
    arguments = Path("/proc/self/cmdline").read_bytes().split(b"\0")
    module = arguments[arguments.index(b"-m") + 1].decode().rpartition(".")[2]
    return {"zygote": "fork"}.get(module, module)
