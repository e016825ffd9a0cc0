"""The commands, on a real file, with a real worker where one is needed."""

from __future__ import annotations

import json
import os
import signal
import sqlite3
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from interlock import Engine, JobStatus, Schedule
from interlock.core.ids import short_id
from interlock_adapters.cli.main import app
from interlock_adapters.sql.schema import upgrade
from pace import deadline

from . import sample_jobs as jobs
from .processes import alive, start_worker, until

Run = Callable[..., Any]


@pytest.fixture
def run(engine: Engine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Run:
    """Run a command; return its output, as JSON lines when it was asked for."""
    del engine
    monkeypatch.setenv("INTERLOCK_DATABASE_URL", f"sqlite:///{tmp_path}/jobs.db")
    monkeypatch.setenv("INTERLOCK_MODULES", "e2e.sample_jobs")
    monkeypatch.chdir(tmp_path)

    def call(*arguments: str, code: int = 0, stdin: str = "") -> Any:
        done = CliRunner().invoke(app, list(arguments), input=stdin)
        assert done.exit_code == code, (done.output, done.exception)
        if "--json" not in arguments:
            return done.stdout
        return [json.loads(line) for line in done.stdout.splitlines()]

    return call


@pytest.fixture
def working(engine: Engine, run: Run) -> Iterator[Run]:
    with engine.worker(concurrency=2):
        yield run


def test_submit_prints_the_id_or_the_job(run: Run, engine: Engine) -> None:
    job_id = run("submit", "t.add", "left=1").strip()
    assert engine.get(job_id).params == {"left": 1}
    options = ("--queue", "slow", "--priority", "7", "--timeout", "5", "--by", "anna")
    (job,) = run("submit", "t.add", "left=2", "right=3", *options, "--json")
    assert (job["queue"], job["priority"], job["timeout_s"], job["submitted_by"]) == (
        "slow",
        7,
        5.0,
        "anna",
    )


def test_submit_takes_the_limits_of_time_and_the_key(run: Run, engine: Engine) -> None:
    options = ("--deadline", "90", "--stalled-after", "7")
    (job,) = run("submit", "t.add", "left=1", *options, "--json")
    assert (job["stalled_after_s"], job["deadline_at"] > job["created_at"]) == (7, True)
    shown = run("show", job["id"])
    assert "deadline_at" in shown
    unique = ("--unique", "--unique-for", "60", "--on-conflict")
    first = run("submit", "t.add", "left=2", *unique, "raise").strip()
    run("submit", "t.add", "left=2", *unique, "raise", code=2)
    assert run("submit", "t.add", "left=2", *unique, "return").strip() == first
    second = run("submit", "t.add", "left=2", *unique, "replace").strip()
    assert engine.get(first).reason == "replaced"
    by = ("--unique-by", "left", "--on-conflict", "replace")
    assert engine.get(second).unique_key == 't.add:{"left":2}'
    run("submit", "t.add", "left=2", "right=3", *by)
    assert engine.get(second).reason == "replaced"
    run("submit", "t.add", "left=2", *unique, "ignore", code=2)


def test_submit_refuses_with_a_code_and_a_reason(run: Run) -> None:
    run("submit", "t.add", code=2)
    run("submit", "t.add", "left", code=2)
    run("submit", "t.nothing", code=3)
    run("submit", "t.add", "left=1", "--module", "no.such", code=2)
    run("submit", "t.add", "left=1", "--timeout", "-1", code=2)
    run("submit", "t.add", "left=1", "--unique-key", "k")
    run("submit", "t.add", "left=1", "--unique-key", "k", code=2)
    assert sum(job["name"] == "t.add" for job in run("list", "--json")) == 1


def test_a_parameter_that_is_given_twice_is_refused(run: Run, engine: Engine) -> None:
    run("submit", "t.add", "left=1", "left=2", code=2)
    run("submit", "t.add", 'left={"a": 1, "a": 2}', code=2)
    run("submit", "t.add", "-", stdin='{"left": 1, "left": 2}', code=2)
    assert engine.search().items == ()


def test_parameters_come_from_stdin_too(run: Run, engine: Engine) -> None:
    job_id = run("submit", "t.add", "-", stdin='{"left": 1, "right": 5}').strip()
    assert engine.get(job_id).params == {"left": 1, "right": 5}
    for arguments, stdin in (
        (("-", "right=5"), '{"left": 1}'),
        (("-", "-"), '{"left": 1}'),
        (("-",), "[1]"),
        (("-",), "left=1"),
        (("-",), ""),
        (("-",), "[" * 100_000),
        (("-",), '{"left": "1"}'),
    ):
        run("submit", "t.add", *arguments, code=2, stdin=stdin)
    assert sum(engine.counts().values()) == 1


def test_a_text_that_looks_like_json_is_text_for_a_text(
    run: Run, engine: Engine
) -> None:
    job_id = run("submit", "t.size", "text=12345").strip()
    assert engine.get(job_id).params == {"text": "12345"}


def test_waiting_tells_how_it_ended_by_its_code(working: Run) -> None:
    (job,) = working("submit", "t.add", "left=1", "--wait", "--json")
    assert (job["status"], job["result"], job["phase"]) == ("SUCCEEDED", 2, "done")
    working("submit", "t.fail", "how=error", "--wait", code=1)
    sleepy = ("kind=ignores SIGTERM", "folder=.")
    working("submit", "t.hostile", *sleepy, "--timeout", "0.3", "--wait", code=124)
    job_id = working("submit", "t.hostile", *sleepy).strip()
    working("wait", job_id, "--timeout", "0.2", code=124)
    working("cancel", job_id, "--wait", "--reason", "enough", "--by", "anna")
    working("wait", job_id, code=1)
    assert alive(job_id) == []


def test_list_filters_and_pages(run: Run) -> None:
    ids = [run("submit", "t.add", f"left={n}").strip() for n in range(3)]
    run("cancel", ids[0])
    pending = run("list", "--status", "PENDING", "--name", "t.add", "--json")
    assert [job["id"] for job in pending] == [ids[2], ids[1]]
    cursor = run("list", "--limit", "2").partition("next: --cursor ")[2].strip()
    rest = run("list", "--limit", "2", "--cursor", cursor, "--json")
    assert [job["id"] for job in rest] == [ids[0]]
    run("list", "--cursor", ids[1], code=2)
    run("list", "--status", "NOPE", code=2)


def test_show_says_why_a_job_is_not_running(run: Run) -> None:
    run("pause", "slow")
    job_id = run("submit", "t.add", "left=1", "--queue", "slow").strip()
    assert "paused" in run("show", job_id)
    assert "is paused. Resume it: interlock resume" in run("explain", job_id)
    (told,) = run("explain", job_id, "--json")
    assert "paused" in told["explanation"]
    assert any(reason["cause"].startswith("paused") for reason in told["reasons"])
    assert [q["paused"] for q in run("queues", "--json")] == [True]
    run("resume", "slow")
    assert "paused" not in run("show", job_id)
    run("show", "beef", code=3)
    run("show", "nope", code=2)


def test_secret_parameters_are_not_shown(run: Run) -> None:
    job_id = run("submit", "t.secret", "password=hunter2").strip()
    for command in (("show", job_id), ("list", "--json"), ("show", job_id, "--json")):
        assert "hunter2" not in str(run(*command))


def test_a_secret_is_not_shown_in_a_reason(run: Run) -> None:
    job_id = run("submit", "t.secret", "password=hunter2").strip()
    run("cancel", job_id, "--reason", "hunter2 leaked")
    for command in ("show", "history"):
        assert "hunter2" not in run(command, job_id)
        assert "hunter2" not in str(run(command, job_id, "--json"))
    assert run("history", job_id, "--json")[-1]["reason"] == "*** leaked"


def test_a_secret_is_not_shown_in_an_error(working: Run) -> None:
    job_id = working("submit", "t.secret", "password=hunter3").strip()
    done = CliRunner().invoke(app, ["wait", job_id])
    assert "*** is wrong" in done.stderr
    for text in (done.output, working("show", job_id), working("list")):
        assert "hunter3" not in text


def test_a_secret_is_not_shown_in_output_and_result(working: Run) -> None:
    job_id = working("submit", "t.secret", "password=hunter2").strip()
    assert working("wait", job_id) == '"used ***"\n'
    assert working("log", job_id) == "the password is ***\n"
    (line,) = working("log", job_id, "--json")
    assert line["text"] == "the password is ***"
    (job,) = working("show", job_id, "--json")
    assert job["result"] == "used ***"
    assert "hunter2" not in working("show", job_id)


def test_history_tells_who_and_why(run: Run) -> None:
    job_id = run("submit", "t.add", "left=1", "--by", "bert").strip()
    run("cancel", job_id, "--reason", "not needed", "--by", "anna")
    last = run("history", job_id, "--json")[-1]
    assert (last["event"], last["actor"], last["reason"]) == (
        "cancel",
        "anna",
        "not needed",
    )
    assert "anna" in run("history", job_id)


def test_an_illegal_transition_has_its_own_code(working: Run) -> None:
    (job,) = working("submit", "t.add", "left=1", "--wait", "--json")
    working("cancel", job["id"], code=4)
    refused = working("history", job["id"], "--rejected", "--json")
    assert [entry["event"] for entry in refused] == ["cancel"]


def test_log_prints_and_follows(working: Run) -> None:
    (job,) = working("submit", "t.talk", "lines=2", "--wait", "--json")
    lines = working("log", job["id"]).splitlines()
    assert sorted(lines) == [
        "error 0",
        "error 1",
        "from a child",
        "line 0",
        "line 1",
    ]
    assert working("log", job["id"], "-f").splitlines() == lines
    assert {line["stream"] for line in working("log", job["id"], "--json")} == {
        "stdout",
        "stderr",
    }


def test_rerun_makes_a_new_job(working: Run) -> None:
    (first,) = working("submit", "t.add", "left=1", "--wait", "--json")
    (again,) = working("rerun", first["id"], "--wait", "--by", "anna", "--json")
    assert (again["rerun_of"], again["result"], again["submitted_by"]) == (
        first["id"],
        2,
        "anna",
    )
    working("rerun", "beef", code=3)


def test_counts_workers_and_doctor(working: Run) -> None:
    working("submit", "t.add", "left=1", "--wait")
    assert working("counts", "--json")[0]["SUCCEEDED"] == 1
    assert "SUCCEEDED 1" in working("counts")
    (worker,) = working("workers", "--json")
    assert (worker["pid"], worker["concurrency"]) == (os.getpid(), 2)
    assert "containment auto" in working("doctor")
    assert working("doctor", "--json")[0]["containment subreaper"] == "works"


def test_purge_deletes_what_ended_long_ago(run: Run, engine: Engine) -> None:
    done = run("submit", "t.add", "left=1").strip()
    kept = run("submit", "t.add", "left=2").strip()
    run("cancel", done)
    assert run("purge", "--older-than", "1", "--json") == [{"deleted": 0}]
    assert run("purge", "--older-than", "0", "--json") == [{"deleted": 1}]
    assert engine.counts()[JobStatus.PENDING] == 1
    run("show", done, code=3)
    run("show", kept)


def test_verify_finds_what_was_forged(run: Run, tmp_path: Path) -> None:
    database = ("--database", f"sqlite:///{tmp_path}/forged.db")
    job_id = run("submit", "t.add", "left=1", *database).strip()
    assert "OK: " in run("verify", *database)
    forged = (
        "DROP TRIGGER interlock_job_update; DROP TRIGGER interlock_job_update_log;"
        "UPDATE interlock_job SET status='SUCCEEDED', finished_at=1"
        f" WHERE id='{job_id}'"
    )
    with closing(sqlite3.connect(tmp_path / "forged.db")) as raw:
        raw.executescript(forged)
    run("verify", *database, code=5)  # the guards are weakened: refused at once
    run("db", "upgrade", *database)
    assert job_id in str(run("verify", "--json", *database, code=1))


def test_the_schema_commands(run: Run, tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path}/other.db"
    assert run("db", "current", "--database", url).strip() == "empty"
    run("db", "upgrade", "--database", url)
    assert run("db", "current", "--database", url, "--json") == [
        {"schema": upgrade.HEAD}
    ]


def test_diagrams_are_printed(run: Run) -> None:
    assert run("diagram").startswith("stateDiagram-v2")
    assert run("diagram", "dot").startswith("digraph")
    assert run("diagram", "table").startswith("| event |")
    run("diagram", "haiku", code=2)


def test_settings_come_from_flag_then_variable_then_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("INTERLOCK_DATABASE_URL", raising=False)
    toml = '[tool.interlock]\ndatabase_url = "sqlite:///file.db"\nmodules = ["no_such"]'
    Path("pyproject.toml").write_text(toml)
    assert CliRunner().invoke(app, ["list"]).exit_code == 2  # no module no_such
    monkeypatch.setenv("INTERLOCK_MODULES", "e2e.sample_jobs")
    submit = ["submit", "t.add", "left=1"]
    for options, file in (
        ([], "file.db"),
        (["--database", "sqlite:///flag.db"], "flag.db"),
    ):
        assert CliRunner().invoke(app, [*submit, *options]).exit_code == 0
        assert Path(file).exists()
    monkeypatch.setenv("INTERLOCK_DATABASE_URL", "sqlite:///variable.db")
    assert CliRunner().invoke(app, submit).exit_code == 0
    assert Path("variable.db").exists()


def test_a_worker_lets_jobs_end_within_the_grace(
    engine: Engine, tmp_path: Path
) -> None:
    worker = start_worker(f"sqlite:///{tmp_path}/jobs.db", "--shutdown-grace", "20")
    handle = engine.submit(jobs.journal, str(tmp_path / "journal"), seconds=1.0)
    until(lambda: engine.get(handle.id).status is JobStatus.RUNNING)
    worker.terminate()
    assert worker.wait(deadline(20)) == 0
    assert engine.get(handle.id).status is JobStatus.SUCCEEDED
    assert engine.workers() == []


@pytest.mark.parametrize("signals", [1, 2])
def test_a_worker_gives_jobs_back_when_the_grace_is_over_or_at_a_second_signal(
    engine: Engine, tmp_path: Path, signals: int
) -> None:
    grace = "0.3" if signals == 1 else "60"
    worker = start_worker(f"sqlite:///{tmp_path}/jobs.db", "--shutdown-grace", grace)
    handle = engine.submit(jobs.hostile, "family", str(tmp_path))
    until(Path(tmp_path, "started").exists)
    for _ in range(signals):
        worker.send_signal(signal.SIGTERM)
        time.sleep(0.2)
    assert worker.wait(deadline(10)) == 0
    assert alive(handle.id) == []
    job = engine.get(handle.id)
    assert (job.status, job.attempt, job.failures, job.losses) == (
        JobStatus.PENDING,
        1,
        0,
        0,
    )
    assert engine.history(handle.id)[-1].event == "release"


def test_ctrl_c_has_its_own_code(run: Run, tmp_path: Path) -> None:
    job_id = run("submit", "t.add", "left=1").strip()
    program = [sys.executable, "-m", "interlock_adapters.cli.main", "wait", job_id]
    # What runs in a shell's background ignores it, and so do its children.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    waiting = subprocess.Popen(
        program,
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
        stderr=subprocess.PIPE,
    )
    threads = Path(f"/proc/{waiting.pid}/task")
    until(lambda: len(list(threads.iterdir())) > 1)  # it waits: not in an import
    time.sleep(1)
    waiting.send_signal(signal.SIGINT)
    _, errors = waiting.communicate(timeout=deadline(20))
    assert waiting.returncode == 130
    assert b"Traceback" not in errors


