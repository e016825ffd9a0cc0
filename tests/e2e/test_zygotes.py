"""What a runner does when its zygote, or a shim, is not what it was."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import pytest

from interlock import Engine, JobStatus
from interlock.core.job import Exit, Job
from interlock.core.lifecycle import StopCause
from interlock.core.observations import ExitSeen, Launch, PidSeen
from interlock.ports.clock import boot
from interlock.testing.runners import Watched
from interlock_adapters.subprocess.kernel import linux
from interlock_adapters.subprocess.runner.runner import SubprocessRunner, open_runner
from pace import deadline

from . import sample_jobs as jobs
from .processes import below, until


@dataclass
class Room:
    """A runner, and jobs that it has started."""

    runner: SubprocessRunner
    module: Path

    def start(self, name: str, **params: object) -> Watched:
        now = datetime.now(UTC)
        job = Job(
            id=os.urandom(16).hex(),
            name=name,
            params=params,
            created_at=now,
            run_at=now,
            attempt=1,
        )
        launch = Launch(job=job, lease_deadline=boot() + 60, deadline_at=None)
        return Watched(self.runner, self.runner.start(launch))

    def until(self, condition: Callable[[], object]) -> None:
        def tended() -> object:
            self.runner.tend()
            return condition()

        until(tended)

    def kill_zygote(self) -> None:
        self.runner._launcher.process.kill()
        self.runner._launcher.process.wait()
        before = self.runner._launcher.first
        self.until(lambda: self.runner._launcher.first > before)


@pytest.fixture
def room(
    containment: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Room]:
    monkeypatch.syspath_prepend(str(tmp_path))
    module = tmp_path / f"deployed_{tmp_path.name}.py"
    module.touch()
    modules = [jobs.__name__, module.stem]
    opened = open_runner(containment=containment, modules=modules, main=None, ahead=2)
    yield Room(opened, module)
    opened.close()


@pytest.mark.parametrize("containment", ["subreaper"], indirect=True)
def test_no_domain_is_told_while_a_shim_of_an_earlier_zygote_runs(room: Room) -> None:
    """The end of the new zygote proves nothing of it."""
    watched = room.start("t.add", left=1)
    watched.end()
    held = room.start("t.journal", path=str(room.module) + ".journal", seconds=60)
    held.until(lambda: any(isinstance(seen, PidSeen) for seen in held.seen))
    assert room.runner.domain is not None
    room.kill_zygote()
    assert room.runner.domain is None
    held.execution.kill()
    held.until(lambda: held.dead)
    room.until(lambda: room.runner.domain is not None)
    first = room.runner._launcher.first
    assert all(number > first for number, _, _ in room.runner._spares)


def test_modules_that_cannot_be_imported_any_more_fail_no_job(
    room: Room, caplog: pytest.LogCaptureFixture
) -> None:
    """As while a new version is being copied."""
    room.until(lambda: room.runner._spares)
    words = "import time; time.sleep(0.2); raise ImportError('half a deployment')"
    room.module.write_text(words)
    room.kill_zygote()
    waiting = [room.start("t.add", left=1) for _ in range(3)]
    for watched in waiting:
        watched.until(lambda one=watched: one.dead)  # type: ignore[misc]
        assert not any(isinstance(seen, ExitSeen) for seen in watched.seen)
    assert "half a deployment" in caplog.text
    room.until(lambda: not room.runner.is_ready)
    assert room.runner.sources() == []
    room.module.write_text("")
    room.until(lambda: room.runner.is_ready)
    assert room.start("t.add", left=1).end().result == 2


def test_a_shim_that_stands_still_gets_the_whole_of_its_orders(room: Room) -> None:
    room.until(lambda: len(room.runner._spares) >= 2)
    shims = [linux.pid_of(pidfd) for _, _, pidfd in room.runner._spares]
    for pid in shims:
        os.kill(pid, signal.SIGSTOP)
    try:
        watched = room.start("t.size", text="x" * 900_000)  # more than a socket holds
        watched.execution.extend(boot() + 120)
        assert watched.seen == []
    finally:
        for pid in shims:
            os.kill(pid, signal.SIGCONT)
    ended = watched.end()
    assert (ended.exit, ended.result) == (Exit(code=0), 900_000)


def test_a_job_that_terminates_its_shim_hurts_no_later_one(
    engine: Engine, containment: str
) -> None:
    with engine.worker(concurrency=1, containment=containment):
        engine.submit(jobs.rude).wait(deadline(20))
        for _ in range(4):
            assert (
                engine.submit(jobs.add, 1).wait(deadline(20)).status
                is JobStatus.SUCCEEDED
            )


def test_a_zygote_whose_worker_lives_proves_nothing(room: Room) -> None:
    """What it has not begun may begin elsewhere, and would run twice."""
    room.until(lambda: room.runner._spares)
    room.module.write_text("raise ImportError")
    room.kill_zygote()
    launcher = room.runner._launcher
    launcher.process.wait(deadline(20))
    assert not launcher.domain.exists()


def test_what_waits_for_a_module_that_hangs_can_be_ended(room: Room) -> None:
    room.until(lambda: room.runner._spares)
    room.module.write_text("import time; time.sleep(600)")
    room.kill_zygote()
    assert not room.runner.is_ready
    for how in ("kill", "stop"):
        watched = room.start("t.add", left=1)
        if how == "kill":
            watched.execution.kill()
        else:
            watched.execution.stop(StopCause.TIMEOUT, 5)
        watched.until(lambda one=watched: one.dead)  # type: ignore[misc]
        assert not any(isinstance(seen, ExitSeen) for seen in watched.seen)


def test_a_zygote_that_takes_no_more_orders_is_told_them_later(room: Room) -> None:
    room.until(lambda: room.runner._spares)
    family = [room.runner._launcher.process.pid]
    family += below(family[0])
    for pid in family:
        os.kill(pid, signal.SIGSTOP)
    try:
        taken = [room.runner._launcher.order(1) for _ in range(5000)]
    finally:
        for pid in reversed(family):
            os.kill(pid, signal.SIGCONT)
    assert not taken[-1]
    assert taken[0]
