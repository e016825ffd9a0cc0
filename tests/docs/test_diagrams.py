"""The generated texts are current, and come from the table."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from interlock.core.lifecycle import EDGES, TABLE, Event
from interlock_adapters import diagrams

ROOT = Path(__file__).parents[2]


@pytest.mark.parametrize("name", sorted(diagrams.texts()))
def test_a_generated_file_is_current(name: str) -> None:
    assert (ROOT / "diagrams" / name).read_text() == diagrams.texts()[name]


def test_the_documents_show_the_table_as_it_is() -> None:
    readme, page = (
        (ROOT / name).read_text() for name in ("README.md", "docs/lifecycle.md")
    )
    assert diagrams.fill(readme) == readme
    assert diagrams.fill(page) == page
    assert diagrams.table() in page
    assert diagrams.mermaid() in readme


def test_every_edge_is_drawn_once() -> None:
    drawn = diagrams.mermaid()
    for row in EDGES:
        lines = [
            x for x in drawn.splitlines() if f"{row.source} --> {row.target}:" in x
        ]
        assert len(lines) == 1
        assert row.event.value in lines[0]
    assert all(f"`{event}`" in diagrams.table() for event in Event)
    assert len(diagrams.table().splitlines()) == len(TABLE) + 2


@pytest.mark.skipif(shutil.which("dot") is None, reason="graphviz is not installed")
def test_the_pictures_can_be_drawn(tmp_path: Path) -> None:
    written = {path.name: path for path in diagrams.write(tmp_path)}
    assert written["lifecycle.png"].read_bytes().startswith(b"\x89PNG")
    svg = written["lifecycle.svg"].read_text()
    assert all(row.event.value in svg for row in EDGES)
    assert (ROOT / "diagrams" / "lifecycle.svg").exists()
    assert (ROOT / "diagrams" / "lifecycle.png").exists()
