"""What a command refuses is told in one line that says what to do."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from importlib.metadata import version
from pathlib import Path
from typing import Any

import pytest
from typer.main import get_command
from typer.testing import CliRunner, Result

import interlock
from interlock import Engine, InvalidOption, JobStatus
from interlock.ports.discovery import database_url
from interlock_adapters.cli.main import app
from pace import deadline
from postgres import database

from . import sample_jobs as jobs

CLI = ("-m", "interlock")
Run = Callable[..., subprocess.CompletedProcess[str]]
Cli = Callable[..., Result]


@pytest.fixture
def python(tmp_path: Path) -> Run:
    """Run Python in an empty folder, with no setting from outside."""
    kept = {k: v for k, v in os.environ.items() if not k.startswith("INTERLOCK_")}

    def run(*words: str, **more: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, *words],
            cwd=tmp_path,
            env={**kept, "COLUMNS": "200", **more},
            capture_output=True,
            text=True,
            timeout=deadline(60),
            check=False,
        )

    return run


@pytest.fixture
def cli(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Cli:
    """Run a command in this process, in an empty folder, with no setting."""
    monkeypatch.chdir(tmp_path)
    for name in [name for name in os.environ if name.startswith("INTERLOCK_")]:
        monkeypatch.delenv(name)

    def run(*words: str, **more: str) -> Result:
        return CliRunner().invoke(app, list(words), env={"COLUMNS": "200", **more})

    return run


def _said(done: subprocess.CompletedProcess[str]) -> tuple[int, str, str]:
    return done.returncode, done.stdout, done.stderr


def _without(module: str, *words: str) -> tuple[str, str]:
    """Return a program: the command line where a module is not installed."""
    program = (
        f"import sys; sys.modules[{module!r}] = None; sys.argv[1:] = {list(words)}\n"
        "from interlock_adapters.cli.main import main; main()"
    )
    return "-c", program


@pytest.mark.parametrize(
    ("module", "words", "what", "extra"),
    [
        (
            "psycopg",
            ("list", "--database", "postgresql://u@h/d"),
            "The database 'postgresql'",
            "postgres",
        ),
        (
            "psycopg",
            ("db", "current", "--database", "postgres://u@h/d"),
            "The database with a schema 'postgresql'",
            "postgres",
        ),
        ("fastapi", ("serve",), "`interlock serve`", "http"),
        ("uvicorn", ("serve",), "`interlock serve`", "http"),
        ("httpx", ("list", "--server", "http://127.0.0.1:1"), "--server", "http"),
    ],
)
def test_a_missing_extra_is_named(
    python: Run, module: str, words: tuple[str, ...], what: str, extra: str
) -> None:
    assert _said(python(*_without(module, *words))) == (
        2,
        "",
        f"{what} needs the Python module {module!r}, which is not installed. "
        f'Run: pip install "interlock-jobs[{extra}]"\n',
    )


@pytest.mark.parametrize("command", [("worker",), ("submit", "x", "--module")])
@pytest.mark.parametrize(
    "failure",
    [
        ("x = 1\n1 / 0\n", "ZeroDivisionError: division by zero", 2),
        ("\n\nimport nosuch\n", "ModuleNotFoundError: No module named 'nosuch'", 3),
        ("def (:\n", "SyntaxError: invalid syntax (broken.py, line 1)", 1),
        ("raise SystemExit(3)\n", "SystemExit: 3", 1),
        (
            "from interlock import job\n\n@job(timeout=-1)\ndef f(): ...\n",
            "InvalidOption: Invalid value for timeout: -1. Use more than 0 seconds.",
            3,
        ),
    ],
)
def test_a_module_that_fails_at_its_import_is_named_with_the_line(
    python: Run,
    tmp_path: Path,
    command: tuple[str, ...],
    failure: tuple[str, str, int],
) -> None:
    text, what, line = failure
    file = tmp_path / "broken.py"
    file.write_text(text)
    assert _said(python(*CLI, *command, "broken")) == (
        2,
        "",
        f"The module 'broken' cannot be imported: {what} ({file}, line {line}).\n",
    )
    assert [path.name for path in tmp_path.glob("*.db")] == []


def test_a_module_that_is_not_there_is_named(python: Run) -> None:
    code, _, errors = _said(python(*CLI, "worker", "nosuch"))
    assert (code, errors) == (
        2,
        "There is no module 'nosuch' in this folder or in this Python environment. "
        "Run the command in the folder that contains it.\n",
    )
    assert "Write naps, without .py." in python(*CLI, "worker", "naps.py").stderr


@pytest.mark.parametrize("command", ["worker", "list --module"])
def test_a_script_that_runs_itself_is_refused_by_the_commands(
    python: Run, tmp_path: Path, command: str
) -> None:
    (tmp_path / "hasty.py").write_text(HASTY)
    code, _, errors = _said(python(*CLI, *command.split(), "hasty"))
    assert (code, errors.count("\n")) == (2, 1)
    assert "Put that code under `if __name__ == '__main__':`" in errors
    assert f"({tmp_path / 'hasty.py'}, line 8)" in errors


HASTY = """
from interlock import Engine, job

