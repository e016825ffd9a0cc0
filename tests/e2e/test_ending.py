"""How a job ends: all that it began is done, and what happened is told."""

from __future__ import annotations

import signal
from pathlib import Path

import pytest

from interlock import Engine, JobStatus, Reason
from interlock.core.job import Job
from interlock.jobs.call import Call
from pace import deadline

from . import ending_jobs as jobs
from .processes import until

S, F, T, C = (
    *(JobStatus.SUCCEEDED, JobStatus.FAILED),
    *(JobStatus.TIMEOUT, JobStatus.CANCELED),
)


def _log(engine: Engine, job: Job) -> list[str]:
    return [line.text for line in engine.log(job.id)]


@pytest.mark.parametrize(
    "how", ["thread", "executor", "process", "atexit", "logging", "file"]
)
def test_what_a_job_has_begun_is_done_before_its_result_is_told(
    working: Engine, tmp_path: Path, how: str
) -> None:
    folder = working.submit(jobs.ends, how, str(tmp_path)).result(deadline(30))
    assert Path(tmp_path, how).read_text().strip() == "late"
    assert Path(folder).is_dir()  # what the module asked for at exit is not the job's


def test_a_signal_ends_a_process_of_a_job_that_is_just_being_made(
    working: Engine,
) -> None:
    ended = working.submit(jobs.stops_forks, 50).result(deadline(60))
    assert ended == [signal.SIGTERM]


@pytest.mark.parametrize("how", ["exit", "exit 0"])
def test_an_exit_without_a_code_is_a_return(working: Engine, how: str) -> None:
    job = working.submit(jobs.leaves, how).wait(deadline(30))
    assert (job.status, job.reason, job.result) == (S, Reason.RETURNED, None)


@pytest.mark.parametrize(
    ("how", "words"),
    [
        ("exit words", "no such shop"),
        ("exit 3", "the process ended with exit code 3"),
    ],
)
def test_an_exit_with_a_code_or_words_is_a_failure(
    working: Engine, how: str, words: str
) -> None:
    job = working.submit(jobs.leaves, how).wait(deadline(30))
    assert job.error is not None
    assert (job.status, job.error.message) == (F, words)
    assert job.error.reason is Reason.EXIT_CODE


@pytest.mark.parametrize(
    ("how", "kind", "message"),
    [
        ("odd", f"{jobs.__name__}.OddError", "(its str() raised RuntimeError)"),
        ("notes", f"{jobs.__name__}.NotesError", "words"),
        ("cycle", "builtins.ValueError", "one"),
        ("many", "builtins.ExceptionGroup", "many (2 sub-exceptions)"),
    ],
)
def test_an_error_that_is_hard_to_tell_keeps_its_type_and_traceback(
    working: Engine, how: str, kind: str, message: str
) -> None:
    job = working.submit(jobs.leaves, how).wait(deadline(30))
    assert job.error is not None
    assert (job.error.type, job.error.message) == (kind, message)
    assert job.error.traceback is not None
    assert "in leaves" in job.error.traceback
    assert "interlock_adapters" not in job.error.traceback
    assert job.attempt == (2 if how == "odd" else 1)


@pytest.mark.parametrize("how", ["no stdout", "closed", "hooks", "logging", "signals"])
def test_a_function_that_returned_has_succeeded_whatever_it_did(
    working: Engine, how: str
) -> None:
    job = working.submit(jobs.meddles, how).wait(deadline(30))
    assert (job.status, job.result, job.error) == (S, how, None)


@pytest.mark.parametrize(
    ("how", "function"),
    [
        ("sleep", "dawdle"),
        ("regex", "outruns"),
        ("lock", "outruns"),
        ("C", "outruns"),
        ("program", "outruns"),
    ],
)
def test_a_timeout_says_what_was_outrun_and_where_the_job_was(
    working: Engine, how: str, function: str
) -> None:
    job = working.submit(jobs.outruns, how).wait(deadline(30))
    assert job.error is not None
    message = f"it ran longer than its timeout of 0.3 s; it was in {function} ("
    assert job.error.message.startswith(message + jobs.__file__)
    log = "\n".join(_log(working, job))
    assert f'File "{jobs.__file__}", line' in log
    assert f" in {function}" in log
    assert "interlock_adapters" not in log
    assert job.status is T


