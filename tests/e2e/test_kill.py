"""CANCELED and TIMEOUT mean that nothing of the job is running any more."""

from __future__ import annotations

import os
import signal
from pathlib import Path

import pytest

from interlock import Engine, IllegalTransition, JobStatus, Reason
from interlock.core.lifecycle import Event
from interlock_adapters.subprocess.runner.runner import SubprocessRunner
from pace import deadline

from . import sample_jobs as jobs
from .processes import alive, parent_of, start_worker, until, within

KINDS = sorted(jobs._HOSTILE)


@pytest.mark.parametrize("kind", KINDS)
def test_nothing_of_a_canceled_job_is_alive(
    contained: Engine, containment: str, kind: str, tmp_path: Path
) -> None:
    handle = contained.submit(jobs.hostile, kind, str(tmp_path))
    until(lambda: Path(tmp_path, "started").exists())
    assert alive(handle.id) or kind == "comet"
    job = contained.cancel(handle.id, reason="enough", by="anna", wait=deadline(20))
    survivors = alive(handle.id)
    assert (job.status, job.reason) == (JobStatus.CANCELED, Reason.WHILE_RUNNING)
    assert survivors == []
    assert job.proof == containment
    assert job.death is not None
    assert job.death.proof == containment
    assert 0 <= (job.death.ms or 0) < deadline(20_000)
    (attempt,) = contained.attempts(job.id)
    assert attempt.death == job.death
    requested = contained.history(job.id)[2]
    assert (requested.event, requested.actor, requested.reason) == (
        Event.REQUEST_CANCEL,
        "anna",
        "enough",
    )


def test_a_receipt_says_how_a_job_was_made_to_end(working: Engine) -> None:
    stubborn = jobs.stubborn.options(grace=0.2)
    handles = [working.submit(job) for job in (stubborn, jobs.leaves_one)]
    until(lambda: len(alive(handles[0].id)) == 4)
    handles[0].cancel()
    canceled, ended = (handle.wait(deadline(20)).death for handle in handles)
    assert canceled is not None
    assert (canceled.signals, canceled.killed) == (("SIGTERM", "SIGKILL"), 4)
    assert (canceled.ms or 0) >= 200
    assert ended is not None
    assert (ended.signals, ended.killed, ended.ms) == (("SIGKILL",), 1, None)
    plain = working.submit(jobs.polite, "/nowhere").wait(deadline(20))
    assert plain.death is None


def test_twenty_families_die_with_their_cancel(
    contained: Engine, tmp_path: Path
) -> None:
    for number in range(20):
        folder = tmp_path / str(number)
        folder.mkdir()
        handle = contained.submit(jobs.hostile, "family", str(folder))
        until(Path(folder, "started").exists)
        assert (
            contained.cancel(handle.id, wait=deadline(20)).status is JobStatus.CANCELED
        )
        assert alive(handle.id) == []


def test_twenty_families_die_with_their_timeout(
    contained: Engine, tmp_path: Path
) -> None:
    short = jobs.hostile.options(timeout=0.2)
    handles = [contained.submit(short, "family", str(tmp_path)) for _ in range(20)]
    for handle in handles:
        job = handle.wait(deadline(40))
        assert (job.status, job.reason) == (JobStatus.TIMEOUT, Reason.TOO_LONG)
        assert alive(job.id) == []


def test_a_stop_that_overtakes_the_launch_is_obeyed(
    engine: Engine, containment: str, tmp_path: Path
) -> None:
    short = jobs.hostile.options(timeout=0.001)
    with engine.worker(concurrency=8, containment=containment):
        for handle in [engine.submit(short, "family", str(tmp_path)) for _ in range(8)]:
            assert handle.wait(deadline(20)).status is JobStatus.TIMEOUT
            assert alive(handle.id) == []


def test_a_job_can_clean_up_within_its_grace(working: Engine, tmp_path: Path) -> None:
    handle = working.submit(jobs.polite, str(tmp_path))
    until(lambda: Path(tmp_path, "started").exists())
    assert working.cancel(handle.id, wait=deadline(20)).status is JobStatus.CANCELED
    assert Path(tmp_path, "cleaned").read_text() == "CANCEL"


def test_an_ended_job_cannot_be_canceled(working: Engine) -> None:
    job = working.submit(jobs.add, 1).wait(deadline(20))
    with pytest.raises(IllegalTransition, match="SUCCEEDED"):
        working.cancel(job.id)
    assert working.get(job.id) == job


