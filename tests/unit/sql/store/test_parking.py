"""What cannot start is parked; whoever removes the cause opens it again."""

from __future__ import annotations

from collections import Counter
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from interlock.core.lifecycle import Event, Proof
from interlock.testing.clock import ManualClock
from interlock.testing.scenario import Scenario
from interlock_adapters.sql.sqlite.sqlite import open_store
from interlock_adapters.sql.store import candidates
from interlock_adapters.sql.store.store import SqlStore


def _sql(scene: Scenario, text: str, **values: object) -> list[sa.Row[Any]]:
    assert isinstance(scene.store, SqlStore)
    with scene.store.database.engine.begin() as connection:
        found = connection.execute(sa.text(text), values)
        return list(found) if found.returns_rows else []


def _parked(scene: Scenario) -> Counter[str | None]:
    """Return how many jobs wait for each cause; None: they are open."""
    waiting = "SELECT held_by FROM interlock_job WHERE status = 'PENDING'"
    return Counter(row[0] for row in _sql(scene, waiting))


def _slots(scene: Scenario) -> list[tuple[object, ...]]:
    query = (
        "SELECT key, number, job_id, attempt FROM interlock_slot ORDER BY key, number"
    )
    return [tuple(row) for row in _sql(scene, query)]


def _add(scene: Scenario, many: int, **fields: Any) -> None:
    scene.store.add([scene.new(**fields) for _ in range(many)])


def test_what_stands_behind_a_limit_is_parked_and_opened_by_each_end(
    scene: Scenario,
) -> None:
    scene.store.set_limit("name:f", 2)
    _add(scene, 5, name="f")
    first = scene.claim("f")
    assert [job.id for job in first] == ["j1", "j2"]
    assert _parked(scene) == {"key:name:f": 3}
    assert _slots(scene) == [("name:f", 1, "j1", 1), ("name:f", 2, "j2", 1)]
    scene.apply(first[0], Event.SUCCEED, proof=Proof.CGROUP)
    assert _slots(scene) == [("name:f", 2, "j2", 1)]
    assert _parked(scene) == {"key:name:f": 2, None: 1}
    assert [job.id for job in scene.claim("f")] == ["j3"]
    assert _slots(scene) == [("name:f", 1, "j3", 1), ("name:f", 2, "j2", 1)]


def test_a_job_that_goes_back_gives_its_slot_to_the_best_that_waits(
    scene: Scenario,
) -> None:
    scene.store.set_limit("name:f", 1)
    _add(scene, 3, name="f")
    (running,) = scene.claim("f")
    assert scene.claim("f") == []
    scene.clock.advance(60)  # its lease is over
    scene.apply(running, Event.RESCUE, run_at=scene.clock.now())
    assert _slots(scene) == []
    assert _parked(scene) == {None: 2, "key:name:f": 1}
    assert [job.id for job in scene.claim("f")] == ["j1"]


def test_a_cancel_of_the_job_that_was_opened_opens_the_next(scene: Scenario) -> None:
    scene.store.set_limit("name:f", 1)
    _add(scene, 3, name="f")
    (running,) = scene.claim("f")
    assert scene.claim("f") == []
    scene.apply(running, Event.SUCCEED, proof=Proof.CGROUP)
    opened = scene.store.get("j2")
    assert _parked(scene) == {None: 1, "key:name:f": 1}
    scene.apply(opened, Event.CANCEL)
    assert _parked(scene) == {None: 1}
    assert [job.id for job in scene.claim("f")] == ["j3"]


def test_a_claim_takes_jobs_from_behind_a_long_queue_of_a_limit(
    scene: Scenario,
) -> None:
    """Its first look is full, and finds fewer jobs than the claim may start."""
    scene.store.set_limit("name:f", 2)
    _add(scene, 80, name="f")
    _add(scene, 1, name="g")
    claimed = scene.claim("f", "g", limit=3)
    assert [job.name for job in claimed] == ["f", "f", "g"]


def test_what_came_too_late_waits_for_the_reaper_alone(scene: Scenario) -> None:
    soon = scene.clock.now() + timedelta(seconds=1)
    _add(scene, 2, name="f", expires_at=soon)
    _add(scene, 3, name="f", deadline_at=soon)
    scene.clock.advance(2)
    assert scene.claim("f") == []
    assert _parked(scene) == {"expired": 2, "overdue": 3}
    assert scene.store.reopen("", now=scene.clock.now()) == ("", False)
    assert _parked(scene) == {"expired": 2, "overdue": 3}


