"""rq#2160: a job canceled after the worker had fetched it was started all the same.

The worker wrote `started` over `canceled` without looking.
"""

from __future__ import annotations

from pathlib import Path

from interlock import Engine, Event, JobStatus
from interlock.testing.scenario import Scenario
from pace import deadline

from . import peer_jobs as jobs
from .race import at_once


def test_what_is_canceled_after_the_worker_saw_it_does_not_start(
    here: Scenario, there: Scenario
) -> None:
    seen = here.add()
    assert here.store.get(seen.id).status is JobStatus.PENDING
    canceled = there.apply(seen, Event.CANCEL)
    assert here.claim(seen.name) == []
    assert here.store.get(seen.id) == canceled
    assert here.store.attempts(seen.id) == []


def _race(here: Scenario, engine: Engine) -> tuple[JobStatus, int, bool]:
    job = here.add()
    claim, _ = at_once(
        lambda: len(here.claim(job.name)),
        lambda: engine.cancel(job.id).attempt,
    )
    after = here.store.get(job.id)
    assert after.attempt == claim
    return after.status, after.attempt, after.cancel_requested_at is not None


def test_a_cancel_that_races_a_start_prevents_it_or_is_kept(
    here: Scenario, there: Scenario
) -> None:
    engine = Engine(there.store, clock=there.clock)
    assert {_race(here, engine) for _ in range(20)} <= {
        (JobStatus.CANCELED, 0, True),
        (JobStatus.RUNNING, 1, True),
    }


def test_a_worker_runs_nothing_that_was_canceled_in_the_queue(
    engine: Engine, tmp_path: Path
) -> None:
    with engine.worker(concurrency=2):
        handles = [engine.submit(jobs.hold, str(tmp_path)) for _ in range(12)]
        for handle in (handles[-1], *handles):  # the last one cannot have begun yet
            engine.cancel(handle.id)
        ended = [handle.wait(deadline(20)) for handle in handles]
    assert {job.status for job in ended} == {JobStatus.CANCELED}
    unstarted = {f"ran-{job.id}" for job in ended if job.attempt == 0}
    assert f"ran-{handles[-1].id}" in unstarted
    assert unstarted.isdisjoint(path.name for path in tmp_path.glob("ran-*"))