def test_a_job_without_grace_tells_where_it_was(working: Engine) -> None:
    ended = working.submit(jobs.graceless).wait(deadline(30))
    assert ended.error is not None
    assert "; it was in dawdle (" in ended.error.message


@pytest.mark.parametrize("call", [jobs.hooked.call("stop"), jobs.fresh_dawdle.call()])
def test_the_stacks_of_a_canceled_job_are_in_its_log(
    working: Engine, call: Call[object]
) -> None:
    (handle,) = working.submit_many([call])
    until(lambda: _log(working, handle.job()), 60)
    job = handle.cancel(wait=deadline(30))
    assert (job.status, job.error) == (C, None)
    assert any(" in dawdle" in line for line in _log(working, job))


def test_a_coroutine_runs_in_a_loop_of_its_own(working: Engine) -> None:
    handle = working.submit(jobs.awaits, 5)
    assert handle.result(deadline(30)) == [5, handle.id]


@pytest.mark.parametrize("swallows", [False, True])
def test_a_stopped_coroutine_may_await_while_it_cleans_up(
    working: Engine, tmp_path: Path, *, swallows: bool
) -> None:
    handle = working.submit(jobs.awaits_long, str(tmp_path), swallows=swallows)
    until((tmp_path / "started").exists)
    job = handle.cancel(wait=deadline(30))
    assert (job.status, job.error) == (C, None)
    assert (tmp_path / "cleaned").exists()
    assert any(" in awaits_long" in line for line in _log(working, job))


@pytest.mark.parametrize("how", ["one", "children"])
def test_memory_is_that_of_the_tree_and_a_breach_says_how_much(
    working: Engine, how: str
) -> None:
    job = working.submit(jobs.eats, how).wait(deadline(60))
    assert job.error is not None
    assert (job.status, job.reason) == (F, Reason.OUT_OF_MEMORY)
    assert "MiB of memory; its limit is memory_mb=300" in job.error.message


def test_memory_that_is_only_reserved_does_not_count(working: Engine) -> None:
    assert working.submit(jobs.eats, "reserves").result(deadline(30)) == 4 * 1024**3


def test_memory_that_processes_share_counts_once(working: Engine) -> None:
    job = working.submit(jobs.eats, "shares").wait(deadline(30))
    assert job.status is JobStatus.SUCCEEDED


@pytest.mark.parametrize("ignores", [False, True])
def test_cpu_time_ends_with_words_of_its_own(working: Engine, *, ignores: bool) -> None:
    job = working.submit(jobs.burns, ignores=ignores).wait(deadline(60))
    assert job.error is not None
    assert (job.status, job.reason) == (F, Reason.SIGNAL)
    assert job.error.message.startswith("a process of the job used ")
    assert job.error.message.endswith(" s of CPU; its limit is cpu_s=1")


def test_temporary_files_of_a_job_are_its_own_and_gone_after_it(
    engine: Engine, containment: str
) -> None:
    with engine.worker(concurrency=1, containment=containment):
        results = [
            engine.submit(jobs.rooms, "a").result(deadline(30)) for _ in range(3)
        ]
    folders = {tuple(result[:2]) for result in results}
    assert len(folders) == 3
    for folder, tmpdir in folders:
        assert folder.startswith(tmpdir)
        assert len(tmpdir) < 60
        assert not Path(tmpdir).exists()
    if containment == "namespace":  # /dev/shm is the job's own, too
        assert [result[2:] for result in results] == [[], [], []]
    else:
        Path("/dev/shm/left").unlink()


def test_hooks_run_around_a_job_and_their_errors_are_theirs(working: Engine) -> None:
    job = working.submit(jobs.hooked, "one").wait(deadline(30))
    assert (job.status, job.result) == (S, "one")
    log = _log(working, job)
    assert log[:2] == ["ready forks start", "end one None"]
    assert log[-1] == "RuntimeError: a hook's own"


def test_the_hook_at_the_end_gets_the_error(working: Engine) -> None:
    job = working.submit(jobs.hooked, "fail").wait(deadline(30))
    assert job.status is F
    assert "end None ValueError('boom')" in _log(working, job)
