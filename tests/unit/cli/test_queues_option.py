"""What `interlock worker --queues` takes."""

from __future__ import annotations

import pytest

from interlock import InvalidOption
from interlock_adapters.cli.work import _queues


def test_names_and_weights_are_read() -> None:
    assert _queues(None) is None
    assert _queues("a,b") == frozenset({"a", "b"})
    assert _queues("a=3,b=1") == {"a": 3, "b": 1}


@pytest.mark.parametrize("text", ["a=3,b", "a=x,b=1", "=3,b=1", "a=-1"])
def test_half_of_the_weights_is_refused(text: str) -> None:
    with pytest.raises(InvalidOption, match="each with a weight"):
        _queues(text)
