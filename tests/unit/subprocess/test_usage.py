"""A limit of memory holds also where the kernel shows less of a process."""

import os
from typing import Any, NoReturn

import pytest

from interlock_adapters.subprocess.kernel import usage


def test_each_page_counts_where_shared_ones_are_not_shown(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def closed(*_args: Any, **_kwargs: Any) -> NoReturn:
        raise PermissionError

    me = os.getpid()
    monkeypatch.setattr(usage, "open", closed, raising=False)
    assert usage.proportional([me])[me] >= 1024 * 1024
