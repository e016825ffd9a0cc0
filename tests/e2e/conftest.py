from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from interlock import Engine
from interlock_adapters.subprocess.runner import probe


@pytest.fixture
def engine(tmp_path: Path) -> Iterator[Engine]:
    with Engine.open(f"sqlite:///{tmp_path}/jobs.db") as opened:
        yield opened
        assert opened.verify() == []


@pytest.fixture(params=["namespace", "subreaper"])
def containment(request: pytest.FixtureRequest) -> str:
    """Each strength; one that this machine refuses is skipped loudly."""
    name = str(request.param)
    wrong = probe.works(name)
    if wrong is not None:
        pytest.skip(f"containment {name} does not work on this machine: {wrong}")
    return name
