"""The truth finds a planted violation of each kind, and nothing in a sound life."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from typing import Any, Final

import pytest

from interlock.core.job import Job
from interlock.core.lifecycle import Event, JobStatus, Proof, Reason, StopCause, row_of
from interlock.core.limits import Rate
from interlock.core.records import ClaimRequest, Hold
from interlock.core.retry import Retry
from interlock.testing.scenario import Scenario

from .jobs import NARROW
from .store import WatchedStore
from .trees import End, Forest, Tree
from .truth import Truth
from .world import HostClock, World

LEASE_S: Final = 10


class Stage(Scenario):
    """A world without workers: a test does what they would do, and what they must not.

    A `Scenario` moves a store's jobs; this one has trees too.
    """

    def __init__(self) -> None:
        self.world = World(1)
        clock = HostClock(self.world)
        self.watched = WatchedStore(clock)
        super().__init__(self.watched, clock)  # type: ignore[arg-type]  # time passes in the world
        self.forest = Forest(self.world)
        self.truth = Truth(self.world, self.watched, self.forest)
        self.truth.is_somebody_well = lambda: True

    def submitted(self, name: str = "n", **fields: Any) -> Job:
        job = self.add(name=name, metadata={"label": "a"}, **fields)
        self.truth.acknowledged.append(job.id)
        return job

    def start(self, name: str = "n", **fields: Any) -> tuple[Job, Tree]:
        """Submit a job, claim it and start its tree."""
        self.submitted(name, **fields)
        (claimed,) = self.watched.claim(
            ClaimRequest(
                worker_id="w1",
                names=frozenset({name}),
                limit=1,
                lease=timedelta(seconds=LEASE_S),
                now=self.clock.now(),
            )
        )
        return claimed, self.plant(claimed)

    def plant(self, job: Job, attempt: int | None = None) -> Tree:
        return self.forest.plant(job.id, job.name, attempt or job.attempt)

    def finish(self, job: Job, tree: Tree) -> None:
        """Let it return, and be told so."""
        self.forest.end(tree, End.RETURNED)
        self.forest.fell(tree)
        self.apply(job, Event.SUCCEED, proof=Proof.NAMESPACE, result=job.attempt)

    def force(self, job: Job, **fields: Any) -> None:
        """Write what no event allows."""
        current = self.watched.get(job.id)
        self.watched.records.put(replace(current, **fields))

    def ended(self) -> list[str]:
        self.truth.judge_the_end()
        return self.world.violations


def test_a_sound_life_has_no_violation() -> None:
    stage = Stage()
    job, tree = stage.start()
    stage.finish(job, tree)
    assert stage.ended() == []


def a_second_tree(stage: Stage) -> None:
    job, _ = stage.start()
    stage.plant(job)


def a_tree_of_another_attempt(stage: Stage) -> None:
    job, tree = stage.start()
    stage.forest.fell(tree)
    stage.plant(job, attempt=2)


def a_tree_of_an_ended_job(stage: Stage) -> None:
    job, tree = stage.start()
    stage.finish(job, tree)
    stage.plant(job)


def too_many_of_a_name(stage: Stage) -> None:
    for _ in range(3):
        stage.start(NARROW)


def too_many_that_run(stage: Stage) -> None:
    job, _ = stage.start()
    stage.start(job.name)
    stage.watched.set_limit(f"name:{job.name}", 1)
    stage.truth.claimed(job)


def a_start_from_a_paused_queue(stage: Stage) -> None:
    job, _ = stage.start()
    stage.watched.set_paused(job.queue, paused=True)
    stage.truth.claimed(job)


def a_start_too_many(stage: Stage) -> None:
    job, _ = stage.start()
    stage.watched.set_limit(f"name:{job.name}", None, Rate(1, 60))
    stage.truth.claimed(job)
    stage.truth.claimed(job)


def a_start_while_it_was_held(stage: Stage) -> None:
    job, _ = stage.start()
    now = stage.clock.now()
    stage.watched.hold(Hold(target=f"name:{job.name}", by="anna", reason=None, at=now))
    stage.truth.claimed(job)


def a_start_that_came_early(stage: Stage) -> None:
    job, _ = stage.start()
    later = stage.clock.now() + timedelta(seconds=1)
    stage.truth.claimed(replace(job, run_at=later))


def a_start_that_came_late(stage: Stage) -> None:
    job, _ = stage.start()
    earlier = stage.clock.now() - timedelta(seconds=1)
    stage.truth.claimed(replace(job, expires_at=earlier))


def an_end_before_death(stage: Stage) -> None:
    job, _ = stage.start()
    stage.apply(job, Event.STOP, stop_cause=StopCause.SHUTDOWN)
    stage.apply(job, Event.RELEASE, proof=Proof.NAMESPACE)


def a_success_that_failed(stage: Stage) -> None:
    job, tree = stage.start()
    stage.forest.end(tree, End.FAILED)
    stage.forest.fell(tree)
    stage.apply(job, Event.SUCCEED, proof=Proof.NAMESPACE, result=1)


def a_timeout_that_came_early(stage: Stage) -> None:
    job, _ = stage.start(timeout_s=5.0)
    stage.world.run(4.9)
    stage.apply(job, Event.STOP, stop_cause=StopCause.TIMEOUT, reason=Reason.TOO_LONG)


def a_deadline_that_came_early(stage: Stage) -> None:
    moment = stage.clock.now() + timedelta(seconds=5)
    job, _ = stage.start(deadline_at=moment)
    stage.world.run(4.9)
    stage.apply(job, Event.STOP, stop_cause=StopCause.TIMEOUT, reason=Reason.DEADLINE)


def an_attempt_that_did_not_stand_still(stage: Stage) -> None:
    job, _ = stage.start(stalled_after_s=5.0)
    stage.world.run(4.9)
    stage.apply(job, Event.STOP, stop_cause=StopCause.TIMEOUT, reason=Reason.STALLED)


def a_start_after_the_deadline(stage: Stage) -> None:
    job, _ = stage.start()
    earlier = stage.clock.now() - timedelta(seconds=1)
    stage.truth.claimed(replace(job, deadline_at=earlier))


def a_retry_after_the_deadline(stage: Stage) -> None:
    job, tree = stage.start()
    stage.forest.end(tree, End.FAILED)
    stage.forest.fell(tree)
    now = stage.clock.now()
    later = replace(job, deadline_at=now, run_at=now + timedelta(seconds=1))
    move = stage.move(job, Event.RETRY, proof=Proof.NAMESPACE)
    stage.truth.moved(job, move, replace(later, status=row_of(Event.RETRY).target))


def a_snooze_that_nobody_asked_for(stage: Stage) -> None:
    job, tree = stage.start()
    stage.forest.end(tree, End.FAILED)
    stage.forest.fell(tree)
    stage.apply(job, Event.SNOOZE, proof=Proof.NAMESPACE)


def two_jobs_with_a_key(stage: Stage) -> None:
    job = stage.submitted(unique_key="u")
    other = stage.submitted()
    stage.force(other, unique_key="u")
    stage.truth.added(job)


def a_success_after_a_stop(stage: Stage) -> None:
    job, tree = stage.start()
    stage.apply(job, Event.STOP, stop_cause=StopCause.SHUTDOWN)
    before = stage.watched.get(job.id)
    stage.forest.end(tree, End.RETURNED)
    stage.forest.fell(tree)
    move = stage.move(job, Event.SUCCEED, proof=Proof.NAMESPACE)
    after = replace(before, status=row_of(Event.SUCCEED).target)
    stage.truth.moved(before, move, after)


def a_stale_write(stage: Stage) -> None:
    job, _ = stage.start()
    move = stage.move(job, Event.STOP, attempt=job.attempt - 1)
    stage.truth.moved(job, move, job)


def a_write_after_the_end(stage: Stage) -> None:
    job, tree = stage.start()
    stage.finish(job, tree)
    ended = stage.watched.get(job.id)
    stage.truth.moved(ended, stage.move(ended, Event.CANCEL), ended)


def a_claim_after_a_cancel(stage: Stage) -> None:
    job, _ = stage.start()
    stage.truth.accept_cancel(job)
    stage.truth.claimed(replace(job, attempt=2))


def a_birth_with_a_stop(stage: Stage) -> None:
    job, _ = stage.start()
    stage.truth.claimed(replace(job, stop_cause=StopCause.TIMEOUT))


def a_lost_job_that_is_left(stage: Stage) -> None:
    stage.start()
    stage.world.run(LEASE_S + 70)


def a_job_that_is_not_found(stage: Stage) -> None:
    stage.truth.miss("j1")


def a_cancel_that_is_forgotten(stage: Stage) -> None:
    job, tree = stage.start()
    stage.truth.accept_cancel(job)
    stage.finish(job, tree)
    stage.force(job, status=JobStatus.FAILED)


def an_end_that_changed(stage: Stage) -> None:
    job, tree = stage.start()
    stage.finish(job, tree)
    stage.force(job, result=7)


def a_history_of_another_row(stage: Stage) -> None:
    job, tree = stage.start()
    stage.finish(job, tree)
    stage.force(job, failures=3)


SWEPT: Final[dict[str, object]] = {
    "name": "sweep",
    "params": [],
    "timeout_s": None,
    "grace_s": 2.0,
    "retry": Retry().to_json(),
    "max_losses": 5,
}


def a_finalizer_that_came_early(stage: Stage) -> None:
    job, tree = stage.start(finalizer=SWEPT)
    stage.finish(job, tree)
    stage.plant(job)
    (finalizer,) = stage.claim("sweep")
    stage.truth.claimed(finalizer)


def a_finalizer_that_came_late(stage: Stage) -> None:
    job, tree = stage.start(finalizer=SWEPT)
    stage.finish(job, tree)
    stage.force(job, attempt=2)
    stage.claim("sweep")


def an_attempt_without_a_finalizer(stage: Stage) -> None:
    job, tree = stage.start()
    stage.finish(job, tree)
    stage.force(job, finalizer=SWEPT)


def a_job_without_an_end(stage: Stage) -> None:
    stage.submitted()


PLANTED: Final[dict[Callable[[Stage], None], str]] = {
    a_second_tree: "two live trees at once",
    a_tree_of_another_attempt: "started 2 of a RUNNING row",
    a_tree_of_an_ended_job: "started 1 of a SUCCEEDED row",
    too_many_of_a_name: "more trees of a name than its limit",
    too_many_that_run: "more jobs of a key run than its limit",
    a_start_from_a_paused_queue: "started from a paused queue",
    a_start_that_came_early: "started before it was due",
    a_start_too_many: "more jobs of a key started than its rate",
    a_start_while_it_was_held: "started while it was held",
    a_start_that_came_late: "started after it had expired",
    an_end_before_death: "PENDING while a tree of it lives",
    a_success_that_failed: "succeed, but its tree: End.FAILED",
    a_timeout_that_came_early: "stopped (too_long) after 4.900 s",
    a_deadline_that_came_early: "stopped (deadline) after 4.900 s",
    an_attempt_that_did_not_stand_still: "stopped (stalled) after 4.900 s",
    a_start_after_the_deadline: "started after its deadline",
    a_retry_after_the_deadline: "to be tried again after its deadline",
    a_snooze_that_nobody_asked_for: "snooze, but its tree: End.FAILED",
    two_jobs_with_a_key: "another live job has its key u",
    a_success_after_a_stop: "succeed after a committed stop",
    a_stale_write: "a stale attempt wrote stop",
    a_write_after_the_end: "cancel changed a terminal row",
    a_claim_after_a_cancel: "a new attempt after an accepted cancel",
    a_birth_with_a_stop: "an attempt was born with TIMEOUT",
    a_lost_job_that_is_left: "lost, and nobody moves it on",
    a_job_that_is_not_found: "acknowledged, and not found",
    a_cancel_that_is_forgotten: "FAILED after an accepted cancel",
    an_end_that_changed: "its terminal row changed",
    a_history_of_another_row: "verify says: the row says failures 3, the history 0",
    a_finalizer_that_came_early: "a finalizer before the death of its attempt",
    a_finalizer_that_came_late: "a finalizer after the start of the next attempt",
    an_attempt_without_a_finalizer: (
        "the judge says: attempts [1] have ended, and finalizers are for []"
    ),
    a_job_without_an_end: "the judge says: never ended: PENDING",
}


@pytest.mark.parametrize("plant", PLANTED, ids=lambda plant: plant.__name__)
def test_each_violation_is_found(plant: Callable[[Stage], None]) -> None:
    stage = Stage()
    plant(stage)
    violations = [what.partition(": ")[2] for what in stage.ended()]
    assert PLANTED[plant] in violations
