"""What the documents say works as it is written."""

from __future__ import annotations

import json
import re
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from interlock_adapters.cli.context import EXIT_CODES
from interlock_adapters.cli.main import app
from pace import deadline

ROOT = Path(__file__).parents[2]
PAGES = ("python.md", "watching.md", "command-line.md")
README = "\n".join(
    path.read_text()
    for path in (ROOT / "README.md", *(ROOT / "docs" / page for page in PAGES))
)
BLOCKS = re.findall(r"```python\n(.*?)```", README, flags=re.DOTALL)


def _block(words: str) -> str:
    """Return the one block of Python that has these words."""
    (found,) = (block for block in BLOCKS if words in block)
    return str(found)


def _blocks_of(page: str) -> list[str]:
    text = (ROOT / "docs" / page).read_text()
    return re.findall(r"```python\n(.*?)```", text, flags=re.DOTALL)


def test_the_blocks_of_the_page_about_processes_run(tmp_path: Path) -> None:
    for block in _blocks_of("job-process.md"):
        (tmp_path / "shop.py").write_text(block)
        done = _run(tmp_path, "shop.py")
        assert (done.returncode, done.stderr) == (0, "")


@pytest.mark.parametrize("page", ["retries.md", "unique-jobs.md"])
def test_the_example_of_a_page_prints_what_the_page_says(
    tmp_path: Path, page: str
) -> None:
    (block,) = _blocks_of(page)
    (tmp_path / "shop.py").write_text(block)
    done = _run(tmp_path, "shop.py")
    assert (done.returncode, done.stderr) == (0, "")
    said = (ROOT / "docs" / page).read_text().partition("It prints ")[2]
    for line in done.stdout.splitlines():
        assert f"`{line}`" in said


OWN_TABLES = """
from sqlmodel import Field, Session, SQLModel, create_engine
from interlock import Engine
from thumbs import thumbnails

class Album(SQLModel, table=True):
    id: int | None = Field(default=None, primary_key=True)

with Engine.open("sqlite:///jobs.db") as engine:
    engine_of_your_own = create_engine("sqlite:///jobs.db")
    SQLModel.metadata.create_all(engine_of_your_own)
    album = Album()
"""


def _run(folder: Path, *program: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, *program],
        cwd=folder,
        capture_output=True,
        text=True,
        timeout=deadline(50),
        check=False,
    )


def _cli(folder: Path, *words: str) -> subprocess.CompletedProcess[str]:
    return _run(folder, "-m", "interlock_adapters.cli.main", *words)


def _here(*words: str) -> Result:
    """Run a command in this process."""
    return CliRunner().invoke(app, list(words))


def test_the_example_runs_as_it_is_printed(tmp_path: Path) -> None:
    (tmp_path / "thumbs.py").write_text(BLOCKS[0])
    done = _run(tmp_path, "thumbs.py")
    assert (done.stdout.strip(), done.returncode) == ("{'/photos': 128}", 0), (
        done.stderr
    )
    (tmp_path / "look.py").write_text(_block("engine.search"))
    looked = _run(tmp_path, "look.py")
    assert looked.returncode == 0, looked.stderr
    assert looked.stdout.endswith("[]\n")
    (tmp_path / "calls.py").write_text(_block("Limit("))
    assert _run(tmp_path, "calls.py").returncode == 0
    (tmp_path / "awaits.py").write_text(_block("AsyncEngine.open"))
    awaited = _run(tmp_path, "awaits.py")
    assert (awaited.stdout, awaited.returncode) == ("{'/photos': 128}\n", 0), (
        awaited.stderr
    )


def test_a_script_that_runs_itself_is_told_what_it_lacks(tmp_path: Path) -> None:
    """A worker imports it too, for its jobs."""
    guard = 'if __name__ == "__main__":\n'
    hasty = BLOCKS[0].replace(guard, "if True:\n").replace("timeout=30", "timeout=10")
    (tmp_path / "thumbs.py").write_text(hasty)
    done = _run(tmp_path, "thumbs.py")
    assert done.returncode != 0
    assert "Put that code under `if __name__ == '__main__':`" in done.stderr
    counted = _cli(tmp_path, "counts", "--json", "--database", "sqlite:///jobs.db")
    assert sum(json.loads(counted.stdout).values()) == 1


