"""mypy catches a wrong argument of a submit."""

from __future__ import annotations

from pathlib import Path

from mypy import api

HEAD = """
from interlock import AsyncEngine, AsyncJobHandle, Engine, JobHandle, Schedule, job

@job(name="typed.f")
def f(folder: str, size: int = 1) -> dict[str, int]:
    return {folder: size}

@job
def bare(size: int = 1) -> str:
    return str(size)

hourly = Schedule(every="1h")

@job(schedule=hourly)
def scheduled(size: int = 1) -> str:
    return str(size)

engine: Engine
awaited: AsyncEngine
"""
SYNC: dict[str, str | None] = {
    'h: JobHandle[dict[str, int]] = engine.submit(f, folder="a", size=2)': None,
    'engine.submit(f.options(timeout=5, by="anna"), "a")': None,
    'engine.submit("typed.f", {"folder": "a"}, priority=3)': None,
    "made: JobHandle[str] = engine.submit(scheduled, 2)": None,
    'engine.schedules.create("s", f, {"folder": "a"}, schedule=hourly, by="b")': None,
    'engine.schedules.create("s", f, schedule=hourly, queues="q")': "call-arg",
    'engine.schedules.create("s", f, schedule="@daily")': "arg-type",
    "engine.submit(f, folder=1)": "arg-type",
    "engine.submit(f)": "call-overload",
    'engine.submit(f, folder="a", colour=2)': "call-overload",
    "f.options(timeot=5)": "call-arg",
    "text: JobHandle[str] = engine.submit(bare, 2)": None,
    'engine.submit(bare, "2")': "arg-type",
    'number: JobHandle[int] = engine.submit(f, "a")': "assignment",
}
AWAITED: dict[str, str | None] = {
    'h: AsyncJobHandle[dict[str, int]] = await awaited.submit(f, folder="a")': None,
    'r: dict[str, int] = await (await awaited.submit(f, folder="a")).result()': None,
    'await awaited.submit(f.options(timeout=5, by="anna"), "a")': None,
    'await awaited.submit("typed.f", {"folder": "a"}, priority=3)': None,
    "async with awaited.together(): pass": None,
    "async with awaited.worker(concurrency=2) as worker: worker.stop()": None,
    "await awaited.submit(f, folder=1)": "arg-type",
    "await awaited.submit(f)": "call-overload",
    'await awaited.submit(f, folder="a", colour=2)': "call-overload",
    'n: int = await (await awaited.submit(f, "a")).result()': "assignment",
    'p: JobHandle[object] = await awaited.handle("a")': "assignment",
    "await awaited.nothing()": "attr-defined",
    "await awaited.search(limits=1)": "call-arg",
}


def test_wrong_arguments_are_found_by_the_type_checker(tmp_path: Path) -> None:
    """In one run for both engines: most of its time goes into their own types."""
    within = {f"    {line}": code for line, code in AWAITED.items()}
    lines = {**SYNC, "async def main() -> None:": None, **within}
    path = tmp_path / "typed.py"
    path.write_text(HEAD + "\n".join(lines) + "\n")
    report, _, _ = api.run(["--strict", "--no-error-summary", str(path)])
    start = HEAD.count("\n")
    errors = {
        int(line.split(":")[1]) - start
        for line in report.splitlines()
        if "error" in line
    }
    expected = {n for n, code in enumerate(lines.values(), start=1) if code is not None}
    assert errors == expected, report
