"""A limit of memory holds also where the kernel shows less of a process."""

import os
import signal
from typing import Any, NoReturn

import pytest

from interlock_adapters.subprocess.kernel import usage

MIB = 1024 * 1024


def test_each_page_counts_where_shared_ones_are_not_shown(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def closed(*_args: Any, **_kwargs: Any) -> NoReturn:
        raise PermissionError

    me = os.getpid()
    monkeypatch.setattr(usage, "open", closed, raising=False)
    assert usage.proportional([me])[me] >= 1024 * 1024


def test_what_processes_share_counts_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(usage, "_LARGE", 2**40)  # this process has run many tests
    many = bytearray(100 * MIB)
    mine = usage.used([os.getpid()])
    child = os.fork()
    if child == 0:
        signal.pause()
    try:
        both = usage.used([os.getpid(), child, 2**22 + 1])
    finally:
        os.kill(child, signal.SIGKILL)
        os.waitpid(child, 0)
    assert mine > len(many)
    assert abs(both - mine) < 50 * MIB


def test_of_a_large_process_each_page_counts() -> None:
    much = bytearray(300 * MIB)
    assert usage.used([os.getpid()]) > len(much)