def test_a_part_of_an_id_is_enough_for_a_command(run: Run, engine: Engine) -> None:
    job_id, other = (run("submit", "t.add", f"left={n}").strip() for n in range(2))
    short = short_id(job_id)
    for command in ("explain", "history", "log", "graph", "steps"):
        assert run(command, short) == run(command, job_id)
    assert job_id in run("show", short)
    run("hold", f"job:{short}")
    run("release-hold", f"job:{short}")
    run("signal", short, "go")
    after = run("submit", "t.add", "left=3", "--depends-on", f"left={short}").strip()
    assert [each.job.id for each in engine.dependencies(after) if each.job] == [job_id]
    assert run("list", "--parent", short, "--json") == []
    run("cancel", short)
    assert run("wait", short, code=1) == ""
    (again,) = run("rerun", short, "--json")
    assert again["rerun_of"] == job_id
    done = CliRunner().invoke(app, ["cancel", job_id[:4]])
    assert done.exit_code == 2
    assert "Give more digits" in done.stderr
    assert engine.get(other).status is JobStatus.PENDING


def test_lists_are_json_lines_or_one_array(run: Run, engine: Engine) -> None:
    group = engine.map(jobs.add, [1, 2])
    job_id, other = (job.id for job in group.jobs())
    engine.schedules.create(
        "nightly", "t.add", {"left": 1}, schedule=Schedule(cron="@daily")
    )
    tick = engine.schedules.trigger("nightly")
    engine.limits.set("name:t.add", max_running=1)
    engine.hold("queue:slow")
    engine.hold(f"job:{job_id}")
    with engine.worker(concurrency=1):
        for awaited in (other, tick.id):
            engine.wait(awaited, deadline(20))
        lists = (
            ("list",),
            ("history", job_id),
            ("history", job_id, "--rejected"),
            ("log", job_id),
            ("steps", job_id),
            ("queues",),
            ("workers",),
            ("verify",),
            ("holds",),
            ("limits", "list"),
            ("groups", "list"),
            ("schedules", "list"),
            ("schedules", "preview", "nightly"),
            ("schedules", "ticks", "nightly"),
        )
        for words in lists:
            lines = run(*words, "--json")
            array = json.loads(run(*words, "--json-array"))
            assert [{**_as_dict(x), **SEEN} for x in array] == [
                {**_as_dict(x), **SEEN} for x in lines
            ], words
    engine.cancel(job_id)
    array = json.loads(run("groups", "wait", group.id, "--json-array", code=1))
    assert [job["id"] for job in array] == [job.id for job in group.jobs()]
    run("log", job_id, "-f", "--json-array", code=2)


#: What another look changes.
SEEN = dict.fromkeys(("read_at", "seen_at", "memory_bytes"))


def _as_dict(value: Any) -> dict[str, Any]:
    return value if isinstance(value, dict) else {"value": value}


def test_a_page_of_json_says_how_to_get_the_next(run: Run) -> None:
    ids = [run("submit", "t.add", f"left={n}").strip() for n in range(3)]
    done = CliRunner().invoke(app, ["list", "--limit", "2", "--json"])
    assert len(done.stdout.splitlines()) == 2
    cursor = done.stderr.partition("more jobs: --cursor ")[2].strip()
    (last,) = run("list", "--limit", "2", "--cursor", cursor, "--json")
    assert last["id"] == ids[0]
