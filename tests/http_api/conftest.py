from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from e2e import sample_jobs  # noqa: F401  (its jobs are registered)
from interlock import Engine
from interlock_adapters.http import create_app

from . import talking_jobs  # noqa: F401  (likewise)
from .server import client_of


@pytest.fixture
def engine(tmp_path: Path) -> Iterator[Engine]:
    with Engine.open(f"sqlite:///{tmp_path}/jobs.db?synchronous=NORMAL") as opened:
        yield opened
        assert opened.verify() == []


@pytest.fixture
def api(engine: Engine) -> Iterator[httpx.Client]:
    """Return a client of a server with this engine, without tokens."""
    with client_of(create_app(engine)) as client:
        yield client
