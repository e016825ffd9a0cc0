"""Claiming breaks no promise with all guards on, and one without any of them."""

from functools import cache

import pytest

from .mutations import LOST, MUTATIONS
from .promises import Promise
from .rules import Rules
from .search import Found, search
from .worlds import WORLDS

#: Hints that are wrong break this by themselves.
WRONG = "wrong hints"
BATCHES = "small batches"
SMALL = (
    "limit 1, 3 jobs",
    "a retry comes back",
    "a cancel",
    "a due job",
    "a job expires",
    "a lower limit",
    "a first limit",
)
UNTIL_THE_DUTY = {WRONG: {Promise.NOT_FORGOTTEN}, BATCHES: {Promise.NOT_FORGOTTEN}}


@cache
def sound(world: str) -> Found:
    return search(WORLDS[world], Rules())


def without(off: tuple[str, ...]) -> Rules:
    return Rules()._replace(**dict.fromkeys(off, False))


@pytest.mark.parametrize("world", WORLDS)
def test_with_all_guards_on_no_promise_is_broken(world: str) -> None:
    broken = sound(world).broken
    assert set(broken) == UNTIL_THE_DUTY.get(world, set()), broken


def test_the_search_is_not_vacuous() -> None:
    found = [sound(world) for world in SMALL]
    assert sum(each.states for each in found) > 9_000  # 9,698 when this was written
    steps = {step for each in found for step in each.steps}
    assert {
        "claim: gets no lock",
        "claim: parks",
        "end: will expire 1",
        "end: will retry 0",
        "cancel: is refused",
        "limit: commits",
        "reopen: commits",
        "world: a job becomes due",
    } <= steps
    assert "claim: is refused by the trigger" not in steps


@pytest.mark.parametrize(("off", "world", "promise"), MUTATIONS.values(), ids=MUTATIONS)
def test_each_guard_keeps_a_promise(
    off: tuple[str, ...], world: str, promise: Promise
) -> None:
    assert promise in search(WORLDS[world], without(off), until=promise).broken


@pytest.mark.parametrize(("off", "world"), LOST.values(), ids=LOST)
def test_a_lost_opening_costs_a_look_and_never_a_job(
    off: tuple[str, ...], world: str
) -> None:
    found = search(WORLDS[world].with_reopen(), without(off))
    assert set(found.broken) == {Promise.NOT_FORGOTTEN}


def test_every_guard_and_every_promise_has_a_mutation() -> None:
    named = {rule for off, _, _ in MUTATIONS.values() for rule in off}
    assert named == set(Rules._fields)
    assert {promise for _, _, promise in MUTATIONS.values()} == set(Promise)