@job(name="hasty")
def hasty() -> int:
    return 1

with Engine.open("sqlite:///jobs.db") as engine, engine.worker(concurrency=1):
    handle = engine.submit(hasty)
    print(handle.result())
"""
AWAITED = """
import asyncio
from interlock import AsyncEngine, job

@job(name="hasty")
def hasty() -> int:
    return 1

async def main() -> None:
    async with await AsyncEngine.open("sqlite:///jobs.db") as engine:
        async with engine.worker(concurrency=1):
            handle = await engine.submit(hasty)
            print(await handle.result())

asyncio.run(main())
"""


@pytest.mark.parametrize(("text", "line"), [(HASTY, 8), (AWAITED, 11)])
def test_a_script_without_its_guard_is_told_once_and_ends(
    python: Run, tmp_path: Path, text: str, line: int
) -> None:
    """It waits without a timeout: only the worker's end lets it go on."""
    (tmp_path / "hasty.py").write_text(text)
    done = python("hasty.py")
    assert (done.returncode, done.stdout) == (1, "")
    rows = [row for row in done.stderr.splitlines() if "under `if __name__" in row]
    assert len(rows) == 2, done.stderr  # in the log, and as the error of the script
    assert rows[1].startswith("interlock.NotGuarded: ")
    assert f"({tmp_path / 'hasty.py'}, line {line})" in rows[0]
    with Engine.open(f"sqlite:///{tmp_path}/jobs.db") as engine:
        assert engine.workers() == []
        assert [job.status for job in engine.search().items] == [JobStatus.PENDING]


def test_every_command_has_the_same_database(cli: Cli, tmp_path: Path) -> None:
    toml = '[tool.interlock]\ndatabase_url = "sqlite:///jobs.db"\n'
    (tmp_path / "pyproject.toml").write_text(toml)
    assert cli("db", "upgrade").exit_code == 0
    assert cli("db", "current").stdout != "empty\n"
    assert "database: sqlite:///jobs.db\n" in cli("doctor").stdout
    assert "SQLite file has no roles" in cli("db", "grant", "anna").stderr
    for command in (("counts",), ("list",), ("verify",)):
        assert cli(*command).exit_code == 0
    assert {path.name for path in tmp_path.glob("*.db")} == {"jobs.db"}
    other = {"INTERLOCK_DATABASE_URL": "sqlite:///other.db"}
    assert cli("db", "upgrade", **other).exit_code == 0
    flag = ("--database", "sqlite:///flag.db")
    assert cli("db", "upgrade", *flag, **other).exit_code == 0
    names = {path.name for path in tmp_path.glob("*.db")}
    assert names == {"jobs.db", "other.db", "flag.db"}


