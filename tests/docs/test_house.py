"""The picture of the rooms is that of the code."""

import subprocess
import sys
from pathlib import Path

DIAGRAMS = Path(__file__).parents[2] / "diagrams"


def test_the_picture_of_the_house_is_current() -> None:
    drawn = subprocess.run(
        [sys.executable, DIAGRAMS / "house.py"],
        capture_output=True,
        text=True,
        check=True,
    )
    stored = (DIAGRAMS / "house.md").read_text(encoding="utf-8")
    assert drawn.stdout == f"{stored}\n", "run `make house`"
