"""Both databases, and two actors on one of them."""

from __future__ import annotations

import subprocess
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

import postgres
from e2e.processes import start_worker
from interlock import Engine
from interlock.ports.discovery import open_store
from interlock.testing.clock import ManualClock
from interlock.testing.scenario import Scenario


@pytest.fixture(params=["sqlite", "postgresql"])
def url(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    if request.param == "sqlite":
        yield f"sqlite:///{tmp_path}/jobs.db"
    else:
        with postgres.database() as database_url:
            yield database_url


@pytest.fixture
def engine(url: str) -> Iterator[Engine]:
    with Engine.open(url) as opened:
        yield opened
        assert opened.verify() == []


Hire = Callable[..., subprocess.Popen[bytes]]


@pytest.fixture
def hire(url: str) -> Iterator[Hire]:
    """Start a worker in a process of its own; it is dead after the test."""
    hired: list[subprocess.Popen[bytes]] = []

    def start(*options: str) -> subprocess.Popen[bytes]:
        hired.append(start_worker(url, *options))
        return hired[-1]

    yield start
    for worker in hired:
        worker.kill()
        worker.wait()


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock()


@contextmanager
def _actor(url: str, clock: ManualClock) -> Iterator[Scenario]:
    store = open_store(url, clock)
    yield Scenario(store, clock)
    assert store.verify() == []
    store.close()


@pytest.fixture
def here(url: str, clock: ManualClock) -> Iterator[Scenario]:
    """One actor, which makes the jobs."""
    with _actor(url, clock) as scene:
        yield scene


@pytest.fixture
def there(url: str, clock: ManualClock) -> Iterator[Scenario]:
    """Another one, with connections of its own."""
    with _actor(url, clock) as scene:
        yield scene
