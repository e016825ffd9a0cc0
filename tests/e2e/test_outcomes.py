"""What comes of a job in a process of its own."""

from __future__ import annotations

import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path

import pytest

from interlock import Engine, JobFailed, JobStatus, Reason
from interlock.core.lifecycle import Event
from interlock_adapters.subprocess.shim.output import LINE
from pace import THOROUGH, deadline

from . import sample_jobs as jobs
from .processes import alive, until

THREADS = """
import threading, time
from pathlib import Path
from interlock import Engine, job

@job(name="threads.parent")
def parent() -> list[str]:
    return Path("/proc/self/cmdline").read_text().split(chr(0))

threading.Thread(target=time.sleep, args=(60,), daemon=True).start()

if __name__ == "__main__":
    with Engine.open("sqlite:///jobs.db") as engine, engine.worker(concurrency=1):
        print(engine.submit(parent).result(30))
"""


def test_a_result_comes_back_as_json(contained: Engine) -> None:
    assert contained.submit(jobs.add, 2, right=3).result(deadline(20)) == 5
    assert contained.submit("t.add", {"left": 4}).result(deadline(20)) == 5


def test_a_transient_error_is_tried_again(contained: Engine) -> None:
    job = contained.submit(jobs.flaky, times=2).wait(deadline(20))
    assert (job.status, job.result, job.attempt, job.failures) == (
        JobStatus.SUCCEEDED,
        3,
        3,
        2,
    )
    events = [entry.event for entry in contained.history(job.id)]
    assert events == ["submit", *["claim", "retry"] * 2, "claim", "succeed"]


def test_the_last_try_fails_for_good(contained: Engine) -> None:
    job = contained.submit(jobs.flaky, times=9).wait(deadline(20))
    assert (job.status, job.attempt, job.failures) == (JobStatus.FAILED, 3, 2)
    assert job.error is not None
    assert job.error.type == "interlock.TransientError"


@pytest.mark.parametrize(
    ("how", "reason", "words"),
    [
        ("error", Reason.ERROR, "boom"),
        ("exit", Reason.EXIT_CODE, "exit code 7"),
        ("vanish", Reason.BAD_RESULT, "did not return"),
        ("signal", Reason.SIGNAL, "SIGSEGV"),
        ("memory", Reason.OUT_OF_MEMORY, "MemoryError"),
        ("unserializable", Reason.BAD_RESULT, "object that is not JSON"),
        ("oversized", Reason.BAD_RESULT, "at most 1048576"),
        ("nan", Reason.BAD_RESULT, "not JSON"),
    ],
)
def test_each_failure_is_told_precisely(
    working: Engine, how: str, reason: Reason, words: str
) -> None:
    handle = working.submit(jobs.fail, how)
    job = handle.wait(deadline(20))
    assert (job.status, job.reason) == (JobStatus.FAILED, reason)
    assert job.error is not None
    assert words in job.error.message
    with pytest.raises(JobFailed, match=reason.value):
        handle.result(0)


def test_a_traceback_is_kept(working: Engine) -> None:
    job = working.submit(jobs.fail, "error").wait(deadline(20))
    assert job.error is not None
    assert 'raise ValueError("boom")' in str(job.error.traceback)


def test_a_fork_of_the_job_has_no_say(contained: Engine) -> None:
    assert (
        contained.submit(jobs.fail, "fork").result(deadline(20)) == "the parent's word"
    )


def test_a_memory_limit_is_kept(working: Engine) -> None:
    job = working.submit(jobs.limited).wait(deadline(20))
    assert job.reason is Reason.OUT_OF_MEMORY


def test_output_is_kept_in_lines_by_stream(contained: Engine) -> None:
    job = contained.submit(jobs.talk, lines=3).wait(deadline(20))
    log = [(line.stream, line.text) for line in contained.log(job.id)]
    assert [text for stream, text in log if stream == "stderr"] == [
        f"error {n}" for n in range(3)
    ]
    assert [text for stream, text in log if stream == "stdout"] == [
        *(f"line {n}" for n in range(3)),
        "from a child",
    ]


def test_a_flood_is_bounded_and_its_end_is_kept(working: Engine) -> None:
    megabytes = 200 if THOROUGH else 50
    job = working.submit(jobs.flood, megabytes=megabytes).wait(deadline(50))
    assert job.result == "done"
    texts = [line.text for line in working.log(job.id, limit=100_000)]
    assert texts[-1] == "the last line"
    assert sum(map(len, texts)) < 1_300_000
    assert any("bytes of output dropped here" in text for text in texts)


def test_what_is_longer_in_json_than_in_bytes_fits_too(engine: Engine) -> None:
    with engine.worker(concurrency=1, lease=5):
        job = engine.submit(jobs.odd, "binary").wait(deadline(50))
    assert (job.status, job.attempt) == (JobStatus.SUCCEEDED, 1)
    assert engine.log(job.id)[0].text == "\ufffd" * LINE


