"""The pytest plugin: a fixture with an inline engine."""

from collections.abc import Iterator
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from interlock.testing.inline import InlineEngine


@pytest.fixture
def interlock_engine() -> Iterator["InlineEngine"]:
    """Yield an engine in memory that runs each job at once, in this process."""
    from interlock.testing.inline import inline_engine  # noqa: PLC0415  (when used)

    with inline_engine() as engine:
        yield engine
