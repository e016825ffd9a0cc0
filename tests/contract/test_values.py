"""Every JSON value that can be submitted comes back the same from every store."""

from collections.abc import Iterator

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import postgres
from interlock.ports.store import JobStore
from interlock.testing.clock import ManualClock
from interlock.testing.scenario import Scenario
from interlock.testing.store_values import kept_as_stored
from interlock_adapters.memory import MemoryStore
from interlock_adapters.sql.postgres import postgres as postgres_store
from interlock_adapters.sql.sqlite.sqlite import open_store
from pace import THOROUGH

TEXTS = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"))
NUMBERS = (
    st.integers()
    | st.integers(-(2**70), 2**70)
    | st.integers(0, 400).map(lambda zeros: 10**zeros)
    | st.floats(allow_nan=False, allow_infinity=False)
)
LEAVES = st.none() | st.booleans() | NUMBERS | TEXTS | NUMBERS.map(str)
VALUES = st.recursive(
    LEAVES,
    lambda inner: st.lists(inner) | st.dictionaries(TEXTS, inner),
    max_leaves=20,
)


@pytest.fixture(params=["memory", "sqlite", "postgresql"], scope="module")
def scene(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Scenario]:
    clock = ManualClock()
    store: JobStore
    if request.param == "memory":
        store = MemoryStore(clock=clock)
    elif request.param == "sqlite":
        path = tmp_path_factory.mktemp("values") / "jobs.db"
        store = open_store(f"sqlite:///{path}?synchronous=NORMAL", clock)
    else:
        with postgres.database() as url:
            store = postgres_store.open_store(url, clock)
            yield Scenario(store, clock)
            store.close()
        return
    yield Scenario(store, clock)
    store.close()


@settings(
    max_examples=300 if THOROUGH else 60,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(value=VALUES)
def test_any_json_comes_back_as_it_was(scene: Scenario, value: object) -> None:
    kept_as_stored(scene, value)
