from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from interlock import Engine
from workers import working_engine


@pytest.fixture
def engine(tmp_path: Path) -> Iterator[Engine]:
    with Engine.open(f"sqlite:///{tmp_path}/jobs.db") as opened:
        yield opened
        assert opened.verify() == []


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the folder with the database of `working`."""
    return tmp_path_factory.mktemp("home")


@pytest.fixture(scope="module")
def working(home: Path) -> Iterator[Engine]:
    """Return an engine with a worker, both the same for all tests of a module."""
    with working_engine(home) as engine:
        yield engine


@pytest.fixture(scope="module")
def contained(
    containment: str, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Engine]:
    """Return an engine whose worker has each strength in turn."""
    folder = tmp_path_factory.mktemp(containment)
    with working_engine(folder, containment=containment) as engine:
        yield engine
