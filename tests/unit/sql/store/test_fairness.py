"""No fairness key waits for all of another's, and no claim pays for its backlog."""

from __future__ import annotations

from collections import Counter

import sqlalchemy as sa

from interlock.core.lifecycle import Event, Proof
from interlock.testing.scenario import Scenario
from interlock_adapters.sql.store.fairness import RANKED
from interlock_adapters.sql.store.store import SqlStore
from pace import THOROUGH

MANY = 20_000 if THOROUGH else 3_000
SORTED = 2_000  # jobs of a backlog, at least, that one claim parks
SMALL = 10  # keys, with as many jobs each


def _add(scene: Scenario, key: str, many: int) -> None:
    jobs = [scene.new(f"{key}{n:06}", name="f", fair_key=key) for n in range(many)]
    for start in range(0, many, 2_000):
        scene.store.add(jobs[start : start + 2_000])


def _with_turns(scene: Scenario) -> Counter[str]:
    assert isinstance(scene.store, SqlStore)
    query = sa.text(
        "SELECT fair_key, count(*) AS many FROM interlock_job WHERE status = 'PENDING'"
        " AND held_by IS NULL AND turn > 0 GROUP BY fair_key"
    )
    with scene.store.database.engine.connect() as connection:
        return Counter({row.fair_key: row.many for row in connection.execute(query)})


def test_a_key_with_a_few_jobs_never_waits_for_one_with_many(scene: Scenario) -> None:
    """The n-th job of a key starts after at most n starts of each other key.

    And after those that a claim takes at once, and while it parks a backlog that came.
    """
    at_once = 4
    in_between = at_once * (1 + MANY // SORTED)
    _add(scene, "big", MANY)
    assert len(scene.claim("f", limit=at_once)) == at_once
    assert _with_turns(scene)["big"] <= RANKED
    for number in range(SMALL):
        _add(scene, f"small-{number}-", SMALL)
    started: list[str] = []
    while len(started) - started.count("big") < SMALL * SMALL:
        for job in scene.claim("f", limit=at_once):
            started.append(str(job.fair_key))
            scene.apply(job, Event.SUCCEED, proof=Proof.INLINE)
    for number in range(SMALL):
        key = f"small-{number}-"
        places = [place for place, each in enumerate(started) if each == key]
        assert len(places) == SMALL
        for nth, place in enumerate(places, start=1):
            before = Counter(started[:place])
            assert max(before.values(), default=0) <= nth + in_between
    assert scene.store.verify() == []


def test_a_canceled_job_gives_its_turn_to_the_next(scene: Scenario) -> None:
    _add(scene, "big", 2 * RANKED)
    started = scene.claim("f", limit=1)
    assert _with_turns(scene) == {"big": RANKED - 1}
    waiting = [scene.store.get(f"big{n:06}") for n in range(1, RANKED)]
    for job in waiting:
        scene.apply(job, Event.CANCEL)
    scene.store.reopen("", now=scene.clock.now())
    ids = [job.id for job in scene.claim("f", limit=100)]
    assert started[0].id not in ids
    assert len(ids) == RANKED