@pytest.mark.parametrize("moment", ["expires_at", "deadline_at"])
def test_the_claim_itself_judges_what_came_too_late(
    scene: Scenario, monkeypatch: pytest.MonkeyPatch, moment: str
) -> None:
    soon: dict[str, Any] = {moment: scene.clock.now()}
    job = scene.add(**soon)
    monkeypatch.setattr(candidates.Facts, "cause", lambda _self, _job: None)
    assert [claimed.id for claimed in scene.claim(job.name)] == [job.id]
    late = scene.add(**soon)
    scene.clock.advance(0.001)
    assert scene.claim(late.name) == []


def test_a_queue_that_goes_on_opens_its_jobs_in_batches(scene: Scenario) -> None:
    _add(scene, 700, name="f", queue="q")
    scene.store.set_paused("q", paused=True)
    assert scene.claim("f") == []
    assert _parked(scene)["paused:q"] == 700
    scene.store.set_paused("q", paused=False)
    assert _parked(scene) == {None: 500, "paused:q": 200}
    assert scene.store.reopen("", now=scene.clock.now()) == ("", False)
    assert _parked(scene) == {None: 700}


def test_a_raised_or_removed_limit_opens_what_it_kept_back(scene: Scenario) -> None:
    scene.store.set_limit("name:f", 1)
    _add(scene, 9, name="f")
    scene.claim("f")
    assert scene.claim("f") == []
    scene.store.set_limit("name:f", 3)
    assert _parked(scene) == {None: 2, "key:name:f": 6}
    assert len(scene.claim("f")) == 2
    scene.store.set_limit("name:f", None)
    assert _parked(scene) == {None: 6}
    assert len(scene.claim("f")) == 6


def test_a_limit_counts_those_that_ran_before_it(scene: Scenario) -> None:
    _add(scene, 5, name="f")
    running = scene.claim("f", limit=3)
    scene.store.set_limit("name:f", 2)
    assert [row[1] for row in _slots(scene)] == [1, 2, 3]
    assert scene.claim("f") == []
    scene.apply(running[0], Event.SUCCEED, proof=Proof.CGROUP)
    assert scene.claim("f") == []
    scene.apply(running[1], Event.SUCCEED, proof=Proof.CGROUP)
    assert len(scene.claim("f")) == 1


def test_a_lost_step_is_made_up_by_the_duty(scene: Scenario) -> None:
    scene.store.set_limit("name:f", 1)
    _add(scene, 2, name="f")
    (running,) = scene.claim("f")
    assert scene.claim("f") == []
    scene.apply(running, Event.SUCCEED, proof=Proof.CGROUP)
    _sql(scene, "UPDATE interlock_job SET held_by = 'key:name:f' WHERE id = 'j2'")
    assert scene.claim("f") == []
    scene.store.reopen("", now=scene.clock.now())
    assert [job.id for job in scene.claim("f")] == ["j2"]


def test_the_duty_leaves_alone_what_still_cannot_start(scene: Scenario) -> None:
    scene.store.set_limit("name:f", 1)
    _add(scene, 3, name="f")
    _add(scene, 3, name="g", queue="paused")
    scene.store.set_paused("paused", paused=True)
    scene.claim("f", "g")
    before = _parked(scene)
    assert before == {"key:name:f": 2, "paused:paused": 3}
    scene.store.reopen("", now=scene.clock.now())
    assert _parked(scene) == before


def test_many_that_become_due_at_once_are_promoted_in_batches(scene: Scenario) -> None:
    soon = scene.clock.now() + timedelta(seconds=10)
    _add(scene, 700, name="f", run_at=soon)
    assert scene.claim("f", limit=1) == []
    scene.clock.advance(10)
    assert len(scene.claim("f", limit=1)) == 1
    assert _parked(scene) == {"due": 600, None: 99}
    scene.store.reopen("", now=scene.clock.now())
    assert _parked(scene) == {"due": 100, None: 599}


