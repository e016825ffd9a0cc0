"""A worker whose words are kept as evidence."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

LEASE_S = 3


@contextmanager
def worker(
    database: str, log: Path, *, inside: Sequence[str] = ()
) -> Iterator[subprocess.Popen[bytes]]:
    """Run `interlock worker`; it must live to the end, and never show a traceback.

    Args:
        database: the URL of its store.
        log: where its standard error goes.
        inside: a command that runs it somewhere else.
    """
    program = [sys.executable, "-m", "interlock_adapters.cli.main", "worker"]
    modules = ["e2e.sample_jobs", "faults.fault_jobs"]
    options = ["--database", database, "--lease", str(LEASE_S), "--concurrency", "2"]
    with log.open("ab") as stderr:
        process = subprocess.Popen(
            [*inside, *program, *modules, *options],
            cwd=Path(__file__).parents[1],
            start_new_session=True,
            stderr=stderr,
        )
    try:
        yield process
        process.terminate()
        assert process.wait(20) == 0, log.read_text()
    finally:
        process.kill()
        process.wait()
    assert "Traceback" not in log.read_text(), log.read_text()
