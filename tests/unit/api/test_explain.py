"""Every reason why a job waits is told, and how one ended."""

from __future__ import annotations

from datetime import timedelta

import pytest

from interlock import Engine, Explanation
from interlock.core.lifecycle import Event, Proof
from interlock.core.limits import Rate
from interlock.core.records import WorkerInfo
from interlock.testing.clock import ManualClock
from interlock.testing.scenario import Scenario
from interlock_adapters.memory import MemoryStore


@pytest.fixture
def scene() -> Scenario:
    clock = ManualClock()
    return Scenario(MemoryStore(clock), clock)


def _worker(scene: Scenario, queues: tuple[str, ...] | None = None) -> None:
    names = {"f": {"params": {"required": [], "additionalProperties": True}}}
    now = scene.clock.now()
    worker = WorkerInfo(
        id="w",
        host="h",
        pid=1,
        boot_id="b",
        containment="inline",
        concurrency=1,
        queues=queues,
        started_at=now,
        seen_at=now,
        jobs=names,
    )
    scene.store.see_worker(worker)


def _said(scene: Scenario, job_id: str) -> Explanation:
    return Engine(scene.store, clock=scene.clock).explain(job_id)


def test_all_that_keeps_a_job_waiting_is_told_at_once(scene: Scenario) -> None:
    _worker(scene)
    scene.store.set_limit("k", 1)
    scene.store.set_limit("name:f", None, Rate(1, 60))
    keys = {"k": {"limit": "k", "weight": 1}}
    scene.running("a", name="f", queue="q", keys=keys)
    waits = scene.add("b", name="f", queue="q", keys=keys)
    scene.store.set_paused("q", paused=True)
    scene.hold("name:f", reason="they are down")
    scene.apply(waits, Event.HOLD, text="wait for me")
    said = _said(scene, "b")
    assert [reason.cause for reason in said.reasons] == [
        *("held", "paused:q", "hold:name:f", "rate:name:f", "key:k"),
    ]
    assert said.holders == ("a",)
    assert said.startswith("Held by anna: wait for me. Release it: interlock release-")
    for words in (
        " Also: queue 'q' is paused. Resume it: interlock resume q",
        " Also: anna holds name:f (they are down). Release it: interlock release-hold",
        " Also: the rate of 'name:f' is used up: 1 starts; the next one in 60.0 s.",
        " Also: the limit 'k' is full: 1 of at most 1 run (a).",
    ):
        assert words in said


def test_the_end_of_a_hold_is_told(scene: Scenario) -> None:
    _worker(scene)
    scene.add("a", name="f")
    over = scene.clock.now() + timedelta(hours=1)
    scene.hold("name:f", until=over)
    said = _said(scene, "a")
    assert [reason.until for reason in said.reasons] == [over]
    assert f"anna holds name:f until {over:%F %T} UTC" in said


def test_a_queue_that_nobody_serves_is_told(scene: Scenario) -> None:
    _worker(scene, queues=("other",))
    scene.add("a", name="f", queue="q")
    said = _said(scene, "a")
    assert [reason.cause for reason in said.reasons] == ["unserved_queue"]
    assert said.startswith("Waiting: no running worker serves the queue 'q'.")


def test_a_job_that_only_waits_for_its_turn_says_so(scene: Scenario) -> None:
    _worker(scene)
    scene.add("a", name="f", queue="q")
    said = _said(scene, "a")
    assert [reason.cause for reason in said.reasons] == ["busy"]
    assert said == "Waiting for a free slot of a worker that knows 'f'."


def test_a_moment_that_is_to_come_is_told_alone(scene: Scenario) -> None:
    later = scene.clock.now() + timedelta(seconds=5)
    scene.add("a", name="f", run_at=later)
    said = _said(scene, "a")
    assert [(reason.cause, reason.until) for reason in said.reasons] == [
        ("scheduled", later)
    ]


def test_an_end_says_who_and_why(scene: Scenario) -> None:
    canceled = scene.add("a", name="f")
    scene.apply(canceled, Event.CANCEL, text="a typo")
    assert _said(scene, "a").endswith("canceled by anna: a typo")
    scene.store.set_limit("name:g", 1)
    running = scene.running("b", name="g")
    scene.add("c", name="g", when_full="cancel_new")
    scene.claim("g")
    assert _said(scene, "c").endswith("full: the limit 'name:g' is full")
    scene.apply(running, Event.SUCCEED, proof=Proof.INLINE)
    said = _said(scene, "b")
    assert said.startswith("SUCCEEDED (returned) since")
    assert said.reasons == ()
