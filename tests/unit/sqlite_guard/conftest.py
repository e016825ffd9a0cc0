"""A store's file and an attacker, with every switch that SQLite gives one."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from interlock.testing.clock import ManualClock
from interlock.testing.scene import Scene
from interlock_adapters.sql.sqlite import open_store

from .raw import Raw

_SWITCHES = {
    "plain": (),
    "no-checks": ("ignore_check_constraints = ON",),
    "recursive": ("ignore_check_constraints = ON", "recursive_triggers = ON"),
}


@pytest.fixture(params=_SWITCHES)
def raw(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Raw]:
    clock = ManualClock()
    path = tmp_path / "jobs.db"
    store = open_store(f"sqlite:///{path}", clock)
    raw = Raw(path, Scene(store, clock))
    for switch in _SWITCHES[request.param]:
        raw.run(f"PRAGMA {switch}")
    yield raw
    raw.close()
    store.close()
