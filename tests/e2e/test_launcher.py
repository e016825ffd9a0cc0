"""What a runner concludes from the death of its zygote, and of what it tries first."""

from __future__ import annotations

import os
import shutil
import signal
import sys
import threading
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

from interlock.core.errors import InterlockError
from interlock.core.job import Job
from interlock.core.observations import Launch
from interlock.ports.clock import boot
from interlock.testing.runners import Watched
from interlock_adapters.subprocess.runner import probe
from interlock_adapters.subprocess.runner.runner import SubprocessRunner, open_runner

from . import sample_jobs
from .processes import alive, below, until


@pytest.fixture
def runner(containment: str) -> Iterator[SubprocessRunner]:
    modules = [sample_jobs.__name__]
    opened = open_runner(containment=containment, modules=modules, main=None, ahead=2)
    yield opened
    opened.close()


def _numbers(runner: SubprocessRunner) -> set[int]:
    """Return the numbers of the shims that wait, once there are two."""

    def tended() -> bool:
        runner.tend()
        return len(runner._spares) >= 2

    until(tended)
    return {spare[0] for spare in runner._spares}


def test_no_shim_has_the_number_of_one_of_an_earlier_zygote(
    runner: SubprocessRunner,
) -> None:
    before = _numbers(runner)
    runner._launcher.process.kill()
    runner._launcher.process.wait()

    def replaced() -> bool:
        runner.tend()
        return runner._launcher.process.poll() is None

    until(replaced)
    assert _numbers(runner).isdisjoint(before)


@pytest.mark.parametrize("containment", ["namespace"], indirect=True)
@pytest.mark.parametrize("attempt", range(1, 4))
def test_no_proof_is_given_before_the_death_of_a_job_whose_launcher_is_killed(
    runner: SubprocessRunner, tmp_path: Path, attempt: int
) -> None:
    now = datetime.now(UTC)
    job = Job(
        id=os.urandom(16).hex(),
        name="t.heavy",
        params={"folder": str(tmp_path)},
        created_at=now,
        run_at=now,
        attempt=attempt,
    )
    launch = Launch(job=job, lease_deadline=boot() + 60, deadline_at=None)
    watched = Watched(runner, runner.start(launch))
    watched.until((tmp_path / "ready").exists)
    runner._launcher.process.kill()
    watched.until(lambda: watched.dead)
    assert alive(job.id) == []


def test_a_probe_that_is_killed_is_tried_again(containment: str) -> None:
    killed = threading.Event()

    def kill_the_first() -> None:
        until(lambda: below(os.getpid()))
        os.kill(below(os.getpid())[0], signal.SIGKILL)
        killed.set()

    thread = threading.Thread(target=kill_the_first)
    thread.start()
    assert probe.works(containment) is None
    thread.join()
    assert killed.is_set()


def test_a_probe_that_fails_by_accident_is_tried_again(
    containment: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A killed process inside of it shows as exit code 247, 256 less SIGKILL."""
    once = tmp_path / "once"
    program = tmp_path / "python"
    program.write_text(
        f'#!/bin/sh\n[ -e {once} ] && exec {sys.executable} "$@"\n'
        f"touch {once}\nexit 247\n"
    )
    program.chmod(0o755)
    monkeypatch.setattr(sys, "executable", str(program))
    assert probe.works(containment) is None
    assert once.exists()


def test_no_accident_makes_a_worker_settle_for_less(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    program = tmp_path / "python"
    program.write_text("#!/bin/sh\nkill -9 $$\n")
    program.chmod(0o755)
    monkeypatch.setattr(sys, "executable", str(program))
    with pytest.raises(InterlockError, match="could not be found out"):
        open_runner(containment="auto", modules=[], main=None, ahead=1)


def test_what_the_kernel_refuses_is_left_at_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As in a container without CAP_SYS_ADMIN."""
    setpriv = shutil.which("setpriv")
    if setpriv is None or os.geteuid() != 0:
        pytest.skip("NO setpriv, or not root: no capability can be dropped")
    tries = tmp_path / "tries"
    program = tmp_path / "python"
    dropped = "--bounding-set=-sys_admin --inh-caps=-sys_admin"
    program.write_text(
        f'#!/bin/sh\necho >> {tries}\nexec {setpriv} {dropped} {sys.executable} "$@"\n'
    )
    program.chmod(0o755)
    monkeypatch.setattr(sys, "executable", str(program))
    assert "Operation not permitted" in (probe.works("namespace") or "")
    assert tries.read_text() == "\n"
    assert probe.strongest() == "subreaper"
