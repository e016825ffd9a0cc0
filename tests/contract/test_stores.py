"""Every store adapter against the one contract."""

from collections.abc import Iterator
from pathlib import Path

import pytest

import postgres
from interlock.ports.store import JobStore
from interlock.testing.clock import ManualClock
from interlock.testing.stores import StoreContract
from interlock_adapters.memory import MemoryStore
from interlock_adapters.sql.postgres import postgres as postgres_store
from interlock_adapters.sql.sqlite.sqlite import open_store


class TestMemoryStore(StoreContract):
    @pytest.fixture
    def store(self, clock: ManualClock) -> JobStore:
        return MemoryStore(clock=clock)


class TestSqliteStore(StoreContract):
    @pytest.fixture
    def store(self, tmp_path: Path, clock: ManualClock) -> Iterator[JobStore]:
        store = open_store(f"sqlite:///{tmp_path}/jobs.db?synchronous=NORMAL", clock)
        yield store
        store.close()


class TestPostgresStore(StoreContract):
    @pytest.fixture
    def store(self, clock: ManualClock) -> Iterator[JobStore]:
        with postgres.database() as url:
            store = postgres_store.open_store(url, clock)
            yield store
            store.close()
