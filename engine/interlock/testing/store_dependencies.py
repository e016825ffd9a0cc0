"""The store contract, part of dependencies: jobs that wait for the end of others."""

from datetime import timedelta
from itertools import pairwise
from typing import Final

import pytest

from interlock.core.dependencies import Dependency
from interlock.core.errors import IllegalTransition, InvalidOption, JobNotFound
from interlock.core.guards import RUN
from interlock.core.job import Failure, Job, Phase
from interlock.core.lifecycle import Event, JobStatus, Proof, Reason
from interlock.core.records import DEPENDENCIES, ITSELF
from interlock.core.retention import Keep
from interlock.core.uniqueness import OnConflict, Unique
from interlock.testing.scenario import WORDS, Scenario

_LONG: Final = 1_500  # more than one transaction opens or abandons


_ERROR: Final = Failure(reason=Reason.ERROR, message="it broke")


def _succeed(scene: Scenario, job: Job) -> Job:
    return scene.apply(job, Event.SUCCEED, proof=Proof.INLINE)


def _claimed(scene: Scenario, *names: str) -> list[str]:
    return [job.id for job in scene.claim(*names)]


class DependenciesContract:
    """`dependencies`, `dependents` and what follows an end. Part of `StoreContract`."""

    def test_a_job_starts_when_all_have_ended_that_it_depends_on(
        self, scene: Scenario
    ) -> None:
        parents = [scene.add(name) for name in ("p1", "p2")]
        child = scene.add("c", depends_on=["p1", "p2"])
        assert child.blocked_by in {"p1", "p2"}
        assert child.phase is Phase.BLOCKED
        for parent in parents:
            assert _claimed(scene, "c") == []
            (running,) = scene.claim(parent.name)
            assert scene.store.get("c").phase is Phase.BLOCKED
            _succeed(scene, running)
        assert scene.store.get("c").phase is Phase.QUEUED
        (claimed,) = scene.claim("c")
        assert (claimed.dependencies, claimed.blocked_by) == (2, None)

    def test_what_an_ended_job_succeeded_for_starts_at_once(
        self, scene: Scenario
    ) -> None:
        _succeed(scene, scene.running("p"))
        assert scene.add("c", depends_on=["p"]).phase is Phase.QUEUED
        assert _claimed(scene, "c") == ["c"]

    @pytest.mark.parametrize("end", [Event.FAIL, Event.TIME_OUT, Event.FINISH_CANCEL])
    def test_without_success_what_depends_on_it_is_canceled(
        self, scene: Scenario, end: Event
    ) -> None:
        parent = scene.running("p")
        scene.add("q")
        scene.add("c", depends_on=["q", "p"])
        scene.add("d", depends_on=["c"])
        scene.add("r", depends_on=["c"], on_parent_failure=RUN)
        if end is Event.TIME_OUT:
            parent = scene.apply(parent, Event.STOP)
        elif end is Event.FINISH_CANCEL:
            scene.apply(parent, Event.REQUEST_CANCEL)
        failed = scene.apply(
            parent,
            end,
            proof=Proof.INLINE,
            error=None if end is Event.TIME_OUT else _ERROR,
        )
        for job_id in ("c", "d"):
            child = scene.store.get(job_id)
            assert (child.status, child.reason) == (JobStatus.CANCELED, Reason.PARENT)
            assert child.blocked_by is None
            entry = scene.store.history(job_id)[-1]
            assert (entry.event, entry.actor) == (Event.ABANDON, ITSELF)
            told = f"parent: job p is {failed.status} ({failed.reason})"
            assert entry.reason == told
        assert _claimed(scene, "c", "d", "r") == ["r"]

    def test_a_cancel_reaches_what_waits_with_its_reason(self, scene: Scenario) -> None:
        parent = scene.add("p")
        scene.add("c", depends_on=["p"])
        scene.apply(parent, Event.CANCEL)
        told = f"parent: job p is CANCELED ({WORDS})"
        assert scene.store.history("c")[-1].reason == told

    def test_with_the_policy_run_it_waits_for_every_end(self, scene: Scenario) -> None:
        scene.add("p")
        running = scene.running("q")
        scene.add("c", depends_on=["p", "q"], on_parent_failure=RUN)
        scene.apply(scene.store.get("p"), Event.CANCEL)
        assert _claimed(scene, "c") == []
        _succeed(scene, running)
        assert _claimed(scene, "c") == ["c"]

    def test_a_job_that_comes_after_the_failure_is_canceled(
        self, scene: Scenario
    ) -> None:
        scene.add("p")
        scene.apply(scene.store.get("p"), Event.CANCEL)
        scene.add("c", depends_on=["p"])
        assert _claimed(scene, "c", "p") == []
        assert scene.store.get("c").reason is Reason.PARENT

    def test_one_that_was_replaced_has_not_succeeded(self, scene: Scenario) -> None:
        scene.add("p", unique_key="k")
        scene.add("c", depends_on=["p"])
        wanted = Unique(on_conflict=OnConflict.REPLACE)
        new = scene.new("p2", unique_key="k")
        scene.store.add([new], unique={new.id: wanted})
        scene.reopen()
        assert scene.store.get("c").reason is Reason.PARENT

    def test_the_present_of_a_job_that_waits_is_later(self, scene: Scenario) -> None:
        later = scene.clock.now() + timedelta(hours=1)
        running = scene.running("p")
        assert scene.add("c", depends_on=["p"], run_at=later).phase is Phase.BLOCKED
        _succeed(scene, running)
        assert scene.store.get("c").phase is Phase.SCHEDULED
        scene.clock.advance(3601)
        assert _claimed(scene, "c") == ["c"]

    def test_a_retry_waits_for_nothing_again(self, scene: Scenario) -> None:
        _succeed(scene, scene.running("p"))
        scene.add("c", depends_on=["p"])
        (running,) = scene.claim("c")
        scene.apply(running, Event.SNOOZE, proof=Proof.INLINE)
        assert _claimed(scene, "c") == ["c"]

    def test_a_held_job_stays_held_when_the_other_one_ends(
        self, scene: Scenario
    ) -> None:
        running = scene.running("p")
        child = scene.add("c", depends_on=["p"])
        scene.apply(child, Event.HOLD)
        _succeed(scene, running)
        assert scene.store.get("c").phase is Phase.HELD
        assert _claimed(scene, "c") == []
        scene.apply(child, Event.RELEASE_HOLD)
        assert _claimed(scene, "c") == ["c"]

    def test_it_is_told_what_a_job_waits_for(self, scene: Scenario) -> None:
        scene.add("p1")
        _succeed(scene, scene.running("p2"))
        scene.add("c", depends_on=["p1", "p2"])
        (blocker,) = scene.store.blockers("c", now=scene.clock.now())
        assert (blocker.cause, blocker.holders) == (DEPENDENCIES, ("p1",))

    def test_dependencies_are_listed_in_both_directions(self, scene: Scenario) -> None:
        for name in ("p1", "p2"):
            scene.add(name)
        scene.add("c1", depends_on=["p2", "p1", "p2"])
        scene.add("c2", depends_on=["p2"])
        linked = scene.store.dependencies("c1")
        assert [each.job and each.job.id for each in linked] == ["p2", "p1", "p2"]
        assert [each.dependency.position for each in linked] == [0, 1, 2]
        assert scene.store.dependencies("c1", after=0, limit=1) == linked[1:2]
        found = scene.store.dependents("p2")
        assert [each.job and each.job.id for each in found] == ["c1", "c1", "c2"]
        assert scene.store.dependents("p2", after="c1") == found[2:]
        assert scene.store.dependencies("p1") == []

    def test_jobs_of_one_submit_depend_on_each_other(self, scene: Scenario) -> None:
        a, b = (
            scene.new("a"),
            scene.new("b", dependencies=1, on_parent_failure="cancel"),
        )
        edge = Dependency(job_id="b", position=0, parent_id="a", name="left")
        scene.store.add([a, b], dependencies={"b": [edge]})
        assert _claimed(scene, "a", "b") == ["a"]
        (linked,) = scene.store.dependencies("b")
        assert linked.dependency == edge

    def test_one_that_does_not_exist_is_refused(self, scene: Scenario) -> None:
        scene.add("p")
        with pytest.raises(InvalidOption, match="depends_on"):
            scene.add("c", depends_on=["p", "nobody"])
        with pytest.raises(JobNotFound):
            scene.store.get("c")

    def test_what_is_needed_is_not_deleted(self, scene: Scenario) -> None:
        parent = _succeed(scene, scene.running("p"))
        scene.add("c", depends_on=["p"])
        scene.clock.advance(3600)
        now = scene.clock.now()
        with pytest.raises(IllegalTransition, match="depends on it"):
            scene.store.delete("p")
        kept = {(parent.name, parent.status): Keep(jobs=0)}
        scene.store.forget_ended(kept, "", now=now)
        assert scene.store.purge(older_than=timedelta(0), now=now) == 0
        scene.apply(scene.store.get("c"), Event.CANCEL)
        scene.store.delete("p")
        (linked,) = scene.store.dependencies("c")
        assert linked.job is None
        scene.store.delete("c")
        assert scene.store.dependencies("c") == []

    def test_a_long_chain_is_canceled_with_its_first_job(self, scene: Scenario) -> None:
        ids = _chain(scene, _LONG)
        scene.apply(scene.store.get(ids[0]), Event.CANCEL)
        scene.reopen()
        statuses = {scene.store.get(job_id).status for job_id in ids}
        assert statuses == {JobStatus.CANCELED}
        assert scene.store.history(ids[-1])[-1].reason == (
            f"parent: job {ids[0]} is CANCELED ({WORDS})"
        )

    def test_many_wait_for_one(self, scene: Scenario) -> None:
        running = scene.running("p")
        for number in range(_LONG):
            scene.add(f"c{number}", name="c", queue="c", depends_on=["p"])
        assert _claimed(scene, "c") == []
        _succeed(scene, running)
        scene.reopen()
        claimed = scene.claim("c", limit=_LONG)
        assert len(claimed) == _LONG

    def test_one_waits_for_many(self, scene: Scenario) -> None:
        ids = [f"p{number:03}" for number in range(200)]
        for job_id in ids:
            scene.add(job_id, name="p", queue="p")
        scene.add("c", depends_on=ids)
        while parents := scene.claim("p", limit=50):
            assert _claimed(scene, "c") == []
            for parent in reversed(parents):
                _succeed(scene, parent)
        assert _claimed(scene, "c") == ["c"]


def _chain(scene: Scenario, length: int) -> list[str]:
    ids = [f"j{number:04}" for number in range(length)]
    new = [scene.new(ids[0], name="f", queue="f")]
    edges = {}
    for before, job_id in pairwise(ids):
        policy = {"dependencies": 1, "on_parent_failure": "cancel"}
        new.append(scene.new(job_id, name="f", queue="f", **policy))
        edge = Dependency(job_id=job_id, position=0, parent_id=before)
        edges[job_id] = [edge]
    scene.store.add(new, dependencies=edges)
    return ids
