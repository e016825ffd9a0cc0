"""What a runner concludes from the death of its zygote, and of what it tries first."""

from __future__ import annotations

import errno
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

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


def _refuse_once(monkeypatch: pytest.MonkeyPatch, function: str) -> list[str]:
    """Let the kernel have no process for the first call of a function."""
    real = getattr(subprocess, function)
    refused: list[str] = []

    def call(*args: Any, **options: Any) -> Any:
        if not refused:
            refused.append(function)
            raise BlockingIOError(errno.EAGAIN, "Resource temporarily unavailable")
        return real(*args, **options)

    monkeypatch.setattr(subprocess, function, call)
    return refused


def test_a_probe_for_which_there_is_no_process_is_tried_again(
    containment: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    refused = _refuse_once(monkeypatch, "run")
    assert probe.works(containment) is None
    assert refused == ["run"]


@pytest.fixture
def no_first_process(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let the first zygote find no process."""
    monkeypatch.setattr(
        "interlock_adapters.subprocess.runner.runner.works", lambda _containment: None
    )
    _refuse_once(monkeypatch, "Popen")


@pytest.mark.usefixtures("no_first_process")
def test_a_first_zygote_for_which_there_is_no_process_is_started_later(
    caplog: pytest.LogCaptureFixture,
) -> None:
    opened = open_runner(
        containment="group", modules=[sample_jobs.__name__], main=None, ahead=2
    )
    assert "The zygote cannot be started, so no job starts" in caplog.text
    assert _numbers(opened)
    opened.close()


@pytest.mark.usefixtures("no_first_process")
def test_a_runner_that_never_had_a_zygote_can_be_closed() -> None:
    open_runner(containment="group", modules=[], main=None, ahead=1).close()


def test_a_folder_that_cannot_be_made_is_said(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(tmp_path / "missing"))
    with pytest.raises(InterlockError, match=r"cannot be made: No such file.*TMPDIR"):
        open_runner(containment="group", modules=[], main=None, ahead=1)


def test_a_machine_without_a_folder_for_temporary_files_is_said(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def none_usable() -> str:
        raise FileNotFoundError(errno.ENOENT, "No usable temporary directory found")

    monkeypatch.setattr(tempfile, "gettempdir", none_usable)
    with pytest.raises(InterlockError, match=r"No usable temporary.*TMPDIR"):
        open_runner(containment="group", modules=[], main=None, ahead=1)


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