def test_a_killed_workers_jobs_die_and_are_finished_by_another(
    engine: Engine, containment: str, tmp_path: Path
) -> None:
    database = f"sqlite:///{tmp_path}/jobs.db"
    options = ("--concurrency", "2", "--containment", containment)
    journal = tmp_path / "journal"
    first = start_worker(database, *options, "--lease", "3")
    handles = [engine.submit(jobs.journal, str(journal), seconds=1.5) for _ in range(2)]
    until(lambda: journal.exists() and journal.read_text().count("start") == 2)
    first.kill()
    first.wait()
    within(3, lambda: not any(alive(handle.id) for handle in handles))
    second = start_worker(database, *options)
    try:
        for handle in handles:
            job = handle.wait(deadline(40))
            assert (job.status, job.attempt, job.losses, job.failures) == (
                JobStatus.SUCCEEDED,
                2,
                1,
                0,
            )
    finally:
        second.send_signal(signal.SIGTERM)
        assert second.wait(deadline(20)) == 0
    assert sorted(line.split()[0] for line in journal.read_text().splitlines()) == [
        "end",
        "end",
        *["start"] * 4,
    ]


def test_a_killed_shim_takes_its_tree_along(
    engine: Engine, containment: str, tmp_path: Path
) -> None:
    with engine.worker(concurrency=1, containment=containment):
        handle = engine.submit(jobs.hostile, "family", str(tmp_path))
        until(lambda: Path(tmp_path, "started").exists())
        first = set(alive(handle.id))
        os.kill(parent_of(min(first)), signal.SIGKILL)
        until(lambda: engine.get(handle.id).attempt == 2)
        assert not first & set(alive(handle.id))
        engine.cancel(handle.id, wait=deadline(20))
    assert engine.get(handle.id).losses == 1


def test_what_shim_and_zygote_left_is_swept_before_a_rescue(
    engine: Engine, tmp_path: Path
) -> None:
    """The hole of `subreaper`: both killed at once. Nobody is above the tree then."""
    with engine.worker(concurrency=1, lease=2, containment="subreaper") as worker:
        handle = engine.submit(jobs.hostile, "family", str(tmp_path))
        until(lambda: Path(tmp_path, "started").exists())
        first = set(alive(handle.id))
        runner = worker._runner
        assert isinstance(runner, SubprocessRunner)
        for pid in (runner._launcher.process.pid, parent_of(min(first))):
            os.kill(pid, signal.SIGKILL)
        assert first & set(alive(handle.id)), "something of it should outlive them"
        until(lambda: engine.get(handle.id).attempt == 2)
        assert not first & set(alive(handle.id))
        engine.cancel(handle.id, wait=deadline(20))
    assert engine.get(handle.id).losses == 1
    assert alive(handle.id) == []


def test_a_killed_zygote_costs_no_job(
    engine: Engine, containment: str, tmp_path: Path
) -> None:
    """In a namespace its jobs die with it and run again; else their shims go on."""
    with engine.worker(concurrency=1, containment=containment) as worker:
        handle = engine.submit(jobs.hostile, "family", str(tmp_path))
        until(lambda: Path(tmp_path, "started").exists())
        first = set(alive(handle.id))
        runner = worker._runner
        assert isinstance(runner, SubprocessRunner)
        runner._launcher.process.kill()
        if containment == "namespace":
            until(lambda: engine.get(handle.id).attempt == 2)
            assert not first & set(alive(handle.id))
        after = engine.submit(jobs.add, 1)
        assert engine.cancel(handle.id, wait=deadline(20)).status is JobStatus.CANCELED
        assert alive(handle.id) == []
        assert after.result(deadline(20)) == 2
    assert engine.get(handle.id).losses == int(containment == "namespace")


def test_a_stalled_workers_jobs_die_before_their_lease_is_over(
    engine: Engine, containment: str, tmp_path: Path
) -> None:
    database = f"sqlite:///{tmp_path}/jobs.db"
    worker = start_worker(database, "--lease", "2", "--containment", containment)
    try:
        handle = engine.submit(jobs.hostile, "family", str(tmp_path))
        until(lambda: Path(tmp_path, "started").exists())
        assert alive(handle.id)
        worker.send_signal(signal.SIGSTOP)
        within(2, lambda: not alive(handle.id))
        assert engine.get(handle.id).status is JobStatus.RUNNING
        worker.send_signal(signal.SIGCONT)
        until(lambda: engine.get(handle.id).attempt == 2)
        assert engine.cancel(handle.id, wait=deadline(20)).status is JobStatus.CANCELED
    finally:
        worker.send_signal(signal.SIGCONT)
        worker.terminate()
        assert worker.wait(deadline(20)) == 0