def test_a_job_says_when_it_wants_to_be_tried_again(contained: Engine) -> None:
    assert contained.submit(jobs.polled, "at once").result(deadline(20)) == 2
    later = contained.submit(jobs.polled, "later", 600)
    until(lambda: later.job().failures == 1)
    job = later.job()
    assert job.status is JobStatus.PENDING
    assert 500 < (job.run_at - datetime.now(UTC)).total_seconds() <= 600
    own = contained.submit(jobs.polled, "own class")
    until(lambda: own.job().failures == 1)
    assert 3500 < (own.job().run_at - datetime.now(UTC)).total_seconds() <= 3600
    for handle in (later, own):
        handle.cancel()
    (first, *_) = contained.attempts(later.id)
    assert first.error is not None
    assert (first.error.message, first.error.delay_s) == ("later", 600)


def test_many_empty_lines_are_few_rows(contained: Engine) -> None:
    """Or a worker that stores them for long would lose the leases of all others."""
    job = contained.submit(jobs.newlines, 1_000_000 if THOROUGH else 300_000).wait(
        deadline(50)
    )
    assert job.status is JobStatus.SUCCEEDED
    texts = [line.text for line in contained.log(job.id, limit=100_000)]
    assert 1000 < len(texts) < 20_000
    assert any("bytes of output dropped here" in text for text in texts)


def test_a_job_sees_itself_and_reports_progress(working: Engine) -> None:
    handle = working.submit(jobs.environment)
    job = handle.wait(deadline(20))
    assert isinstance(job.result, dict)
    (worker,) = working.workers()
    assert job.result == {
        "INTERLOCK_PLACE": worker.place,
        "INTERLOCK_JOB_ID": job.id,
        "INTERLOCK_JOB_NAME": "t.environment",
        "INTERLOCK_ATTEMPT": "1",
        "attempt": "1",
        "id": job.id,
    }
    assert job.progress is not None
    assert (job.progress.completed, job.progress.total) == (1, 2)


def test_what_a_job_leaves_behind_is_swept_first(contained: Engine) -> None:
    job = contained.submit(jobs.leaves_daemon).wait(deadline(20))
    assert (job.status, job.result) == (JobStatus.SUCCEEDED, "done")
    assert alive(job.id) == []


def test_a_limit_of_one_holds_over_two_workers(engine: Engine, tmp_path: Path) -> None:
    with engine.worker(concurrency=3), engine.worker(concurrency=3):
        call = jobs.one_at_a_time.call(str(tmp_path))
        handles = engine.submit_many([call] * 12)
        assert [handle.result(deadline(40)) for handle in handles] == [True] * 12


def test_a_fresh_interpreter_runs_a_job_too(contained: Engine) -> None:
    assert contained.submit(jobs.fresh, 1).result(deadline(20)) == 2


def test_stopping_a_worker_releases_its_jobs(engine: Engine, tmp_path: Path) -> None:
    with engine.worker(concurrency=1, shutdown_grace=0):
        handle = engine.submit(jobs.polite, str(tmp_path))
        until(lambda: Path(tmp_path, "started").exists())
    job = handle.job()
    assert (job.status, job.reason, job.attempt) == (
        JobStatus.PENDING,
        Reason.SHUTDOWN,
        1,
    )
    assert (job.failures, job.losses) == (0, 0)
    assert Path(tmp_path, "cleaned").read_text() == "SHUTDOWN"
    assert engine.history(job.id)[-1].event == Event.RELEASE
    assert alive(job.id) == []


def test_a_module_that_starts_threads_runs_in_a_fresh_interpreter(
    tmp_path: Path,
) -> None:
    (tmp_path / "threads.py").write_text(THREADS)
    done = subprocess.run(
        [sys.executable, "threads.py"],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=deadline(50),
        check=True,
    )
    assert "interlock_adapters.subprocess.child.fresh" in done.stdout
    assert "(Python thread 'Thread-1 (sleep)' of " in done.stderr
    assert "threads.py), which a fork would lose" in done.stderr


def test_a_thread_of_a_job_asks_for_it_too(contained: Engine) -> None:
    handle = contained.submit(jobs.threads)
    assert handle.result(deadline(20)) == [handle.id]


def test_a_job_that_forges_frames_harms_only_itself(contained: Engine) -> None:
    forged = contained.submit(jobs.odd, "forges")
    assert forged.wait(deadline(20)).is_terminal
    assert contained.submit(jobs.add, 1).result(deadline(20)) == 2


@pytest.mark.parametrize(
    ("how", "reason", "words"),
    [
        ("strange", Reason.ERROR, "\ufffd"),
        ("nul", Reason.BAD_RESULT, "NUL"),
        ("deep", Reason.BAD_RESULT, "deeper than 64"),
        ("deep tuple", Reason.BAD_RESULT, "deeper than 64"),
        ("huge", Reason.BAD_RESULT, "not JSON"),
    ],
)
def test_what_no_database_stores_is_told_in_other_characters(
    contained: Engine, how: str, reason: Reason, words: str
) -> None:
    job = contained.submit(jobs.odd, how).wait(deadline(20))
    assert (job.status, job.reason) == (JobStatus.FAILED, reason)
    assert job.error is not None
    assert words in job.error.message


def test_a_job_that_ends_as_it_was_told_has_no_error(
    working: Engine, tmp_path: Path
) -> None:
    handle = working.submit(jobs.polite, str(tmp_path))
    until((tmp_path / "started").exists)
    job = working.cancel(handle.id, wait=deadline(20))
    assert (job.status, job.error) == (JobStatus.CANCELED, None)
    assert (tmp_path / "cleaned").read_text() == "CANCEL"
