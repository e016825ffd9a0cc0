"""The contract of every `JobStore`, as a test class to inherit.

Test a store like this:

    class TestMyStore(StoreContract):
        @pytest.fixture
        def store(self, clock: ManualClock) -> Iterator[JobStore]:
            store = my_adapter.open_store("my://", clock)
            yield store
            store.close()

`clock` stands still until a test moves it, and the store must read no other clock.
After each test `verify()` of the store must find no fault.
"""

from collections.abc import Iterator

import pytest

from interlock.ports.store import JobStore
from interlock.testing.clock import ManualClock
from interlock.testing.scenario import Scenario
from interlock.testing.store_children import ChildrenContract
from interlock.testing.store_claims import ClaimsContract
from interlock.testing.store_dependencies import DependenciesContract
from interlock.testing.store_feed import FeedContract
from interlock.testing.store_finalizers import FinalizersContract
from interlock.testing.store_groups import GroupsContract
from interlock.testing.store_limits import LimitsContract
from interlock.testing.store_moves import MovesContract
from interlock.testing.store_outcomes import OutcomesContract
from interlock.testing.store_queries import QueriesContract
from interlock.testing.store_records import RecordsContract
from interlock.testing.store_schedules import SchedulesContract
from interlock.testing.store_steps import StepsContract
from interlock.testing.store_submits import SubmitsContract
from interlock.testing.store_unique import UniqueContract
from interlock.testing.store_values import ValuesContract


class StoreContract(
    MovesContract,
    OutcomesContract,
    ClaimsContract,
    LimitsContract,
    SubmitsContract,
    UniqueContract,
    RecordsContract,
    QueriesContract,
    FeedContract,
    ValuesContract,
    SchedulesContract,
    DependenciesContract,
    GroupsContract,
    StepsContract,
    ChildrenContract,
    FinalizersContract,
):
    """Inherit from it, and define a fixture `store` that is empty for each test."""

    @pytest.fixture
    def clock(self) -> ManualClock:
        return ManualClock()

    @pytest.fixture
    def scene(self, store: JobStore, clock: ManualClock) -> Scenario:
        return Scenario(store, clock)

    @pytest.fixture(autouse=True)
    def _sound(self, store: JobStore) -> Iterator[None]:
        yield
        assert store.verify() == []
