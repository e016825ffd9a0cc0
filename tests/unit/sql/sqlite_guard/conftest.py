"""A store's file and an attacker, with every switch that SQLite gives one."""

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from interlock.testing.clock import ManualClock
from interlock.testing.scenario import Scenario
from interlock_adapters.sql.sqlite.sqlite import open_store

from .raw import Raw

_SWITCHES = {
    "plain": (),
    "no-checks": ("ignore_check_constraints = ON",),
    "recursive": ("ignore_check_constraints = ON", "recursive_triggers = ON"),
}


@pytest.fixture(scope="session")
def template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return an empty store's file to copy: a migration takes 40 ms."""
    path = tmp_path_factory.mktemp("template") / "jobs.db"
    open_store(f"sqlite:///{path}").close()
    return path


@pytest.fixture
def path(tmp_path: Path, template: Path) -> Path:
    """Return an empty store's file."""
    return Path(shutil.copy(template, tmp_path))


@pytest.fixture(params=_SWITCHES)
def raw(request: pytest.FixtureRequest, path: Path) -> Iterator[Raw]:
    clock = ManualClock()
    store = open_store(f"sqlite:///{path}?synchronous=NORMAL", clock)
    raw = Raw(path, Scenario(store, clock))
    for switch in _SWITCHES[request.param]:
        raw.run(f"PRAGMA {switch}")
    yield raw
    raw.close()
    store.close()