@pytest.mark.parametrize(
    "words",
    [("list",), ("db", "current"), ("db", "upgrade"), ("doctor",), ("worker", "json")],
)
def test_an_empty_url_is_refused_in_words(
    cli: Cli, tmp_path: Path, words: tuple[str, ...]
) -> None:
    done = cli(*words, "--database", "")
    assert done.exit_code == 2
    assert done.stderr == (
        "The URL of the database is empty. Give one, such as sqlite:///interlock.db.\n"
    )
    assert list(tmp_path.glob("*.db")) == []
    with pytest.raises(InvalidOption, match="is empty"):
        Engine.open("")


def test_an_empty_variable_is_as_none(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("INTERLOCK_DATABASE_URL", "")
    assert database_url(None) == "sqlite:///interlock.db"


def test_an_unknown_kind_of_database_is_refused_in_words() -> None:
    with pytest.raises(InvalidOption) as refused:
        Engine.open("mysql://h/d")
    assert str(refused.value) == (
        "There is no database 'mysql'. Use one of: memory, postgresql, sqlite."
    )


def test_postgres_is_another_name_of_postgresql() -> None:
    with database() as url:
        short = url.replace("postgresql://", "postgres://", 1)
        with Engine.open(short) as engine:
            job_id = engine.submit(jobs.add, 1).id
        with Engine.open(url) as engine:
            assert engine.get(job_id).params == {"left": 1}


def test_a_submit_that_waits_says_that_no_worker_runs(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path}/jobs.db"
    command = ("submit", "t.add", "left=1", "--wait", "--database", url)
    with subprocess.Popen(
        [sys.executable, *CLI, *command, "--module", "e2e.sample_jobs"],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        cwd=Path(__file__).parents[1],
    ) as waiting:
        assert waiting.stderr is not None
        job_id = waiting.stderr.readline().strip()
        assert waiting.stderr.readline() == (
            "No worker is running; waiting for one. Start it: interlock worker MODULE\n"
        )
        with Engine.open(url) as engine, engine.worker(concurrency=1):
            out, errors = waiting.communicate(timeout=deadline(30))
            again = subprocess.run(
                [sys.executable, *CLI, *command, "--module", "e2e.sample_jobs"],
                capture_output=True,
                text=True,
                cwd=Path(__file__).parents[1],
                timeout=deadline(30),
                check=True,
            )
    assert (waiting.returncode, json.loads(out)) == (0, 2)
    assert job_id[:8] in errors
    assert (again.stdout, "No worker" in again.stderr) == ("2\n", False)


def test_the_version_is_told(python: Run) -> None:
    expected = f"interlock {version('interlock-jobs')}\n"
    assert _said(python(*CLI, "--version")) == (0, expected, "")
    assert interlock.__version__ == version("interlock-jobs")
    light = (
        f"import sys; sys.path[:0] = {[entry for entry in sys.path if entry]}; "
        "import interlock; "
        "sys.exit('importlib.metadata' in sys.modules or 'email' in sys.modules)"
    )
    assert _said(python("-S", "-c", light)) == (0, "", "")


def _commands() -> Iterator[tuple[tuple[str, ...], list[str]]]:
    """Yield each command with the help texts of its parameters."""
    waiting: list[tuple[tuple[str, ...], Any]] = [((), get_command(app))]
    while waiting:
        words, command = waiting.pop()
        yield words, [getattr(p, "help", None) or "" for p in command.params]
        for name, one in getattr(command, "commands", {}).items():
            waiting.append(((*words, name), one))


def test_no_help_text_loses_a_word(cli: Cli) -> None:
    """Rich takes a word in brackets for markup, and drops it."""
    count = 0
    for command, texts in _commands():
        shown = set(cli(*command, "--help").stdout.split())
        for text in texts:
            assert set(text.split()) <= shown, (command, text)
            count += bool(text)
    assert count > 50
