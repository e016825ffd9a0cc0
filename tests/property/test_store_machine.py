"""Random walks: the stores and a plain model of the table never disagree."""

import atexit
import shutil
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path

from hypothesis import Phase, settings

import postgres as server
from interlock.ports.store import JobStore
from interlock.testing.clock import ManualClock
from interlock_adapters.sql.postgres import postgres
from interlock_adapters.sql.sqlite import sqlite
from pace import THOROUGH
from property.store_machine import StoreMachine


@cache
def _template() -> Path:
    """Return an empty store's file, made once: a migration takes 40 ms."""
    folder = tempfile.mkdtemp()
    atexit.register(shutil.rmtree, folder)
    path = Path(folder) / "empty.db"
    sqlite.open_store(f"sqlite:///{path}", ManualClock()).close()
    return path


class SqliteMachine(StoreMachine):
    @contextmanager
    def opened(self) -> Iterator[JobStore]:
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / "jobs.db"
            shutil.copy(_template(), path)
            store = sqlite.open_store(f"sqlite:///{path}", self.clock)
            yield store
            store.close()


class PostgresMachine(StoreMachine):
    @contextmanager
    def opened(self) -> Iterator[JobStore]:
        with server.database() as url:
            store = postgres.open_store(url, self.clock)
            yield store
            store.close()


TestSqlite: Callable[..., object] = SqliteMachine.TestCase
TestPostgres: Callable[..., object] = PostgresMachine.TestCase
for machine, examples in ((SqliteMachine, 40), (PostgresMachine, 12)):
    machine.TestCase.settings = settings(
        max_examples=examples if THOROUGH else examples // 3,
        stateful_step_count=50,
        # To explain a failure every line is traced: that takes longer than a test may.
        phases=[phase for phase in Phase if phase is not Phase.explain],
        deadline=None,
    )
