"""The documentation site: it builds strictly, and the reference leaves nothing out."""

from __future__ import annotations

import os
import re
import runpy
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

import interlock
from interlock import Event, JobStatus, Phase, Reason
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
