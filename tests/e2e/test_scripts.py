"""A script's jobs run in `__main__`, however the script was started."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
import zipapp
from pathlib import Path

import pytest

from pace import deadline

SCRIPT = Path(__file__).parent / "scripts" / "square.py"
PROMPT = """
from interlock import Engine, job

@job()
def late() -> None: ...

with Engine.open("sqlite:///jobs.db") as engine, engine.worker():
    pass
"""


def _file(folder: Path) -> tuple[str, list[str]]:
    shutil.copy(SCRIPT, folder / "square.py")
    return "square", ["square.py"]


def _no_suffix(folder: Path) -> tuple[str, list[str]]:
    shutil.copy(SCRIPT, folder / "my-square")
    return "my_square", ["my-square"]


def _module(folder: Path) -> tuple[str, list[str]]:
    (folder / "shapes").mkdir()
    (folder / "shapes" / "__init__.py").touch()
    (folder / "shapes" / "unit.py").write_text("UNIT = 1\n")
    text = SCRIPT.read_text().replace(
        "import json\n", "import json\nfrom .unit import UNIT\n"
    )
    (folder / "shapes" / "square.py").write_text(text)
    return "shapes.square", ["-m", "shapes.square"]


def _folder(folder: Path) -> tuple[str, list[str]]:
    (folder / "squares").mkdir()
    shutil.copy(SCRIPT, folder / "squares" / "__main__.py")
    return "squares", ["squares"]


def _archive(folder: Path) -> tuple[str, list[str]]:
    _, (name,) = _folder(folder)
    zipapp.create_archive(folder / name, folder / "squares.pyz")
    return "squares", ["squares.pyz"]


@pytest.mark.parametrize("make", [_file, _no_suffix, _module, _folder, _archive])
def test_jobs_of_a_script_can_do_what_the_script_can(
    tmp_path: Path, make: object
) -> None:
    assert callable(make)
    name, arguments = make(tmp_path)
    done = subprocess.run(
        [sys.executable, *arguments, "--size", "5"],
        cwd=tmp_path,
        check=True,
        stdout=subprocess.PIPE,
        text=True,
        timeout=deadline(100),
    )
    squares, doubles = [0, 1, 4], [0, 2, 4]
    assert json.loads(done.stdout) == [
        f"{name}.told",
        {
            "pickle": [3, "__main__", "__main__", ["--size", "5"]],
            "spawn": squares,
            "forkserver": squares,
            "fork": squares,
            "executor": squares,
            "a job's function": doubles,
        },
    ]


def test_jobs_of_a_prompt_are_refused_with_the_way_out(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-"],
        input=PROMPT,
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=deadline(50),
        check=False,
    )
    assert done.returncode != 0
    assert "declared at a prompt or in a notebook cell" in done.stderr
    assert "%%writefile my_jobs.py" in done.stderr
