"""Jobs in a store of each kind of database."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

import postgres
from interlock.testing.clock import ManualClock
from interlock.testing.scenario import Scenario
from interlock_adapters.sql.postgres import postgres as postgres_store
from interlock_adapters.sql.sqlite.sqlite import open_store


@pytest.fixture(params=["sqlite", "postgresql"])
def scene(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Scenario]:
    clock = ManualClock()
    if request.param == "sqlite":
        store = open_store(f"sqlite:///{tmp_path}/jobs.db", clock)
        yield Scenario(store, clock)
        store.close()
        return
    with postgres.database() as url:
        store = postgres_store.open_store(url, clock)
        yield Scenario(store, clock)
        store.close()
