"""The blocks of the page about limits run, and print what it says."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

from pace import deadline

PAGE = (Path(__file__).parents[2] / "docs" / "limits.md").read_text()
BLOCKS = re.findall(r"```python\n(.*?)```\n\n```text\n(.*?)```", PAGE, flags=re.DOTALL)


@pytest.mark.parametrize("number", range(len(BLOCKS)))
def test_a_block_prints_what_the_page_says(tmp_path: Path, number: int) -> None:
    code, printed = BLOCKS[number]
    (tmp_path / "shop.py").write_text(code)
    done = subprocess.run(
        [sys.executable, "shop.py"],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=deadline(50),
        check=False,
    )
    assert (done.stdout, done.stderr, done.returncode) == (printed, "", 0)


def test_every_block_has_its_output() -> None:
    assert len(BLOCKS) == PAGE.count("```python\n") == PAGE.count("```text\n")


def test_the_client_of_a_limited_api_has_fifteen_lines_at_most() -> None:
    code, _ = BLOCKS[0]
    assert sum(bool(line.strip()) for line in code.splitlines()) <= 15
