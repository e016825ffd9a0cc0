"""The store contract, ninth part: schedules, and what becomes of their ticks.

One file, because each test is read beside the others of one decision.
"""

from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any, Final

import pytest

from interlock.api.engine import Engine
from interlock.core.errors import InvalidOption, ScheduleNotFound
from interlock.core.job import Job
from interlock.core.lifecycle import Event, JobStatus, Proof, StopCause
from interlock.core.records import Search
from interlock.core.schedule import Schedule
from interlock.core.ticks import (
    MOST_MISSED,
    ScheduleEdit,
    ScheduleInfo,
    Tick,
    TickOutcome,
    new_schedule,
)
from interlock.testing.scenario import Scenario

MINUTE: Final = timedelta(minutes=1)
DAY_S: Final = 86_400
FIRED, SKIPPED, MISSED = TickOutcome


def stored(
    scene: Scenario,
    name: str = "s",
    *,
    options: Mapping[str, object] | None = None,
    **when: Any,
) -> ScheduleInfo:
    """Store a schedule that is due every minute, if `when` does not say otherwise."""
    schedule = Schedule(
        **(when if {"cron", "every"} & when.keys() else {**when, "cron": "* * * * *"})
    )
    now = scene.clock.now()
    info = new_schedule(name, "f", schedule, options or {}, now=now)
    assert scene.store.schedules.save(info, edit_of(scene, name))
    return info


def edit_of(scene: Scenario, name: str = "s", what: str = "created") -> ScheduleEdit:
    """Return an edit, now."""
    now = scene.clock.now()
    return ScheduleEdit(schedule=name, at=now, actor="anna", what=what, reason="why")


def fire(scene: Scenario) -> None:
    """Decide about everything that is due."""
    while scene.store.schedules.fire(now=scene.clock.now()):
        pass


def outcomes(scene: Scenario, name: str = "s") -> list[tuple[datetime, TickOutcome]]:
    """Return the ticks of a schedule, the oldest first."""
    ticks = scene.store.schedules.ticks(name, limit=5000)
    return [(tick.due_at, tick.outcome) for tick in reversed(ticks)]


def jobs_of(scene: Scenario, name: str = "s") -> list[Job]:
    """Return the jobs of a schedule, the oldest first."""
    page = scene.store.search(Search(schedule=name, limit=1000))
    return list(reversed(page.items))


