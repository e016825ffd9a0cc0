"""A job is found by the first or the last digits of its id."""

from __future__ import annotations

import pytest

from interlock import AmbiguousId, Engine, InvalidOption, JobNotFound
from interlock.core.ids import new_id, short_id
from interlock.testing.clock import ManualClock
from interlock.testing.scenario import Scenario
from interlock_adapters.memory import MemoryStore


@pytest.fixture
def scene() -> Scenario:
    clock = ManualClock()
    return Scenario(MemoryStore(clock), clock)


@pytest.fixture
def engine(scene: Scenario) -> Engine:
    return Engine(scene.store, clock=scene.clock)


def _added(scene: Scenario, many: int) -> list[str]:
    ids = [new_id(scene.clock.now()) for _ in range(many)]
    for job_id in ids:
        scene.add(job_id)
    return ids


def test_an_id_is_found_by_itself_and_by_its_ends(
    scene: Scenario, engine: Engine
) -> None:
    for job_id in _added(scene, 3):
        for part in (job_id, job_id.upper(), job_id[:31], short_id(job_id)):
            assert engine.find_id(part) == job_id


def test_a_part_of_several_ids_is_refused_with_the_newest(
    scene: Scenario, engine: Engine
) -> None:
    ids = _added(scene, 7)
    with pytest.raises(
        AmbiguousId, match=r"more than 5 jobs.*Give more digits"
    ) as many:
        engine.find_id(ids[0][:8])
    assert (many.value.part, many.value.ids) == (ids[0][:8], tuple(ids[:1:-1]))
    scene.add("1234" + "0" * 28)
    scene.add("0" * 28 + "1234")
    with pytest.raises(AmbiguousId, match=r"the ids of 2 jobs: 1234.*, 0000"):
        engine.find_id("1234")


@pytest.mark.parametrize("part", ["beef", "0" * 32])
def test_what_no_id_has_is_not_found(engine: Engine, part: str) -> None:
    with pytest.raises(JobNotFound, match=part):
        engine.find_id(part)


@pytest.mark.parametrize(
    "part", ["", "abc", "nope", "0" * 33, "12 4", "\uff11\uff12\uff13\uff14", "%%%%"]
)
def test_what_cannot_be_a_part_is_refused(engine: Engine, part: str) -> None:
    with pytest.raises(InvalidOption, match="4 or more of the hexadecimal digits"):
        engine.find_id(part)
