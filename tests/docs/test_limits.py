"""The blocks of pages whose programs have an output print what they say."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

from pace import deadline

DOCS = Path(__file__).parents[2] / "docs"
PAGES = {
    name: (DOCS / name).read_text()
    for name in (
        "limits.md",
        "fairness.md",
        "retention.md",
        "dependencies.md",
        "groups.md",
        "steps.md",
        "children.md",
        "finalizers.md",
    )
}
BLOCKS = [
    (name, code, printed)
    for name, page in PAGES.items()
    for code, printed in re.findall(
        r"```python\n(.*?)```\n\n```text\n(.*?)```", page, flags=re.DOTALL
    )
]


@pytest.mark.parametrize("number", range(len(BLOCKS)))
def test_a_block_prints_what_the_page_says(tmp_path: Path, number: int) -> None:
    _, code, printed = BLOCKS[number]
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


@pytest.mark.parametrize("name", PAGES)
def test_every_block_has_its_output(name: str) -> None:
    many = sum(page == name for page, _, _ in BLOCKS)
    assert many == PAGES[name].count("```python\n") == PAGES[name].count("```text\n")


def test_the_client_of_a_limited_api_has_fifteen_lines_at_most() -> None:
    _, code, _ = BLOCKS[0]
    assert sum(bool(line.strip()) for line in code.splitlines()) <= 15
