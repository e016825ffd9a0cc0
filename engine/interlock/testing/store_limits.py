"""The store contract, part of limits: slots and rates of keys, and holds.

One file, because it is one part of the contract, read beside `JobStore.set_limit`.
"""

from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from typing import Final

import pytest

from interlock.core.errors import IllegalTransition, LimitReached
from interlock.core.job import Job, Phase
from interlock.core.lifecycle import Event, JobStatus, Proof, Reason
from interlock.core.limits import Rate
from interlock.core.records import Search
from interlock.core.retention import Keep
from interlock.testing.guard_cases import LEASE
from interlock.testing.scenario import Scenario

_MINUTE: Final = Rate(2, 60)


def _keys(*keys: str, base: str | None = None, weight: int = 1) -> dict[str, object]:
    return {key: {"limit": base or key, "weight": weight} for key in keys}


def _ids(jobs: list[Job]) -> list[str]:
    return [job.id for job in jobs]


class LimitsContract:
    """`set_limit`, `unset_limit`, `limits`, `hold`. Part of `StoreContract`."""

    def test_a_key_is_shared_by_names_and_no_slot_is_given_twice(
        self, scene: Scenario
    ) -> None:
        scene.store.set_limit("printer", 2)
        for number in range(5):
            name = "fg"[number % 2]
            scene.add(f"j{number}", name=name, keys=_keys("printer"))
        batch = scene.claim("f", "g")
        assert _ids(batch) == ["j0", "j1"]
        assert scene.claim("f", "g") == []
        scene.apply(batch[0], Event.SUCCEED, proof=Proof.INLINE)
        assert _ids(scene.claim("f", "g")) == ["j2"]
        assert scene.limits() == {"printer": (2, 2)}
        assert scene.store.verify() == []

    def test_each_key_of_a_template_has_a_limit_of_its_own(
        self, scene: Scenario
    ) -> None:
        scene.store.set_limit("api:{customer}", 1)
        for number in range(6):
            keys = _keys(f"api:{number % 2}", base="api:{customer}")
            scene.add(f"j{number}", name="f", keys=keys)
        assert _ids(scene.claim("f")) == ["j0", "j1"]
        scene.store.set_limit("api:1", 2, by="anna")
        assert _ids(scene.claim("f")) == ["j3"]
        assert scene.limits() == {"api:1": (2, 2), "api:{customer}": (3, 1)}
        assert scene.store.unset_limit("api:1")
        assert not scene.store.unset_limit("api:1")
        assert scene.limits() == {"api:{customer}": (3, 1)}
        assert scene.claim("f") == []

    def test_a_limit_of_a_queue_holds_for_all_its_names(self, scene: Scenario) -> None:
        scene.store.set_limit("queue:mail", 1, by="anna")
        scene.add("a", name="f", queue="mail")
        scene.add("b", name="g", queue="mail")
        scene.add("c", name="g", queue="other")
        assert _ids(scene.claim("f", "g")) == ["a", "c"]

    def test_a_weight_takes_as_many_slots(self, scene: Scenario) -> None:
        scene.store.set_limit("gpu", 3)
        for job_id, weight in (("a", 2), ("b", 2), ("c", 1)):
            scene.add(job_id, name="f", keys=_keys("gpu", weight=weight))
        started = scene.claim("f")
        assert _ids(started) == ["a", "c"]
        scene.apply(started[1], Event.SUCCEED, proof=Proof.INLINE)
        assert scene.claim("f") == []
        scene.apply(started[0], Event.SUCCEED, proof=Proof.INLINE)
        assert _ids(scene.claim("f")) == ["b"]

    def test_a_job_with_several_keys_needs_a_slot_of_each(
        self, scene: Scenario
    ) -> None:
        scene.store.set_limit("x", 1)
        scene.store.set_limit("y", 1)
        scene.add("a", name="f", keys=_keys("x"))
        scene.add("b", name="f", keys=_keys("x", "y"))
        scene.add("c", name="f", keys=_keys("y"))
        started = scene.claim("f")
        assert _ids(started) == ["a", "c"]
        scene.apply(started[0], Event.SUCCEED, proof=Proof.INLINE)
        assert scene.claim("f") == []
        scene.apply(started[1], Event.SUCCEED, proof=Proof.INLINE)
        assert _ids(scene.claim("f")) == ["b"]

    @pytest.mark.parametrize("many", [1, 4, 70])
    def test_a_slot_is_free_for_who_stands_behind_those_that_may_not_start(
        self, scene: Scenario, many: int
    ) -> None:
        scene.store.set_limit("printer", 1)
        keys = _keys("printer")
        running = scene.running("a", name="f", keys=keys)
        late = scene.clock.now() + timedelta(seconds=4)
        for number in range(many):
            scene.add(f"b{number:02}", name="f", keys=keys, expires_at=late)
        scene.add("c", name="f", keys=keys)
        assert scene.claim("f") == []  # and those that wait are known to wait
        scene.clock.advance(5)
        scene.apply(running, Event.SUCCEED, proof=Proof.INLINE)
        found = next(filter(None, (scene.claim("f") for _ in range(many))), [])
        assert _ids(found) == ["c"]
        assert scene.store.verify() == []

    def test_a_limit_that_comes_while_jobs_run_counts_them(
        self, scene: Scenario
    ) -> None:
        keys = _keys("k:1", base="k:{n}")
        running = [scene.running(f"a{n}", name="f", keys=keys) for n in range(3)]
        scene.store.set_limit("k:{n}", 2)
        scene.add("b", name="f", keys=keys)
        scene.apply(running[0], Event.SUCCEED, proof=Proof.INLINE)
        assert scene.claim("f") == []
        scene.apply(running[1], Event.SUCCEED, proof=Proof.INLINE)
        assert _ids(scene.claim("f")) == ["b"]
        assert scene.store.verify() == []

    def test_what_is_set_wins_over_what_is_declared(self, scene: Scenario) -> None:
        scene.store.set_limit("k", 1)
        scene.store.set_limit("k", 5, Rate(7, 60), by="anna")
        scene.store.set_limit("k", 2)  # the code says so, from now on
        (limit,) = scene.store.limits()
        assert (limit.max_running, limit.rate_limit, limit.set_by) == (5, "7/m", "anna")
        assert scene.store.unset_limit("k")
        (limit,) = scene.store.limits()
        assert (limit.max_running, limit.rate_limit, limit.set_by) == (2, None, None)
        scene.store.set_limit("k")
        assert scene.store.limits() == []

    def test_no_window_of_the_period_has_a_start_too_many(
        self, scene: Scenario
    ) -> None:
        scene.store.set_limit("api", None, _MINUTE)
        for number in range(9):
            scene.add(f"j{number}", name="f", keys=_keys("api"))
        started: list[float] = []
        began = scene.clock.now()
        for _ in range(40):
            some = scene.claim("f", limit=1)
            scene.store.reopen("", now=scene.clock.now())
            some += scene.claim("f")
            started += [(scene.clock.now() - began).total_seconds() for _ in some]
            scene.clock.advance(7)
        assert len(started) == 9
        for at in started:
            assert sum(at <= other < at + 60 for other in started) <= 2
        assert started[:4] == [0, 0, 63, 63]

    def test_a_lost_attempt_counts_for_the_rate_and_so_does_the_next(
        self, scene: Scenario
    ) -> None:
        scene.store.set_limit("name:f", None, _MINUTE)
        job = scene.running("a", name="f")
        scene.clock.advance(LEASE.total_seconds())
        scene.apply(job, Event.RESCUE)
        assert _ids(scene.claim("f")) == ["a"]
        scene.add("b", name="f")
        assert scene.claim("f") == []
        (blocker,) = scene.store.blockers("b", now=scene.clock.now())
        assert (blocker.cause, blocker.allowed) == ("rate:name:f", 2)
        wait = timedelta(seconds=60) - LEASE
        assert blocker.until == scene.clock.now() + wait
        needs = scene.store.needs(now=scene.clock.now())
        assert needs.due_in_s == pytest.approx(wait.total_seconds(), abs=1)
        scene.clock.advance(wait.total_seconds())
        needs = scene.store.needs(now=scene.clock.now())
        assert needs.reopen or needs.claim
        scene.store.reopen("", now=scene.clock.now())
        assert _ids(scene.claim("f")) == ["b"]

    def test_a_job_that_does_not_want_to_wait_is_dropped(self, scene: Scenario) -> None:
        scene.store.set_limit("name:f", 1)
        scene.running("a", name="f")
        scene.add("b", name="f", when_full="cancel_new")
        assert scene.claim("f") == []
        job = scene.store.get("b")
        assert (job.status, job.reason) == (JobStatus.CANCELED, Reason.FULL)
        last = scene.store.history("b")[-1]
        assert (last.event, last.actor) == (Event.DROP, "limit")
        assert last.reason == "full: the limit 'name:f' is full"
        assert job.duration is None

    def test_the_newest_replaces_what_runs_and_what_waits(
        self, scene: Scenario
    ) -> None:
        scene.store.set_limit("k", 1)
        how = {"name": "f", "keys": _keys("k"), "when_full": "replace"}
        running = scene.running("a", **how)
        scene.add("b", **how)
        assert scene.claim("f") == []
        asked = scene.store.get("a")
        assert asked.cancel_requested_by == "limit"
        assert asked.cancel_reason == "replaced by job b, for 'k'"
        scene.add("c", **how)
        assert scene.claim("f") == []  # a lives, until the proof
        assert scene.store.get("b").reason is Reason.REPLACED
        scene.apply(running, Event.STOP)
        scene.clock.advance(LEASE.total_seconds())
        scene.apply(running, Event.CANCEL_LOST)
        assert _ids(scene.claim("f")) == ["c"]
        assert scene.store.get("c").cancel_requested_at is None
        assert scene.store.verify() == []

    def test_an_older_one_that_comes_back_replaces_nobody(
        self, scene: Scenario
    ) -> None:
        scene.store.set_limit("k", 1)
        how = {"name": "f", "keys": _keys("k"), "when_full": "replace"}
        later = scene.clock.now() + timedelta(seconds=5)
        scene.add("a", run_at=later, **how)
        scene.running("b", **how)
        scene.clock.advance(5)
        assert scene.claim("f") == []
        assert scene.store.get("a").reason is Reason.REPLACED
        assert scene.store.get("b").cancel_requested_at is None

    def test_a_submit_may_be_refused_where_a_limit_is_full(
        self, scene: Scenario
    ) -> None:
        scene.store.set_limit("k:{n}", 1)
        keys = _keys("k:1", base="k:{n}")
        scene.running("a", name="f", keys=keys)
        refused = scene.new("b", name="f", keys=keys, when_full="raise")
        with pytest.raises(
            LimitReached, match=r"'k:1' is full: 1 of 1 \(a\)"
        ) as caught:
            scene.store.add([refused])
        assert caught.value.holders == ("a",)
        others = _keys("k:2", base="k:{n}")
        scene.add("c", name="f", keys=others, when_full="raise")
        assert sum(scene.store.counts().values()) == 2

    def test_what_is_held_does_not_start_before_it_is_released(
        self, scene: Scenario
    ) -> None:
        scene.add("a", name="f", queue="x")
        scene.add("b", name="g", queue="y")
        scene.add("c", name="h", queue="z", keys=_keys("k"))
        scene.add("d", name="i", queue="z")
        for target in ("name:f", "queue:y", "key:k"):
            assert scene.hold(target)
            assert not scene.hold(target)
        assert _ids(scene.claim("f", "g", "h", "i")) == ["d"]
        held = scene.store.holds()
        assert [hold.target for hold in held] == ["key:k", "name:f", "queue:y"]
        assert {hold.by for hold in held} == {"anna"}
        (blocker,) = scene.store.blockers("c", now=scene.clock.now())
        assert blocker.cause == "hold:key:k"
        for target, job_id in (("name:f", "a"), ("queue:y", "b"), ("key:k", "c")):
            assert scene.store.release_hold(target, by="bob")
            assert not scene.store.release_hold(target, by="bob")
            assert _ids(scene.claim("f", "g", "h")) == [job_id]
        assert scene.store.holds() == []

    def test_a_hold_that_is_over_releases_itself(self, scene: Scenario) -> None:
        until = scene.clock.now() + timedelta(seconds=20)
        job = scene.add("a", name="f")
        scene.add("b", name="g")
        scene.apply(job, Event.HOLD, until=until)
        scene.hold("name:g", until=until)
        assert scene.claim("f", "g") == []
        scene.clock.advance(19)
        scene.store.reopen("", now=scene.clock.now())
        assert scene.claim("f", "g") == []
        assert scene.store.needs(now=scene.clock.now()).due_in_s == pytest.approx(
            1, abs=0.5
        )
        scene.clock.advance(1)
        scene.store.reopen("", now=scene.clock.now())
        assert _ids(scene.claim("f", "g")) == ["a", "b"]
        events = [(entry.event, entry.actor) for entry in scene.store.history("a")]
        assert events[1:3] == [("hold", "anna"), ("release_hold", "interlock")]

    def test_a_job_is_held_and_released_with_reason(self, scene: Scenario) -> None:
        job = scene.add("a", name="f")
        held = scene.apply(job, Event.HOLD, text="the disk is full")
        assert (held.hold_by, held.hold_reason) == ("anna", "the disk is full")
        assert held.phase is Phase.HELD
        (hold,) = scene.store.holds()
        assert (hold.target, hold.by, hold.reason) == (
            "job:a",
            "anna",
            "the disk is full",
        )
        assert scene.claim("f") == []
        with pytest.raises(IllegalTransition):
            scene.apply(job, Event.HOLD)
        released = scene.apply(job, Event.RELEASE_HOLD)
        assert (released.hold_by, released.hold_reason) == (None, None)
        (running,) = scene.claim("f")
        with pytest.raises(IllegalTransition, match="legal events"):
            scene.apply(running, Event.HOLD)
        assert scene.store.verify() == []

    def test_keys_take_turns_whatever_came_first(self, scene: Scenario) -> None:
        for number in range(80):
            scene.add(f"a{number:03}", name="f", fair_key="big")
        assert [job.fair_key for job in scene.claim("f", limit=3)] == ["big"] * 3
        for number in range(5):
            scene.add(f"b{number}", name="f", fair_key="small")
            scene.add(f"c{number}", name="f", fair_key="other")
        keys = [str(scene.claim("f", limit=1)[0].fair_key) for _ in range(15)]
        assert sorted(keys[:3]) == ["big", "other", "small"]
        assert keys.count("small") == keys.count("other") == 5
        rest = []
        while some := scene.claim("f", limit=7):
            rest += _ids(some)
        assert len(rest) == 72
        assert rest == sorted(rest)

    def test_a_priority_goes_before_a_turn(self, scene: Scenario) -> None:
        for number in range(4):
            scene.add(f"a{number}", name="f", fair_key="a")
        scene.add("b", name="f", fair_key="b")
        scene.add("z", name="f", fair_key="a", priority=1)
        assert _ids(scene.claim("f", limit=1)) == ["z"]
        assert sorted(_ids(scene.claim("f", limit=2))) == ["a0", "b"]

    def test_a_job_that_waits_long_enough_goes_first(self, scene: Scenario) -> None:
        scene.add("a", name="f", priority=0, aging_s=10)
        scene.add("b", name="f", priority=3)
        scene.clock.advance(39)
        scene.store.reopen("", now=scene.clock.now())
        scene.add("c", name="f", priority=3)
        assert _ids(scene.claim("f", limit=1)) == ["a"]  # as urgent as b, and older
        scene.add("d", name="f", priority=0, aging_s=10)
        scene.clock.advance(45)
        assert scene.store.needs(now=scene.clock.now()).claim
        scene.store.reopen("", now=scene.clock.now())
        assert _ids(scene.claim("f")) == ["d", "b", "c"]

    def test_ended_jobs_are_kept_as_long_or_as_many_as_they_say(
        self, scene: Scenario
    ) -> None:
        for number in range(6):
            for name in ("f", "g"):
                job = scene.running(f"{name}{number}", name=name)
                scene.apply(job, Event.SUCCEED, proof=Proof.INLINE)
            scene.apply(scene.add(f"c{number}", name="f"), Event.CANCEL)
            scene.clock.advance(10)
        scene.add("waits", name="f")
        kept = {
            ("f", JobStatus.SUCCEEDED): Keep(age=timedelta(seconds=25)),
            ("f", JobStatus.CANCELED): Keep(jobs=4),
        }
        after, is_more = "", True
        while is_more:
            after, is_more = scene.store.forget_ended(
                kept, after, now=scene.clock.now()
            )
        left = sorted(_ids(list(scene.store.search(Search(limit=100)).items)))
        assert left == [
            *("c2", "c3", "c4", "c5"),
            *("f4", "f5"),
            *(f"g{number}" for number in range(6)),
            "waits",
        ]
        assert scene.store.counts()[JobStatus.SUCCEEDED] == 8
        assert scene.store.verify() == []

    def test_threads_never_exceed_slots_nor_rates(self, scene: Scenario) -> None:
        scene.store.set_limit("k:{n}", 2, Rate(5, 3600))
        scene.store.add(
            [
                scene.new(f"j{n:03}", name="f", keys=_keys(f"k:{n % 3}", base="k:{n}"))
                for n in range(60)
            ]
        )

        def work(worker: str) -> list[str]:
            done = []
            for _ in range(12):
                for job in scene.claim("f", limit=4, worker=worker):
                    scene.apply(job, Event.SUCCEED, actor=worker, proof=Proof.INLINE)
                    done.append(job.id)
            return done

        with ThreadPoolExecutor(4) as pool:
            done = [job_id for ids in pool.map(work, "abcd") for job_id in ids]
        assert len(done) == len(set(done))
        of_key = [sum(int(job_id[1:]) % 3 == n for job_id in done) for n in range(3)]
        assert of_key == [5, 5, 5]
        assert scene.store.verify() == []
