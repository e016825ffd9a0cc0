"""The tutorial: its files and commands, in order, print what the pages show.

`INTERLOCK_RECORD=1` writes into the pages what was printed.
"""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from consoles import Reader, masked
from pace import deadline

PAGES = sorted((Path(__file__).parents[2] / "docs/tutorial").glob("*.md"))
pytestmark = pytest.mark.timeout(deadline(180))


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_a_page_of_the_tutorial_does_what_it_says(page: Path, tmp_path: Path) -> None:
    reader = Reader(tmp_path)
    try:
        written = reader.follow(page.read_text())
    finally:
        reader.close()
    if os.environ.get("INTERLOCK_RECORD"):
        page.write_text(written)
        return
    for command, printed, got in reader.seen:
        assert (command, masked(got)) == (command, masked(printed))
