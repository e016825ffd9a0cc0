"""With all rules on no promise breaks; without any one of them, one does."""

from functools import cache

import pytest

from interlock.core.lifecycle import Event, Who, row_of

from .invariants import Promise
from .mutations import MUTATIONS, REAPED
from .rules import Rules
from .search import Found, search


@cache
def sound() -> Found:
    return search(Rules())


def test_with_all_rules_on_no_promise_is_broken() -> None:
    assert sound().broken == {}


def test_the_search_is_not_vacuous() -> None:
    assert sound().states > 20_000  # 39,638 when this was written
    assert {event for event, _ in sound().writes} == set(Event)


def test_a_job_is_lost_by_its_lease_and_by_its_empty_kill_domain() -> None:
    for event in REAPED:
        assert {(event, True), (event, False)} <= sound().writes


def test_only_what_needs_no_lease_is_reported_late() -> None:
    late = {
        event
        for event, leased in sound().writes
        if not leased and row_of(event).who is Who.WORKER
    }
    assert late == {
        Event.CLAIM,
        Event.SUCCEED,
        Event.TIME_OUT,
        Event.FINISH_CANCEL,
        Event.RELEASE,
    }


@pytest.mark.parametrize(
    ("rules", "promise", "last"), MUTATIONS.values(), ids=MUTATIONS
)
def test_each_rule_has_a_counterexample(
    rules: Rules, promise: Promise, last: str
) -> None:
    trace = search(rules, until=promise).broken[promise]
    assert trace[-1] == last, "\n".join(trace)
