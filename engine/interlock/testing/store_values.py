"""The store contract, eighth part: every JSON value comes back as it was stored."""

import json
from typing import Final

import pytest

from interlock.core.lifecycle import Event, Proof
from interlock.core.records import Search
from interlock.testing.scenario import Scenario

#: Values that a column with a type of its own may rewrite: numbers that are equal to
#: others of another type, beyond 64 bits or beyond a double, and texts like numbers.
VALUES: Final[tuple[object, ...]] = (
    *(None, True, False, 0, 1, -1, 1.0, 0.0, -0.0, 1.5, 0.1 + 0.2, 1e16, 1e23, 5e-324),
    *(1.7976931348623157e308, 2**31, 2**53 + 1, 2**63 - 1, 2**63, -(2**63) - 1),
    *(10**400, -(10**400), "", " ", "1", "1.0", "01", "1e5", "0x10", "true", "null"),
    *("Infinity", "1" * 400, "\\u0000", 'a"b\\c\n', "\u00e9\U0001f600", "'; --"),
    *([], {}, [1.0, [2**63]], {"": 1.0, "1": -0.0}, {"b": 1, "a": 2}),
)


class ValuesContract:
    """JSON in params, metadata, results and errors. Part of `StoreContract`."""

    @pytest.mark.parametrize("value", VALUES, ids=lambda value: repr(value)[:24])
    def test_a_value_comes_back_equal_and_of_its_type(
        self, scene: Scenario, value: object
    ) -> None:
        kept_as_stored(scene, value)


def kept_as_stored(scene: Scenario, value: object) -> None:
    """Assert that a store keeps a JSON value: params, metadata and result.

    Texts are compared: 1 == 1.0, and 0.0 == -0.0. The order of keys need not be kept.
    """
    job = scene.running(params={"value": value}, metadata={"value": value})
    ended = scene.apply(job, Event.SUCCEED, proof=Proof.CGROUP, result=value)
    page = scene.store.search(Search(name=job.name))
    for stored in (ended, scene.store.get(job.id), *page.items):
        values = (stored.params["value"], stored.metadata["value"], stored.result)
        assert {_text(part) for part in values} == {_text(value)}
    assert len(page.items) == 1


def _text(value: object) -> str:
    return json.dumps(value, sort_keys=True)
