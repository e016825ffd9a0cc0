"""What tests of many kinds need."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterable, Iterator
from pathlib import Path
from types import ModuleType

import pytest

from interlock.jobs import registry
from interlock_adapters.sql.postgres import connection
from interlock_adapters.subprocess.runner import probe
from pace import deadline

_TESTS = Path(__file__).parent
_LONG = (
    "tests/docs/test_tutorial.py",
    "tests/mutants/",
    "tests/contract/test_stores.py::TestPostgresStore",
    "tests/chaos/test_chaos.py",
    "tests/browser/",
    "tests/e2e/",
    "tests/http_api/",
)


@pytest.hookimpl(tryfirst=True)
def pytest_configure() -> None:
    """Let the time that a test may take follow the pace of the machine, too.

    So does the time that a transaction of a test may stand still: PostgreSQL ends one
    that is silent, and a starved test is.
    """
    os.environ.setdefault("PYTEST_TIMEOUT", str(deadline(120)))
    patience = f"{round(deadline(5))}s"
    connection._SERVER["idle_in_transaction_session_timeout"] = patience


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Begin with what takes minutes, so that no process waits for it at the end."""
    items.sort(key=lambda item: not item.nodeid.startswith(_LONG))


@pytest.fixture(scope="module", autouse=True)
def _jobs_of_other_modules_are_hidden(
    request: pytest.FixtureRequest,
) -> Iterator[None]:
    """Let a worker import what its test knows, not the jobs of all tests there are."""
    plugins = request.config.pluginmanager.get_plugins()
    above = [
        one for one in plugins if getattr(one, "__name__", "").endswith("conftest")
    ]
    folders = request.path.parents
    known = _reached(
        [request.module, *(c for c in above if _file(c).parent in folders)]
    )
    jobs = registry._registered
    hidden = {n: job for n, job in jobs.items() if job.function.__module__ not in known}
    for name in hidden:
        del jobs[name]
    yield
    jobs.update(hidden)


def _reached(modules: Iterable[ModuleType]) -> set[str]:
    """Return these modules and, of those beside them, all that they import."""
    waiting, names = list(modules), set[str]()
    while waiting:
        module = waiting.pop()
        if module.__name__ in names:
            continue
        names.add(module.__name__)
        if _TESTS in _file(module).parents:
            named = [
                value if isinstance(value, ModuleType) else _home(value)
                for value in vars(module).values()
            ]
            waiting += [value for value in named if value is not None]
    return names


def _home(value: object) -> ModuleType | None:
    function = value.function if isinstance(value, registry.JobFunction) else value
    name = getattr(function, "__module__", None)
    return sys.modules.get(name) if isinstance(name, str) else None


def _file(module: ModuleType) -> Path:
    return Path(getattr(module, "__file__", None) or "")


@pytest.fixture(scope="session", params=["namespace", "subreaper"])
def containment(request: pytest.FixtureRequest) -> str:
    """Each strength; one that this machine refuses is skipped loudly."""
    name = str(request.param)
    problem = probe.works(name)
    if problem is not None:
        pytest.skip(f"containment {name} does not work on this machine: {problem}")
    return name
