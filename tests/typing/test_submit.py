"""mypy catches a wrong argument of a submit."""

from __future__ import annotations

from pathlib import Path

import pytest
from mypy import api

HEAD = """
from interlock import Engine, job
from interlock.handle import JobHandle

@job(name="typed.f")
def f(folder: str, size: int = 1) -> dict[str, int]:
    return {folder: size}

engine: Engine
"""


@pytest.mark.timeout(120)
def test_a_wrong_argument_is_found_by_the_type_checker(tmp_path: Path) -> None:
    lines = {
        'h: JobHandle[dict[str, int]] = engine.submit(f, folder="a", size=2)': None,
        'engine.submit(f.options(timeout=5, by="anna"), "a")': None,
        'engine.submit("typed.f", {"folder": "a"}, priority=3)': None,
        "engine.submit(f, folder=1)": "arg-type",
        "engine.submit(f)": "call-overload",
        'engine.submit(f, folder="a", colour=2)': "call-overload",
        "f.options(timeot=5)": "call-arg",
        'number: JobHandle[int] = engine.submit(f, "a")': "assignment",
    }
    path = tmp_path / "typed.py"
    path.write_text(HEAD + "\n".join(lines) + "\n")
    report, _, _ = api.run(["--strict", "--no-error-summary", str(path)])
    start = HEAD.count("\n")
    wrong = {
        int(line.split(":")[1]) - start
        for line in report.splitlines()
        if "error" in line
    }
    expected = {n for n, code in enumerate(lines.values(), start=1) if code is not None}
    assert wrong == expected, report
