"""The moving picture of the README shows what happens today."""

import runpy
from pathlib import Path

ROOT = Path(__file__).parents[2]


def test_the_picture_of_a_cancel_is_current() -> None:
    script = runpy.run_path(str(ROOT / "diagrams/cancel.py"))
    drawn = script["picture"](script["lines"](script["record"]()))
    stored = (ROOT / "docs/pictures/cancel.svg").read_text()
    masked = script["masked"]
    assert masked(drawn) == masked(stored), "run `make pictures`"
    assert "none is left" in stored
