"""What ends a worker, and what does not: signals, from whomever and how many."""

from __future__ import annotations

import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pytest

import postgres
from faults.wire import Wire
from interlock import Engine, JobHandle, JobStatus
from pace import deadline

from . import greedy_jobs
from . import sample_jobs as jobs
from .processes import alive, until

Worker = subprocess.Popen[bytes]
#: Runs a program that ignores and blocks what programs seldom do.
_ODD = """
import os, signal, sys
for signum in (signal.SIGCHLD, signal.SIGINT, signal.SIGQUIT):
    signal.signal(signum, signal.SIG_IGN)
signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGTERM, signal.SIGCHLD])
os.execv(sys.argv[1], sys.argv[1:])
"""


def _as_in_a_terminal() -> None:
    """Undo what `nohup` does, if it runs these tests."""
    signal.signal(signal.SIGHUP, signal.SIG_DFL)


@contextmanager
def _worker(
    url: str,
    log: Path,
    *options: str,
    launcher: tuple[str, ...] = (),
) -> Iterator[Worker]:
    """Run a worker in a session of its own; kill what is left of it."""
    modules = ["e2e.sample_jobs", "e2e.greedy_jobs"]
    program = [sys.executable, "-m", "interlock_adapters.cli.main", "worker", *modules]
    with log.open("ab") as file:
        process = subprocess.Popen(
            [*launcher, *program, "--database", url, *options],
            cwd=Path(__file__).parents[1],
            stdin=subprocess.DEVNULL,
            stdout=file,
            stderr=file,
            start_new_session=True,
            preexec_fn=_as_in_a_terminal,  # noqa: PLW1509  (no thread runs here yet)
        )
        try:
            yield process
        finally:
            process.kill()
            process.wait()


@pytest.fixture
def url(tmp_path: Path) -> str:
    return f"sqlite:///{tmp_path}/jobs.db"


@pytest.fixture
def log(tmp_path: Path) -> Path:
    return tmp_path / "log"


def _running(engine: Engine, log: Path) -> JobHandle[None]:
    handle = engine.submit(greedy_jobs.waits)
    until(lambda: engine.attempts(handle.id) and alive(handle.id))
    assert "Traceback" not in log.read_text()
    return handle


@pytest.mark.parametrize("count", [1, 2])
def test_a_closed_terminal_lets_running_jobs_finish(
    engine: Engine, url: str, log: Path, tmp_path: Path, count: int
) -> None:
    with _worker(url, log, "--shutdown-grace", "60") as worker:
        handle = engine.submit(jobs.journal, str(tmp_path / "journal"), seconds=2.0)
        until(lambda: engine.get(handle.id).status is JobStatus.RUNNING)
        worker.send_signal(signal.SIGHUP)
        until(lambda: "Shutting down" in log.read_text())
        if count > 1:
            worker.send_signal(signal.SIGHUP)
        assert worker.wait(deadline(30)) == 0
    assert engine.get(handle.id).status is JobStatus.SUCCEEDED
    assert engine.workers() == []


def test_a_worker_under_nohup_outlives_its_terminal(
    engine: Engine, url: str, log: Path
) -> None:
    with _worker(url, log, launcher=("nohup",)) as worker:
        assert engine.submit(jobs.add, 1).result(deadline(20)) == 2
        worker.send_signal(signal.SIGHUP)
        assert engine.submit(jobs.add, 2).result(deadline(20)) == 3
        worker.terminate()
        assert worker.wait(deadline(20)) == 0


def test_the_log_says_once_that_running_jobs_are_stopped(
    engine: Engine, url: str, log: Path
) -> None:
    with _worker(url, log, "--shutdown-grace", "60") as worker:
        handle = _running(engine, log)
        worker.terminate()
        until(lambda: "Shutting down" in log.read_text())
        worker.terminate()
        assert worker.wait(deadline(20)) == 0
    assert log.read_text().count("Shutting down") == 1
    assert log.read_text().count("Stopping 1 running jobs now") == 1
    assert engine.history(handle.id)[-1].event == "release"


@pytest.mark.parametrize("how", ["ended", "silent"])
def test_two_signals_end_a_worker_whose_database_is_away(log: Path, how: str) -> None:
    program = postgres.initdb()
    if program is None:
        pytest.skip("NO initdb: a database that is away is not tried")
    with ExitStack() as stack:
        server = postgres.OwnServer(program)
        stack.callback(server.remove)
        wire = stack.enter_context(Wire(server.socket))
        engine = stack.enter_context(Engine.open(server.url))
        url = server.url if how == "ended" else wire.url
        worker = stack.enter_context(_worker(url, log, "--shutdown-grace", "600"))
        handle = _running(engine, log)
        if how == "ended":
            server.stop_at_once()
            until(lambda: "does not answer" in log.read_text())
        else:
            wire.silence()
            until(lambda: wire.holds)
        worker.terminate()
        worker.send_signal(signal.SIGINT)  # the same twice at once may come as one
        worker.wait(deadline(30))
        until(lambda: not alive(handle.id))
    said = log.read_text()
    words = {
        "ended": "ends of these jobs are not written",
        "silent": "a call to its database does not return",
    }
    assert words[how] in said
    assert "Traceback" not in said


@pytest.mark.parametrize("containment", ["namespace", "subreaper"])
def test_a_worker_does_its_work_whatever_signals_it_has_inherited(
    engine: Engine, url: str, log: Path, containment: str
) -> None:
    launcher = (sys.executable, "-c", _ODD)
    options = ("--containment", containment)
    with _worker(url, log, *options, launcher=launcher) as worker:
        assert engine.submit(jobs.add, 1).result(deadline(20)) == 2
        failed = engine.submit(jobs.fail, "exit").wait(deadline(20))
        assert failed.error is not None
        assert failed.error.exit_code == 7
        handle = _running(engine, log)
        canceled = engine.cancel(handle.id, wait=deadline(20))
        assert (canceled.status, alive(handle.id)) == (JobStatus.CANCELED, [])
        assert engine.attempts(handle.id)[-1].exit is not None
        worker.send_signal(signal.SIGINT)
        assert worker.wait(deadline(20)) == 0
    assert "Traceback" not in log.read_text()
