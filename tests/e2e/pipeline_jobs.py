"""Jobs that depend on each other."""

import time
from dataclasses import dataclass
from pathlib import Path

from interlock import current_job, job


@dataclass
class Page:
    url: str
    words: list[str]


@job
def fetch(url: str, many: int = 3) -> Page:
    return Page(url, ["word"] * many)


@job
def count() -> int:
    (page,) = current_job().inputs
    return len(page.words)


@job
def add() -> str:
    inputs = current_job().inputs
    return f"{inputs['left']} + {inputs['right']}"


@job
def total() -> list[int | None]:
    inputs: list[int | None] = current_job().inputs
    return inputs


@job
def fail() -> None:
    raise ValueError("it broke")


@job
def fail_once(flag: str) -> int:
    if not Path(flag).exists():
        Path(flag).touch()
        raise ValueError("it broke")
    return 7


@job
def note(path: str) -> float:
    started = time.time()
    with Path(path).open("a") as file:
        file.write(f"{current_job().id}\n")
    time.sleep(0.02)
    return started


@job
def submit_next(path: str) -> list[str]:
    """Submit two jobs, of which one waits for the other."""
    context = current_job()
    first = context.submit(note.options(priority=-1), path=path)
    second = context.submit(note.options(depends_on=[first], priority=9), path=path)
    return [first.id, second.id]
