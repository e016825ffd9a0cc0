"""The examples of the page about schedules run as they are printed."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

from interlock_adapters.cli.schedules import schedules
from pace import deadline

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "schedules.md").read_text()
NIGHTLY, AT_RUN_TIME = re.findall(r"```python\n(.*?)```", PAGE, flags=re.DOTALL)


def _run(folder: Path, *program: str) -> str:
    done = subprocess.run(
        [sys.executable, *program],
        cwd=folder,
        capture_output=True,
        text=True,
        timeout=deadline(60),
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_the_examples_and_commands_run_as_they_are_printed(tmp_path: Path) -> None:
    assert len([line for line in NIGHTLY.splitlines() if line.strip()]) <= 15
    (tmp_path / "reports.py").write_text(NIGHTLY)
    (tmp_path / "edits.py").write_text(AT_RUN_TIME)
    assert _run(tmp_path, "reports.py") == "the last 1 days\n"
    told = _run(tmp_path, "edits.py")
    assert "1 anna created None" in told
    assert "2 client cron None -> @weekly, every 1h -> None, catchup skip -> " in told
    (block,) = re.findall(r"```sh\n(interlock schedules.*?)```", PAGE, flags=re.DOTALL)
    for line in block.splitlines():
        words = re.findall(r'"[^"]*"|[^ "]+', line.partition("#")[0])[1:]
        plain = [word.strip('"') for word in words]
        database = ("--database", "sqlite:///jobs.db")
        _run(tmp_path, "-m", "interlock_adapters.cli.main", *plain, *database)


def test_every_command_is_on_the_page() -> None:
    for command in schedules.registered_commands:
        assert re.search(rf"\b{command.name}\b", PAGE), command.name
