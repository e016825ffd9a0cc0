"""Finding the processes of lost attempts, among all processes of the machine."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator

import pytest

from interlock_adapters.subprocess.kernel import leftovers

_SLEEP = "import time; print(flush=True); time.sleep(60)"


@pytest.fixture
def left() -> Iterator[subprocess.Popen[bytes]]:
    """Return a process that only its environment marks."""
    marks = {"INTERLOCK_JOB_ID": "a" * 32, "INTERLOCK_ATTEMPT": "2"}
    marks[leftovers.PLACE] = "here"
    process = subprocess.Popen(
        [sys.executable, "-c", _SLEEP], env={**os.environ, **marks}, stdout=-1
    )
    assert process.stdout is not None
    process.stdout.readline()
    yield process
    process.kill()
    process.communicate()


def test_a_process_of_another_attempt_is_spared(left: subprocess.Popen[bytes]) -> None:
    others = [("a" * 32, 1), ("b" * 32, 2), ("a" * 31, 2)]
    assert leftovers.living(others) == []
    assert leftovers.living([*others, ("a" * 32, 2)]) == [(left.pid, ("a" * 32, 2))]


def test_a_process_of_another_store_is_spared(left: subprocess.Popen[bytes]) -> None:
    attempt = ("a" * 32, 2)
    assert leftovers.living([attempt], "a copy") == []
    assert leftovers.sweep([attempt], "a copy") == set()
    assert left.poll() is None
    assert leftovers.living([attempt], "here") == [(left.pid, attempt)]


def test_each_process_is_read_once_for_all_attempts(
    left: subprocess.Popen[bytes], monkeypatch: pytest.MonkeyPatch
) -> None:
    read: list[int] = []
    marks = leftovers._marks

    def count(pid: int, place: str | None) -> object:
        read.append(pid)
        return marks(pid, place)

    monkeypatch.setattr(leftovers, "_marks", count)
    attempts = [(f"{number:032x}", 1) for number in range(500)]
    assert leftovers.living([*attempts, ("a" * 32, 2)]) == [(left.pid, ("a" * 32, 2))]
    assert len(read) == len(set(read))
