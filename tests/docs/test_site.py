"""The documentation site: it builds strictly, and the reference leaves nothing out."""

from __future__ import annotations

import inspect
import json
import os
import re
import runpy
import subprocess
import sys
import tomllib
from dataclasses import fields
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft202012Validator
from typer.main import get_command
from typer.testing import CliRunner

import interlock
from interlock import Event, JobStatus, Phase, Reason
from interlock.jobs.registry import registered
from interlock_adapters.cli.main import app
from interlock_adapters.cli.settings import Settings
from interlock_adapters.http import Settings as HttpSettings
from pace import deadline

ROOT = Path(__file__).parents[2]
GENERATOR: dict[str, Any] = runpy.run_path(str(ROOT / "docs/generate.py"))
PAGES: dict[str, str] = GENERATOR["pages"]()
WORDS = PAGES["words.md"]
_LOADED = re.compile(r'<(?:script|img|link)[^>]*(?:src|href)="(https?:[^"]*)"')


@pytest.mark.parametrize("name", PAGES)
def test_a_generated_page_is_current(name: str) -> None:
    assert (ROOT / "docs/reference" / name).read_text() == PAGES[name], "`make docs`"


def test_every_public_name_is_in_the_reference() -> None:
    told = re.findall(
        r"^::: interlock\.(\w+)$", "\n".join(PAGES.values()), re.MULTILINE
    )
    assert sorted(told) == sorted(interlock.__all__)


def test_every_word_of_a_job_has_its_sentence() -> None:
    words = [*JobStatus, *Phase, *Reason, *Event]
    assert [word for word in words if f"| `{word}` |" not in WORDS] == []


def test_every_option_of_a_job_is_told_with_what_it_may_be() -> None:
    parameters = inspect.signature(interlock.job).parameters
    rows = {row[0].strip("`"): row for row in GENERATOR["job_options"]()}
    assert ["function", *rows] == list(parameters)
    assert [name for name, row in rows.items() if not row[3] or not row[-1]] == []
    assert "refused" not in registered()


def test_every_setting_and_every_flag_of_a_server_or_worker_is_told() -> None:
    page = PAGES["settings.md"]
    names = [*Settings.model_fields, *(f.name for f in fields(HttpSettings))]
    names += [field.name for field in fields(interlock.WorkerSettings)]
    group: Any = get_command(app)
    for command in ("worker", "serve"):
        params = group.commands[command].params
        names += [p.opts[0] for p in params if p.param_type_name == "option"]
    assert [name for name in names if f"`{name}`" not in page] == []


def test_the_schema_fits_what_init_writes_and_refuses_typing_errors(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    assert CliRunner().invoke(app, ["init", "shop"]).exit_code == 0
    written = tomllib.loads((tmp_path / "pyproject.toml").read_text())
    schema = Draft202012Validator(json.loads(PAGES["settings.schema.json"]))
    schema.check_schema(schema.schema)
    assert list(schema.iter_errors(written)) == []
    (example,) = re.findall(r"```toml\n(.*?)```", PAGES["settings.md"], re.DOTALL)
    assert list(schema.iter_errors(tomllib.loads(example))) == []
    for wrong in ({"database": "sqlite:///a.db"}, {"modules": [1]}, {"server": 8000}):
        assert list(schema.iter_errors({"tool": {"interlock": wrong}})) != []


def test_the_site_builds_strictly_and_loads_nothing_from_elsewhere(
    tmp_path: Path,
) -> None:
    program = [sys.executable, "-m", "mkdocs", "build", "--strict", "--quiet"]
    done = subprocess.run(
        [*program, "--site-dir", str(tmp_path)],
        cwd=ROOT,
        env={**os.environ, "NO_MKDOCS_2_WARNING": "1"},
        capture_output=True,
        text=True,
        timeout=deadline(100),
        check=False,
    )
    assert done.returncode == 0, done.stderr
    pages = [path.read_text() for path in tmp_path.rglob("*.html")]
    assert len(pages) > 40
    assert [link for page in pages for link in _LOADED.findall(page)] == []