class SchedulesContract:
    """`JobStore.schedules`. Part of `StoreContract`. Its clock begins at 12:00."""

    def test_a_schedule_goes_on_when_its_hold_is_over(self, scene: Scenario) -> None:
        store, until = scene.store, scene.clock.now() + timedelta(seconds=90)
        engine = Engine(store, clock=scene.clock)
        stored(scene)
        engine.hold("schedule:s", by="anna", reason="holidays", until=until)
        with pytest.raises(InvalidOption, match="held already"):
            engine.hold("schedule:s")
        (hold,) = store.holds()
        assert (hold.target, hold.by, hold.until) == ("schedule:s", "anna", until)
        scene.clock.advance(89)
        store.reopen("", now=scene.clock.now())
        assert store.schedules.get("s").paused
        assert not store.schedules.fire(now=scene.clock.now())
        scene.clock.advance(1)
        assert store.needs(now=scene.clock.now()).reopen
        store.reopen("", now=scene.clock.now())
        info = store.schedules.get("s")
        assert not info.paused
        assert info.next_at is not None
        assert info.next_at > scene.clock.now()
        edit = store.schedules.edits("s")[-1]
        assert (edit.what, edit.actor) == ("resumed", "interlock")
        assert edit.reason == "its hold is over"
        assert store.holds() == []

    def test_who_resumes_or_deletes_a_schedule_releases_it(
        self, scene: Scenario
    ) -> None:
        engine = Engine(scene.store, clock=scene.clock)
        for name, end in (
            ("a", lambda: engine.schedules.resume("a")),
            ("b", lambda: engine.release_hold("schedule:b")),
            ("c", lambda: engine.schedules.delete("c")),
        ):
            stored(scene, name)
            engine.hold(f"schedule:{name}")
            end()
            assert scene.store.holds() == []
        assert not scene.store.schedules.get("b").paused

    def test_a_schedule_comes_back_as_it_was_stored(self, scene: Scenario) -> None:
        info = stored(
            scene,
            timezone="Europe/Berlin",
            catchup="all",
            overlap="replace",
            params={"a": [1, {"b": None}]},
            options={"queue": "q", "retry": {"max_attempts": 2}},
        )
        kept = scene.store.schedules
        assert kept.get("s") == info
        other = stored(scene, "r", every="90s")
        assert kept.all() == [other, info]
        later = replace(
            info,
            paused=True,
            edited=True,
            declared=True,
            waiting_at=info.created_at,
            next_at=None,
            digest="d",
            replaced=("a", "b"),
            version=2,
        )
        assert kept.save(later, edit_of(scene, what="paused"))
        assert kept.get("s") == later
        with pytest.raises(ScheduleNotFound):
            kept.get("q")

    def test_an_edit_of_another_version_is_not_stored(self, scene: Scenario) -> None:
        info = stored(scene)
        kept, edit = scene.store.schedules, edit_of(scene, what="again")
        tick = Tick(
            schedule="s",
            due_at=scene.clock.now(),
            outcome=SKIPPED,
            at=scene.clock.now(),
            wall_time="12:00",
            why="it waited",
            job_id="j",
        )
        for version in (1, 3):
            other = replace(info, version=version, paused=True)
            assert not kept.save(other, edit, [tick])
            assert not kept.delete(replace(info, version=version + 1), edit)
        assert (kept.get("s"), kept.ticks("s", limit=9)) == (info, [])
        assert [each.what for each in kept.edits("s")] == ["created"]
        assert kept.save(replace(info, version=2), edit, [tick])
        assert kept.ticks("s", limit=9) == [tick]

    def test_edits_are_numbered_and_outlive_their_schedule(
        self, scene: Scenario
    ) -> None:
        info = stored(scene)
        stored(scene, "other")
        kept = scene.store.schedules
        scene.clock.advance(60)
        fire(scene)
        assert len(kept.ticks("s", limit=9)) == 1
        assert kept.delete(info, edit_of(scene, what="deleted"))
        assert not kept.delete(info, edit_of(scene, what="deleted"))
        assert kept.ticks("s", limit=9) == []
        stored(scene)
        found = [(each.number, each.what) for each in kept.edits("s")]
        assert found == [(1, "created"), (2, "deleted"), (3, "created")]
        first = kept.edits("s")[0]
        assert (first.actor, first.reason, first.at) == ("anna", "why", info.created_at)
        assert kept.edits("nobody") == []

    def test_a_tick_is_fired_once_with_a_job_of_its_schedule(
        self, scene: Scenario
    ) -> None:
        options = {"queue": "q", "priority": 3, "retry": {"max_attempts": 2}}
        stored(scene, options=options, params={"x": 1}, timezone="Asia/Kolkata")
        assert not scene.store.schedules.fire(now=scene.clock.now())
        scene.clock.advance(60.5)
        now = scene.clock.now()
        fire(scene)
        fire(scene)
        (job,) = jobs_of(scene)
        due_at = datetime(2026, 1, 1, 12, 1, tzinfo=UTC)
        assert (job.name, job.params, job.queue, job.priority) == (
            "f",
            {"x": 1},
            "q",
            3,
        )
        assert (job.schedule, job.scheduled_for) == ("s", due_at)
        assert (job.retry.max_attempts, job.submitted_by) == (2, "schedule:s")
        assert (job.created_at, job.run_at, job.status) == (now, now, JobStatus.PENDING)
        assert scene.store.schedules.ticks("s", limit=9) == [
            Tick(
                schedule="s",
                due_at=due_at,
                outcome=FIRED,
                at=now,
                wall_time="2026-01-01T17:31:00+05:30",
                job_id=job.id,
            )
        ]
        assert scene.store.schedules.get("s").next_at == due_at + MINUTE

    def test_nobody_fires_what_another_one_fires(self, scene: Scenario) -> None:
        for number in range(4):
            stored(scene, f"s{number}", every="1m", catchup="all")
        scene.clock.advance(300)
        now = scene.clock.now()

        def work() -> None:
            while scene.store.needs(now=now).fire:
                scene.store.schedules.fire(now=now)

        with ThreadPoolExecutor(4) as threads:
            for each in [threads.submit(work) for _ in range(4)]:
                each.result()
        for number in range(4):
            found = [job.scheduled_for for job in jobs_of(scene, f"s{number}")]
            assert found == [due for due, _ in outcomes(scene, f"s{number}")]
            assert len(set(found)) == 5

    def test_what_a_worker_must_know_of_schedules(self, scene: Scenario) -> None:
        info = stored(scene)
        needs = scene.store.needs(now=scene.clock.now())
        assert (needs.fire, needs.tick_in_s) == (False, 60)
        stored(scene, "sooner", every="10s")
        assert scene.store.needs(now=scene.clock.now()).tick_in_s == 10
        paused = replace(scene.store.schedules.get("sooner"), paused=True, version=2)
        scene.store.schedules.save(paused, edit_of(scene, "sooner"))
        assert scene.store.needs(now=scene.clock.now()).tick_in_s == 60
        scene.clock.advance(60)
        needs = scene.store.needs(now=scene.clock.now())
        assert (needs.fire, needs.tick_in_s) == (True, 0)
        fire(scene)
        assert not scene.store.needs(now=scene.clock.now()).fire
        scene.store.schedules.delete(info, edit_of(scene))
        needs = scene.store.needs(now=scene.clock.now())
        assert (needs.fire, needs.tick_in_s) == (False, None)

    def test_a_paused_schedule_is_not_due(self, scene: Scenario) -> None:
        paused = replace(stored(scene), paused=True, version=2)
        scene.store.schedules.save(paused, edit_of(scene))
        scene.clock.advance(600)
        assert not scene.store.schedules.fire(now=scene.clock.now())
        assert outcomes(scene) == []

    def test_latest_fires_the_newest_tick_of_a_day_and_lists_a_thousand(
        self, scene: Scenario
    ) -> None:
        stored(scene)
        scene.clock.advance(DAY_S)
        fire(scene)
        *missed, newest = outcomes(scene)
        assert newest == (scene.clock.now(), FIRED)
        first = datetime(2026, 1, 1, 12, 1, tzinfo=UTC)
        assert missed == [(first + n * MINUTE, MISSED) for n in range(MOST_MISSED)]
        whys = [t.why or "" for t in scene.store.schedules.ticks("s", limit=5000)]
        assert "439 later ticks were missed too" in whys[1]
        assert sum("later ticks" in why for why in whys) == 1
        assert [job.scheduled_for for job in jobs_of(scene)] == [scene.clock.now()]

    def test_skip_fires_what_is_a_minute_late_at_most(self, scene: Scenario) -> None:
        stored(scene, every="1h", catchup="skip")
        scene.clock.advance(DAY_S + 60)
        fire(scene)
        found = outcomes(scene)
        assert [outcome for _, outcome in found] == [*[MISSED] * 23, FIRED]
        scene.clock.advance(3601)
        fire(scene)
        assert len(outcomes(scene)) == 25
        assert outcomes(scene)[-1][1] is MISSED
        assert len(jobs_of(scene)) == 1

    def test_all_fires_every_tick_of_a_day(self, scene: Scenario) -> None:
        stored(scene, every="5m", catchup="all")
        scene.clock.advance(DAY_S)
        fire(scene)
        due = [t for t, outcome in outcomes(scene) if outcome is FIRED]
        start = scene.clock.now() - timedelta(days=1)
        assert due == [start + n * 5 * MINUTE for n in range(1, 289)]
        assert [job.scheduled_for for job in jobs_of(scene)] == due

    def test_a_clock_that_was_set_back_fires_nothing_twice(
        self, scene: Scenario
    ) -> None:
        info = stored(scene, catchup="all")
        start = scene.clock.now()
        scene.clock.advance(300)
        fire(scene)
        before = outcomes(scene)
        scene.clock.advance(-240)
        fire(scene)
        assert outcomes(scene) == before
        again = replace(info, next_at=start + MINUTE, version=2)  # an edit just then
        assert scene.store.schedules.save(again, edit_of(scene))
        scene.clock.advance(300)
        fire(scene)
        assert outcomes(scene) == [(start + n * MINUTE, FIRED) for n in range(1, 7)]
        assert len(jobs_of(scene)) == 6

    def test_skip_leaves_a_tick_out_while_a_job_has_not_ended(
        self, scene: Scenario
    ) -> None:
        stored(scene, overlap="skip", catchup="all")
        scene.clock.advance(120)
        fire(scene)
        assert [outcome for _, outcome in outcomes(scene)] == [FIRED, SKIPPED]
        (job,) = scene.claim("f", lease=timedelta(hours=1))
        scene.clock.advance(60)
        fire(scene)
        newest = scene.store.schedules.ticks("s", limit=1)[0]
        assert (newest.outcome, newest.job_id) == (SKIPPED, job.id)
        assert newest.why == f"job {job.id} of this schedule had not ended"
        scene.apply(job, Event.SUCCEED, proof=Proof.INLINE)
        scene.clock.advance(60)
        fire(scene)
        assert outcomes(scene)[-1][1] is FIRED
        assert len(jobs_of(scene)) == 2

    def test_replace_cancels_a_waiting_job_at_once(self, scene: Scenario) -> None:
        stored(scene, overlap="replace")
        for _ in range(2):
            scene.clock.advance(60)
            fire(scene)
        first, second = jobs_of(scene)
        assert (first.status, second.status) == (JobStatus.CANCELED, JobStatus.PENDING)
        assert first.cancel_requested_by == "schedule:s"
        assert [outcome for _, outcome in outcomes(scene)] == [FIRED, FIRED]

    def test_replace_waits_for_the_end_of_a_running_job(self, scene: Scenario) -> None:
        start = scene.clock.now()
        stored(scene, overlap="replace")
        scene.clock.advance(60)
        fire(scene)
        (job,) = scene.claim("f", lease=timedelta(hours=1))
        for _ in range(2):
            scene.clock.advance(60)
            fire(scene)
        assert scene.store.get(job.id).cancel_requested_by == "schedule:s"
        assert not scene.store.needs(now=scene.clock.now()).fire
        assert outcomes(scene)[1:] == [(start + 2 * MINUTE, SKIPPED)]
        skipped = scene.store.schedules.ticks("s", limit=1)[0]
        assert skipped.why == "replaced by the tick of 2026-01-01T12:03:00+00:00"
        assert len(jobs_of(scene)) == 1
        scene.apply(job, Event.STOP, stop_cause=StopCause.CANCEL)
        scene.apply(job, Event.FINISH_CANCEL, proof=Proof.INLINE)
        assert scene.store.needs(now=scene.clock.now()).fire
        fire(scene)
        assert scene.store.rejections(job.id) == []  # a cancel is asked for once
        assert outcomes(scene)[2:] == [(start + 3 * MINUTE, FIRED)]
        assert jobs_of(scene)[1].scheduled_for == start + 3 * MINUTE

    def test_replace_cancels_also_who_came_meanwhile(self, scene: Scenario) -> None:
        stored(scene, overlap="replace")
        scene.clock.advance(60)
        fire(scene)
        (job,) = scene.claim("f", lease=timedelta(hours=1))
        scene.clock.advance(60)
        fire(scene)
        other = scene.add("other", schedule="s")
        fire(scene)
        assert scene.store.get(other.id).status is JobStatus.PENDING
        scene.apply(job, Event.STOP, stop_cause=StopCause.CANCEL)
        scene.apply(job, Event.FINISH_CANCEL, proof=Proof.INLINE)
        fire(scene)
        assert scene.store.get(other.id).status is JobStatus.CANCELED
        assert [outcome for _, outcome in outcomes(scene)] == [FIRED, FIRED]

    def test_a_tick_that_meets_a_unique_key_is_a_duplicate(
        self, scene: Scenario
    ) -> None:
        holder = scene.add("holder", unique_key="u")
        stored(scene, options={"unique_key": "u"})
        scene.clock.advance(60)
        fire(scene)
        (tick,) = scene.store.schedules.ticks("s", limit=9)
        assert (tick.outcome, tick.job_id) == (SKIPPED, holder.id)
        assert tick.why == f"duplicate: the unique key belongs to job {holder.id}"
        assert jobs_of(scene) == []
        scene.apply(holder, Event.CANCEL)
        scene.clock.advance(60)
        fire(scene)
        assert outcomes(scene)[-1][1] is FIRED

    def test_one_of_two_schedules_takes_their_unique_key(self, scene: Scenario) -> None:
        for name in ("a", "b"):
            stored(scene, name, options={"unique_key": "u"})
        scene.clock.advance(60)
        fire(scene)
        found = {outcomes(scene, name)[0][1] for name in ("a", "b")}
        assert found == {FIRED, SKIPPED}
        assert scene.store.counts()[JobStatus.PENDING] == 1

    def test_old_ticks_are_forgotten_but_the_newest_stay(self, scene: Scenario) -> None:
        stored(scene, catchup="all")
        scene.clock.advance(600)
        fire(scene)
        kept = scene.store.schedules
        now = scene.clock.now()
        assert kept.forget_ticks("s", before=now, keep=3) == 0
        later = now + MINUTE
        assert kept.forget_ticks("s", before=later, keep=20) == 0
        assert kept.forget_ticks("s", before=later, keep=3, limit=5) == 5
        assert kept.forget_ticks("s", before=later, keep=3, limit=5) == 2
        assert [t for t, _ in outcomes(scene)] == [now - n * MINUTE for n in (2, 1, 0)]
