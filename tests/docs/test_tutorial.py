"""Tutorial, guides, concepts: their files and commands print what the pages show.

`INTERLOCK_RECORD=1` writes into the pages what was printed.
"""

from __future__ import annotations

import os
import socket
from contextlib import ExitStack
from pathlib import Path

import pytest

import postgres
from consoles import Reader, masked
from pace import deadline, some

DOCS = Path(__file__).parents[2] / "docs"
PAGES = sorted(
    page
    for room in ("tutorial", "how-to", "concepts")
    for page in DOCS.glob(f"{room}/*.md")
)
PAGES += [page for page in (DOCS / "migrate.md",) if page.exists()]
RECORDS = bool(os.environ.get("INTERLOCK_RECORD"))
FOLLOWED = PAGES if RECORDS else some(PAGES, every=4)
#: What stands for a database and a port in the pages.
DATABASE, PORT = "postgresql://app@db.internal/app", "8000"
pytestmark = pytest.mark.timeout(deadline(180))


@pytest.mark.parametrize("page", FOLLOWED, ids=lambda page: page.stem)
def test_a_page_does_what_it_says(page: Path, tmp_path: Path) -> None:
    text = page.read_text()
    with ExitStack() as made:
        reader = Reader(tmp_path, {PORT: free_port()})
        if DATABASE in text:
            database = made.enter_context(postgres.database(empty=True))
            reader.stands_for[DATABASE] = database
        made.callback(reader.close)
        written = reader.follow(text)
    if RECORDS:
        page.write_text(written)
        return
    for command, printed, got in reader.seen:
        assert (command, masked(got)) == (command, masked(printed))


def free_port() -> str:
    """Return a port that nobody listens on."""
    with socket.create_server(("127.0.0.1", 0)) as listening:
        return str(listening.getsockname()[1])