def test_a_job_in_a_crowd_that_expired_is_found(scene: Scenario) -> None:
    soon = scene.clock.now() + timedelta(seconds=10)
    _add(scene, 700, name="f", priority=1, expires_at=soon)
    scene.add("mine", name="f")
    scene.clock.advance(11)
    assert [job.id for job in scene.claim("f", limit=1)] == ["mine"]


@pytest.mark.parametrize("queues", [None, ["mine"]])
def test_a_job_behind_a_crowd_of_others_is_found(
    scene: Scenario, queues: list[str] | None
) -> None:
    for name, queue in (("alien", "q"), ("f", "paused"), ("alien", "mine")):
        _add(scene, 200, name=name, queue=queue, priority=1)
    scene.store.set_paused("paused", paused=True)
    scene.add("mine", name="f", queue="mine")
    assert [job.id for job in scene.claim("f", queues=queues)] == ["mine"]


@pytest.mark.parametrize(
    "slot",
    [
        "'name:f', 2, 'j2', 1",  # one too many
        "'name:f', 0, 'j2', 1",
        "'name:f', 1, 'j2', 1",  # another's
        "'name:f', 1, 'j2', 2",  # of an attempt that is not the next
        "'name:g', 1, 'j2', 1",  # of another name
        "'name:f', 1, 'none', 1",
    ],
)
def test_the_database_refuses_a_slot_too_many(scene: Scenario, slot: str) -> None:
    scene.store.set_limit("name:f", 1)
    scene.store.set_limit("name:g", 1)
    _add(scene, 2, name="f")
    scene.claim("f")
    with pytest.raises(sa.exc.IntegrityError):
        _sql(
            scene,
            "INSERT INTO interlock_slot (key, number, job_id, attempt)"
            f" VALUES ({slot})",
        )


@pytest.mark.parametrize(
    "change",
    [
        "DELETE FROM interlock_slot",
        "UPDATE interlock_slot SET number = 2",
        "UPDATE interlock_slot SET job_id = 'j2'",
    ],
)
def test_the_slot_of_a_running_job_stays(scene: Scenario, change: str) -> None:
    scene.store.set_limit("name:f", 1)
    _add(scene, 2, name="f")
    scene.claim("f")
    with pytest.raises(sa.exc.IntegrityError):
        _sql(scene, change)


def test_a_claim_without_its_slot_is_refused_by_the_database(scene: Scenario) -> None:
    scene.store.set_limit("name:f", 1)
    _add(scene, 2, name="f")
    scene.claim("f")
    claim = (
        "UPDATE interlock_job SET status = 'RUNNING', event = 'claim', attempt = 1,"
        " worker_id = 'w', lease_until_us = 1, lease_epoch = 'e', started_at ="
        " created_at, write_attempt = 1, write_seq = write_seq + 1 WHERE id = 'j2'"
    )
    with pytest.raises(sa.exc.IntegrityError, match="guards of claim are not met"):
        _sql(scene, claim)


def test_a_slot_that_its_job_cannot_use_is_passed_on(scene: Scenario) -> None:
    scene.store.set_limit("name:f", 1)
    _add(scene, 1, name="f")
    _add(scene, 1, name="f", queue="q")
    _add(scene, 1, name="f")
    (running,) = scene.claim("f")
    assert scene.claim("f") == []
    scene.store.set_paused("q", paused=True)
    scene.apply(running, Event.SUCCEED, proof=Proof.CGROUP)
    assert _parked(scene) == {None: 1, "key:name:f": 1}  # the best, of queue q
    assert [job.id for job in scene.claim("f")] == ["j3"]  # at once
    assert _parked(scene) == {"paused:q": 1}


@pytest.mark.parametrize("verb", ["INSERT OR REPLACE", "REPLACE", "INSERT"])
def test_a_slot_is_never_taken_from_its_job(tmp_path: Path, verb: str) -> None:
    clock = ManualClock()
    store = open_store(f"sqlite:///{tmp_path}/jobs.db", clock)
    scene = Scenario(store, clock)
    store.set_limit("name:f", 2)
    _add(scene, 2, name="f")
    scene.claim("f", limit=1)
    with pytest.raises(sa.exc.IntegrityError, match="the slot is taken"):
        _sql(scene, f"{verb} INTO interlock_slot VALUES ('name:f', 1, 'j2', 1)")
    store.close()
