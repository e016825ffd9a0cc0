"""`interlock serve` as a process of its own."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from pace import deadline

PROGRAM = [sys.executable, "-m", "interlock_adapters.cli.main"]


def environment(**more: str) -> dict[str, str]:
    inherited = {k: v for k, v in os.environ.items() if not k.startswith("INTERLOCK_")}
    paths = [str(Path(__file__).parents[1]), os.environ.get("PYTHONPATH", "")]
    return {**inherited, "PYTHONPATH": os.pathsep.join(filter(None, paths)), **more}


@contextmanager
def served(
    folder: Path, *options: str, module: str = "e2e.sample_jobs", **env: str
) -> Iterator[tuple[str, Any]]:
    """Run `interlock serve`; yield its URL and its process; stop it gracefully."""
    database = ("--database", f"sqlite:///{folder}/jobs.db", "--port", "0")
    process = subprocess.Popen(
        [*PROGRAM, "serve", module, *database, *options],
        cwd=folder,
        env=environment(**env),
        stderr=subprocess.PIPE,
        text=True,
    )
    assert process.stderr is not None
    try:
        output = ""
        while not (match := re.search(r"serving on (http\S+)", output)):
            line = process.stderr.readline()
            assert line, output
            output += line
        yield match[1], process
    finally:
        process.terminate()
        _, rest = process.communicate(timeout=deadline(30))
        assert process.returncode == 0, output + rest
