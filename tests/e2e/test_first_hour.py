"""The first commands of a newcomer: `interlock init`, `interlock dev`."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import httpx
import pytest

from pace import deadline

from .processes import until

BILLS = """
from dataclasses import dataclass
from datetime import date
from interlock import job

@dataclass
class Bill:
    day: date

@job(name="bill")
def bill(day: date) -> Bill:
    return Bill(day)
"""


def _commands(folder: Path) -> dict[str, str]:
    """Return the environment of a terminal in this folder, without our settings."""
    ours = {k: v for k, v in os.environ.items() if not k.startswith("INTERLOCK_")}
    return {**ours, "PWD": str(folder)}


def _run(
    folder: Path, *arguments: str, code: int = 0
) -> subprocess.CompletedProcess[str]:
    done = subprocess.run(
        [sys.executable, "-m", "interlock_adapters.cli.main", *arguments],
        cwd=folder,
        env=_commands(folder),
        capture_output=True,
        text=True,
        timeout=deadline(60),
        check=False,
    )
    assert done.returncode == code, done.stderr
    return done


@contextmanager
def _dev(folder: Path, port: int) -> Iterator[subprocess.Popen[str]]:
    with (folder / "dev.log").open("w") as log:
        program = [sys.executable, "-m", "interlock_adapters.cli.main"]
        process = subprocess.Popen(
            [*program, "dev", "--port", str(port)],
            cwd=folder,
            env=_commands(folder),
            stderr=log,
            text=True,
        )
    try:
        yield process
    finally:
        process.send_signal(signal.SIGINT)
        assert process.wait(deadline(30)) == 130


def _free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as server:
        return int(server.getsockname()[1])


def _processes_in(folder: Path) -> list[int]:
    """Return the processes that work in this folder."""
    found = []
    for entry in Path("/proc").glob("[0-9]*"):
        with suppress(OSError):
            if (entry / "cwd").readlink() == folder:
                found.append(int(entry.name))
    return found


def _serves(port: int) -> bool:
    with suppress(httpx.HTTPError):
        return httpx.get(f"http://127.0.0.1:{port}/").status_code == 200
    return False


def test_a_new_project_runs_a_job_and_then_its_changed_code(tmp_path: Path) -> None:
    told = _run(tmp_path, "init").stdout
    assert "interlock dev" in told
    port = _free_port()
    with _dev(tmp_path, port):
        until(lambda: _serves(port))
        hello = _run(tmp_path, "submit", "jobs.greet", "name=Anna", "seconds=0")
        waited = _run(tmp_path, "wait", hello.stdout.strip())
        assert "Hello, Anna!" in waited.stdout
        module = tmp_path / "jobs.py"
        module.write_text(module.read_text().replace("Hello", "Ciao"))
        log = tmp_path / "dev.log"
        until(lambda: "jobs.py changed" in log.read_text())
        until(lambda: log.read_text().count("serving on") == 2)
        ciao = _run(tmp_path, "submit", "jobs.greet", "name=Anna", "seconds=0")
        assert "Ciao, Anna!" in _run(tmp_path, "wait", ciao.stdout.strip()).stdout
        module.write_text("broken(\n")
        until(lambda: "was never closed" in log.read_text())
        module.write_text(module.read_text().replace("broken(", "# mended"))
    assert _processes_in(tmp_path) == []
    assert not _serves(port)


def test_a_result_that_is_no_plain_json_is_printed_as_it_is_stored(
    tmp_path: Path,
) -> None:
    (tmp_path / "bills.py").write_text(BILLS)
    options = ("--module", "bills", "--database", "sqlite:///jobs.db")
    program = [sys.executable, "-m", "interlock_adapters.cli.main", "worker", "bills"]
    worker = subprocess.Popen(
        [*program, *options[2:]], cwd=tmp_path, env=_commands(tmp_path)
    )
    try:
        done = _run(tmp_path, "submit", "bill", "day=2026-12-01", "--wait", *options)
    finally:
        worker.terminate()
        worker.wait(deadline(20))
    assert json.loads(done.stdout.splitlines()[-1])["day"] == "2026-12-01"


def test_a_port_that_is_taken_is_told_once(tmp_path: Path) -> None:
    _run(tmp_path, "init")
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = str(server.getsockname()[1])
        refused = _run(tmp_path, "dev", "--port", port, code=2).stderr
    assert "cannot be opened" in refused


@pytest.mark.parametrize("module", ["3d", "a-b", "", "class"])
def test_a_module_needs_a_name_that_can_be_imported(
    tmp_path: Path, module: str
) -> None:
    assert "can import" in _run(tmp_path, "init", module, code=2).stderr
    assert list(tmp_path.iterdir()) == []


def test_no_file_is_overwritten(tmp_path: Path) -> None:
    (tmp_path / "jobs.py").write_text("mine = 1\n")
    assert "jobs.py exists" in _run(tmp_path, "init", code=2).stderr
    settings = tmp_path / "pyproject.toml"
    settings.write_text('[project]\nname = "shop"\n')
    assert "wrote tasks.py" in _run(tmp_path, "init", "tasks").stdout
    assert settings.read_text().startswith('[project]\nname = "shop"\n\n[tool.inter')
    assert "is set up here" in _run(tmp_path, "init", "other", code=2).stderr
    assert (tmp_path / "jobs.py").read_text() == "mine = 1\n"
    assert not (tmp_path / "other.py").exists()