def test_a_job_is_followed_as_it_is_printed(tmp_path: Path) -> None:
    traced = BLOCKS[0].replace("\n\n@job", "\n" + _block("instrument(") + "\n@job", 1)
    (tmp_path / "thumbs.py").write_text(traced)
    done = _run(tmp_path, "thumbs.py")
    for name in ("submit thumbnails", "run thumbnails"):
        assert f'"name": "{name}"' in done.stdout, done.stderr


def test_a_submit_joins_ones_own_transaction_as_it_is_printed(tmp_path: Path) -> None:
    (tmp_path / "thumbs.py").write_text(BLOCKS[0])
    own = OWN_TABLES + textwrap.indent(_block("engine_of_your_own"), "    ")
    own += "    print(sum(engine.counts().values()))\n"
    (tmp_path / "own.py").write_text(own)
    done = _run(tmp_path, "own.py")
    assert (done.stdout, done.returncode) == ("1\n", 0), done.stderr


def test_the_commands_run_with_the_example(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "thumbs.py").write_text(BLOCKS[0])
    database = ("--database", "sqlite:///jobs.db")
    sent = _cli(
        tmp_path, "submit", "thumbnails", "folder=/p", "--module", "thumbs", *database
    )
    job_id = sent.stdout.strip()
    shown = _here("show", job_id, "--json", *database)
    assert json.loads(shown.stdout)["params"] == {"folder": "/p"}
    canceled = _here("cancel", job_id, "--by", "anna", "--json", *database)
    assert json.loads(canceled.stdout)["status"] == "CANCELED"
    history = _here("history", job_id, "--json", *database).stdout
    assert [json.loads(x)["event"] for x in history.splitlines()] == [
        "submit",
        "cancel",
    ]
    codes = {
        ("show", "beef"): 3,
        ("submit", "nothing"): 3,
        ("submit", "thumbnails", "--module", "thumbs"): 2,
        ("wait", job_id): 1,
        ("rerun", job_id, "--module", "thumbs"): 0,
        ("verify",): 0,
        ("counts", "--json"): 0,
    }
    for words, code in codes.items():
        if "--module" in words:  # it is imported in a process of its own
            done = _cli(tmp_path, *words, *database)
            assert (words, done.returncode) == (words, code), done.stderr
            assert "Traceback" not in done.stderr
        else:
            assert (words, _here(*words, *database).exit_code) == (words, code)
    (tmp_path / "noise.db").write_text("no database at all, but long enough to be one")
    assert _here("list", "--database", "sqlite:///noise.db").exit_code == 5


@pytest.mark.parametrize(
    "name",
    [
        "--help",
        *(
            c.name or c.callback.__name__.rstrip("_").replace("_", "-")
            for c in app.registered_commands
            if c.callback
        ),
    ],
)
def test_every_command_has_help(name: str) -> None:
    words = [name] if name == "--help" else [name, "--help"]
    done = CliRunner().invoke(app, words)
    assert done.exit_code == 0


def test_every_exit_code_is_documented() -> None:
    for code in EXIT_CODES:
        assert re.search(rf"\b{code} [a-z]", README)


def test_help_imports_no_database(tmp_path: Path) -> None:
    code = (
        "import sys; from interlock_adapters.cli.main import app\n"
        "try: app(['--help'])\n"
        "except SystemExit: pass\n"
        "print([m for m in ('sqlmodel','sqlalchemy','pydantic','fastapi','cronsim')"
        " if m in sys.modules])"
    )
    assert _run(tmp_path, "-c", code).stdout.strip().endswith("[]")


def test_a_jobs_process_imports_no_database(tmp_path: Path) -> None:
    code = (
        "import sys, interlock_adapters.subprocess.zygote.zygote, interlock_adapters."
        "subprocess.child.fresh; print([m for m in ('sqlmodel','sqlalchemy','pydantic',"
        "'fastapi','transitions','cronsim','zoneinfo') if m in sys.modules])"
    )
    assert _run(tmp_path, "-c", code).stdout.strip() == "[]"


def test_the_demo_shows_what_it_promises(tmp_path: Path) -> None:
    done = _cli(tmp_path, "demo", "--folder", str(tmp_path / "demo"))
    assert done.returncode == 0, done.stdout + done.stderr
    assert "No process of any job is alive" in done.stdout
    assert "every history is legal" in done.stdout
