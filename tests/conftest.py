"""What tests of many kinds need."""

from __future__ import annotations

import os

import pytest

from interlock_adapters.subprocess.runner import probe
from pace import deadline


@pytest.hookimpl(tryfirst=True)
def pytest_configure() -> None:
    """Let the time that one test may take follow the pace of the machine, too."""
    os.environ.setdefault("PYTEST_TIMEOUT", str(deadline(120)))


@pytest.fixture(scope="session", params=["namespace", "subreaper"])
def containment(request: pytest.FixtureRequest) -> str:
    """Each strength; one that this machine refuses is skipped loudly."""
    name = str(request.param)
    wrong = probe.works(name)
    if wrong is not None:
        pytest.skip(f"containment {name} does not work on this machine: {wrong}")
    return name
