"""The client in TypeScript of README.md beside it: generated, compiled, and run."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from pathlib import Path

import pytest

from http_api.program import served
from pace import deadline

DOCS = Path(__file__).parents[2] / "docs"
EXAMPLE = "examples/typescript"
_NAPS = re.compile(r"```python\n(# naps\.py\n.*?)```", re.DOTALL)
_NEW = shutil.ignore_patterns("node_modules", "dist", "interlock.d.ts")


def _skip(message: str) -> None:
    assert not os.environ.get("INTERLOCK_REQUIRE_NODE"), message
    pytest.skip(message)


def _npm(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        ["npm", *arguments],
        cwd=folder,
        capture_output=True,
        text=True,
        timeout=deadline(100),
        check=False,
    )


@pytest.fixture
def example(tmp_path: Path) -> Path:
    """Return a copy of the example with its packages, below a copy of the document."""
    if shutil.which("node") is None or shutil.which("npm") is None:
        _skip("NO NODE: the client in TypeScript is not tested; install nodejs and npm")
    folder = tmp_path / "docs" / EXAMPLE
    shutil.copytree(DOCS / EXAMPLE, folder, ignore=_NEW)
    shutil.copy(DOCS / "openapi.json", tmp_path / "docs")
    done = _npm(folder, "install", "--no-audit", "--no-fund", "--prefer-offline")
    if done.returncode != 0:
        _skip(f"NO PACKAGES: the client in TypeScript is not tested: {done.stderr}")
    return folder


@pytest.mark.timeout(300)
def test_the_example_compiles_strictly_and_runs(tmp_path: Path, example: Path) -> None:
    built = _npm(example, "run", "build")
    assert built.returncode == 0, built.stdout + built.stderr
    naps = _NAPS.search((DOCS / "http.md").read_text())
    assert naps is not None
    (tmp_path / "naps.py").write_text(naps[1])
    with served(tmp_path, "--with-worker", module="naps") as (url, _):
        ran = _npm(example, "--silent", "start", "--", url)
    assert (ran.returncode, ran.stderr) == (0, "")
    assert ran.stdout.splitlines() == [
        "SUCCEEDED: 0.2",
        "CANCELED: enough",
        "409: cancel is not possible: the job is SUCCEEDED",
        "422: seconds is missing; second is unexpected",
    ]
    assert not (example / "package-lock.json").exists()
