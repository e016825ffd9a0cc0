"""`interlock forecast` says when jobs start and end, as computed by hand."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Callable, Iterator, Mapping
from contextlib import closing
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from freezegun import freeze_time
from typer.testing import CliRunner

import interlock.jobs.codecs  # noqa: F401  (takes the real datetime before it is frozen)
from interlock import Engine, JobStatus, Schedule
from interlock.core.job import Job
from interlock.core.lifecycle import Event, Proof, Reason, StopCause
from interlock.core.limits import Rate
from interlock.core.records import WorkerInfo
from interlock.ports import discovery
from interlock.testing.clock import ManualClock
from interlock.testing.scenario import Scenario
from interlock_adapters.cli import snapshot, virtual_time
from interlock_adapters.cli.main import app
from interlock_adapters.cli.moments import span

Run = Callable[..., Any]
ANYTHING: Mapping[str, object] = {
    "params": {"properties": {}, "required": [], "additionalProperties": True},
    "options": {},
    "secret": [],
}
HOUR = timedelta(hours=1)


@pytest.fixture
def scene(tmp_path: Path) -> Iterator[Scenario]:
    clock = ManualClock()
    with closing(discovery.open_store(f"sqlite:///{tmp_path}/jobs.db", clock)) as store:
        yield Scenario(store, clock)


@pytest.fixture
def run(scene: Scenario, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Run:
    """Run the command at the time of the scene; return its JSON, text or error."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("INTERLOCK_MODULES", raising=False)

    def call(*changes: str, text: bool = False, code: int = 0) -> Any:
        words = [word for change in changes for word in ("--if", change)]
        where = ["--database", f"sqlite:///{tmp_path}/jobs.db"]
        shape = [] if text else ["--json"]
        with freeze_time(scene.clock.now()):
            done = CliRunner().invoke(app, ["forecast", *words, *where, *shape])
        assert done.exit_code == code, (done.output, done.exception)
        if code:
            return " ".join(done.stderr.split())
        return " ".join(done.stdout.split()) if text else json.loads(done.stdout)

    return call


def work(scene: Scenario, *names: str, worker: str = "w1", **fields: Any) -> None:
    """Let a worker be there."""
    now = scene.clock.now()
    values: dict[str, Any] = {
        "host": "h",
        "pid": 1,
        "boot_id": "b",
        "containment": "none",
        "concurrency": 1,
        "started_at": now,
        "seen_at": now,
        "jobs": dict.fromkeys(names, ANYTHING),
        **fields,
    }
    scene.store.see_worker(WorkerInfo(id=worker, **values))


def took(scene: Scenario, name: str, seconds: float) -> None:
    """Let a job of a name have ended."""
    job = scene.running(name=name, queue="past")
    scene.clock.advance(seconds)
    scene.apply(job, Event.SUCCEED, proof=Proof.CGROUP)


def waits(scene: Scenario, job_id: str, name: str, **fields: Any) -> Job:
    return scene.add(job_id, **{"name": name, "queue": "q", **fields})


def after(scene: Scenario, seconds: float) -> str:
    return (scene.clock.now() + timedelta(seconds=seconds)).isoformat()


def seconds_until(scene: Scenario, moment: str | None) -> float | None:
    if moment is None:
        return None
    return (datetime.fromisoformat(moment) - scene.clock.now()).total_seconds()


def times(scene: Scenario, found: Any) -> dict[str, tuple[float | None, ...]]:
    """Return, by name, when its last job starts and ends."""
    return {
        each["name"]: tuple(
            seconds_until(scene, each[field])
            for field in ("last_start_at", "last_end_at")
        )
        for each in found["names"]
    }


@pytest.fixture
def busy(scene: Scenario) -> Scenario:
    """Return a queue of two names, one of them with a limit, and two workers."""
    took(scene, "slow", 9)
    took(scene, "slow", 11)
    took(scene, "fast", 4)
    scene.store.set_limit("name:slow", 1)
    for job_id in ("1", "2"):
        waits(scene, job_id, "slow")
    for job_id in ("3", "4"):
        waits(scene, job_id, "fast")
    waits(scene, "5", "fast", priority=5)
    work(scene, "slow", "fast")
    work(scene, "slow", "fast", worker="w2")
    return scene


def test_jobs_start_and_end_as_priorities_limits_and_places_let_them(
    busy: Scenario, run: Run
) -> None:
    # w1: 5 (0-4), 3 (4-8), 4 (8-12); w2: 1 (0-10), 2 (10-20)
    assert run() == {
        "at": after(busy, 0),
        "empty_at": after(busy, 20),
        "empty_in_s": 20.0,
        "last_end_at": after(busy, 20),
        "lasting": 0,
        "places": 2,
        "workers": 2,
        "left_out": 0,
        "names": [
            {
                "name": "fast",
                "jobs": 3,
                "running": 0,
                "takes_s": 4.0,
                "is_guess": False,
                "last_start_at": after(busy, 8),
                "last_end_at": after(busy, 12),
                "never": 0,
            },
            {
                "name": "slow",
                "jobs": 2,
                "running": 0,
                "takes_s": 10.0,
                "is_guess": False,
                "last_start_at": after(busy, 10),
                "last_end_at": after(busy, 20),
                "never": 0,
            },
        ],
        "never": [],
        "assumptions": [
            "Each job takes the mean time of its name in the last 7 days, and succeeds "
            "at once: no retries.",
            "No job is submitted, and no worker starts or stops.",
        ],
    }
    told = run(text=True)
    assert "The queue is empty in 20 s, at " in told
    assert "with 2 workers for 2 jobs at once." in told
    assert "slow 2 0 10 s in 10 s in 20 s" in told


@pytest.mark.parametrize(
    ("changes", "fast", "slow"),
    [
        (("max_running=2",), (14, 18), (4, 14)),
        (("name:slow=2",), (14, 18), (4, 14)),
        (("max_running=9", "name:slow=1"), (8, 12), (10, 20)),
        (("workers=1",), (28, 32), (14, 24)),
        (("concurrency=2",), (0, 4), (10, 20)),
        (("workers=1", "concurrency=2"), (8, 12), (10, 20)),
        (("workers=4",), (0, 4), (10, 20)),
        (("workers=4", "max_running=2"), (4, 8), (0, 10)),
        (("queue:q=1",), (28, 32), (14, 24)),
        (("name:fast=1",), (8, 12), (10, 20)),
    ],
)
def test_a_change_has_the_effect_that_it_would_have(
    busy: Scenario,
    run: Run,
    changes: tuple[str, ...],
    fast: tuple[float, float],
    slow: tuple[float, float],
) -> None:
    assert times(busy, run(*changes)) == {"fast": fast, "slow": slow}


def test_a_job_that_runs_ends_after_what_is_left_of_its_time(
    busy: Scenario, run: Run
) -> None:
    busy.running("0", name="slow", queue="first", worker="w2")
    busy.clock.advance(3)
    # w2: 0 (until 7), then 1 (7-17), then 2 (17-27); w1: 5, 3, 4
    found = run()
    assert times(busy, found) == {"fast": (8, 12), "slow": (17, 27)}
    assert [each["running"] for each in found["names"]] == [0, 1]
    busy.clock.advance(20)  # longer than usual: it ends now
    assert times(busy, run())["slow"] == (10, 20)
    assert times(busy, run("workers=1"))["fast"] == (28, 32)


def test_what_runs_beyond_a_lower_limit_goes_on(scene: Scenario, run: Run) -> None:
    took(scene, "f", 10)
    scene.store.set_limit("k", 3)
    keys = {"k": {"limit": "k", "weight": 1}}
    for job_id in ("1", "2", "3"):
        scene.running(job_id, name="f", queue=job_id, worker="w1", keys=keys)
    waits(scene, "4", "f", keys=keys)
    work(scene, "f", concurrency=9)
    assert times(scene, run()) == {"f": (10, 20)}
    assert times(scene, run("k=1")) == {"f": (10, 20)}
    assert times(scene, run("k=4")) == {"f": (0, 10)}


def test_rates_times_and_ends_of_holds_are_waited_for(
    scene: Scenario, run: Run
) -> None:
    took(scene, "f", 2)
    scene.store.set_limit("name:f", None, Rate(1, 10))
    for job_id in ("1", "2", "3"):
        waits(scene, job_id, "f")
    waits(scene, "4", "late", run_at=scene.clock.now() + HOUR)
    waits(scene, "5", "held")
    scene.hold("name:held", until=scene.clock.now() + 2 * HOUR)
    waits(scene, "6", "free")
    scene.hold("name:free", until=scene.clock.now() + timedelta(seconds=1))
    scene.clock.advance(2)  # nobody has released it yet
    work(scene, "f", "late", "held", "free", concurrency=4)
    found = run()
    assert times(scene, found) == {
        "f": (20, 22),
        "free": (0, 2),
        "late": (3598, 3600),
        "held": (7198, 7200),
    }
    assert "Rates count no start from before now." in found["assumptions"]
    assert times(scene, run("name:f=1"))["f"] == (20, 22)  # the rate stays


def test_what_does_not_start_is_told_with_the_reason(scene: Scenario, run: Run) -> None:
    took(scene, "f", 2)
    now = scene.clock.now()
    work(scene, "f", "full", "held", concurrency=2, queues=("q", "off"))
    waits(scene, "a", "f")
    waits(scene, "b", "f", queue="off")
    waits(scene, "c", "f", queue="off")
    scene.store.set_paused("off", paused=True)
    waits(scene, "d", "other")
    waits(scene, "e", "f", queue="elsewhere")
    waits(scene, "f", "held")
    scene.hold("name:held", reason="the disk is full")
    scene.apply(waits(scene, "g", "f"), Event.HOLD)
    waits(scene, "h", "f", run_at=now + timedelta(days=31))
    found = run()
    assert [(each["name"], each["cause"], each["jobs"]) for each in found["never"]] == [
        ("f", "held", 1),
        ("f", "paused:off", 2),
        ("f", "scheduled", 1),
        ("f", "unserved_queue", 1),
        ("held", "hold:name:held", 1),
        ("other", "unknown_name", 1),
    ]
    assert [each["never"] for each in found["names"]] == [5, 1, 1]
    assert (found["empty_at"], found["empty_in_s"]) == (None, None)
    assert (found["last_end_at"], found["lasting"]) == (after(scene, 2), 7)
    told = run(text=True)
    assert "All but 7 jobs end in 2.0 s, at " in told
    assert "- 2 jobs f: Waiting: queue 'off' is paused. Resume it: interlock " in told
    assert "interlock release-hold name:held" in told


def test_what_expires_or_is_dropped_ends_without_a_start(
    scene: Scenario, run: Run
) -> None:
    took(scene, "f", 2)
    took(scene, "g", 5)
    now = scene.clock.now()
    scene.store.set_limit("k", 1)
    keys = {"k": {"limit": "k", "weight": 1}}
    waits(scene, "a", "f", keys=keys)
    waits(scene, "b", "f", keys=keys, when_full="cancel_new")
    waits(scene, "c", "g")
    waits(scene, "d", "g", expires_at=now + timedelta(seconds=1))
    work(scene, "f", "g", concurrency=2)
    found = run()
    assert [(each["name"], each["cause"]) for each in found["never"]] == [
        ("f", "full"),
        ("g", "expired"),
    ]
    assert times(scene, found) == {"f": (0, 2), "g": (0, 5)}
    assert (found["empty_in_s"], found["lasting"]) == (5.0, 0)
    scene.store.set_paused("off", paused=True)
    waits(scene, "e", "g", queue="off", deadline_at=now + HOUR)
    assert (run()["empty_in_s"], run()["lasting"]) == (3600.0, 0)
    waits(scene, "f", "g", queue="off", deadline_at=now + timedelta(days=31))
    assert (run()["empty_in_s"], run()["lasting"]) == (None, 1)


def test_a_job_that_has_had_an_attempt_does_not_expire(
    scene: Scenario, run: Run
) -> None:
    took(scene, "f", 10)
    soon = scene.clock.now() + timedelta(seconds=5)
    job = scene.running("1", name="f", queue="q", expires_at=soon)
    later = scene.clock.now() + HOUR
    asked = {"run_at": later, "proof": Proof.CGROUP, "reason": Reason.SNOOZED}
    scene.apply(job, Event.SNOOZE, **asked)
    work(scene, "f")
    assert times(scene, run()) == {"f": (3600, 3610)}


def test_a_job_that_replaces_another_ends_it(scene: Scenario, run: Run) -> None:
    took(scene, "f", 60)
    scene.store.set_limit("k", 1)
    keys = {"k": {"limit": "k", "weight": 1}}
    scene.running("1", name="f", queue="q", keys=keys)
    waits(scene, "2", "f", keys=keys, when_full="replace")
    work(scene, "f", concurrency=2)
    assert times(scene, run())["f"] == pytest.approx((0, 60), abs=0.01)


def test_a_job_waits_for_the_worker_whose_code_fits(scene: Scenario, run: Run) -> None:
    took(scene, "f", 10)
    schema = {"properties": {}, "required": ["x"], "additionalProperties": False}
    waits(scene, "1", "f")
    waits(scene, "2", "f")
    work(scene, worker="w1", jobs={"f": {"params": schema}}, concurrency=9)
    assert run()["never"][0]["cause"] == "misfit"
    work(scene, "f", worker="w2")
    assert times(scene, run()) == {"f": (10, 20)}


def test_a_worker_that_cannot_start_jobs_starts_none(scene: Scenario, run: Run) -> None:
    waits(scene, "1", "f")
    work(scene, "f", trouble="the disk is full")
    assert run()["never"][0]["cause"] == "trouble"
    assert run("workers=1")["empty_in_s"] == 1.0


def test_names_without_a_past_are_guesses(scene: Scenario, run: Run) -> None:
    work(scene, "new", "f", "g")
    waits(scene, "1", "new")
    found = run()
    assert found["empty_in_s"] == 1.0
    assert found["assumptions"][1] == (
        "No job of these names has ended lately: new. They take 1 s, a guess."
    )
    took(scene, "f", 2)
    took(scene, "g", 4)
    canceled = scene.running(name="new", queue="past")
    scene.clock.advance(20)
    scene.apply(canceled, Event.REQUEST_CANCEL)
    scene.apply(canceled, Event.STOP, stop_cause=StopCause.CANCEL)
    end = {"proof": Proof.CGROUP, "reason": Reason.WHILE_RUNNING}
    scene.apply(canceled, Event.FINISH_CANCEL, **end)
    work(scene, "new", "f", "g")
    found = run()
    assert found["empty_in_s"] == 3.0
    assert found["names"][0]["is_guess"]
    assert "They take 3 s, the mean of all jobs." in found["assumptions"][1]
    assert "3.0 s (guess)" in run(text=True)


def test_without_a_worker_nothing_starts_and_the_forecast_says_so(
    scene: Scenario, run: Run
) -> None:
    assert run(text=True) == "The queue is empty now."
    took(scene, "f", 10)
    waits(scene, "1", "f")
    work(scene, "f", seen_at=scene.clock.now() - HOUR)  # it died
    found = run()
    assert (found["workers"], found["empty_at"]) == (0, None)
    assert [each["cause"] for each in found["never"]] == ["no_worker"]
    assert "because no worker is running. Start one: interlock worker" in run(text=True)
    found = run("workers=2", "concurrency=3")
    assert (found["places"], found["empty_in_s"]) == (6, 10.0)


def test_only_the_newest_jobs_are_looked_at(
    busy: Scenario, run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(snapshot, "MOST_JOBS", 3)
    found = run()
    assert found["left_out"] == 2
    assert times(busy, found) == {"fast": (4, 8)}
    assert "2 jobs left out" in found["assumptions"][-1]


def test_a_job_that_starts_while_the_snapshot_is_read_counts_once(
    scene: Scenario, run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    newest = snapshot._newest

    def start_after_the_first(engine: Engine, status: JobStatus) -> list[Job]:
        found = newest(engine, status)
        scene.claim("f")
        return found

    monkeypatch.setattr(snapshot, "_newest", start_after_the_first)
    waits(scene, "1", "f")
    (name,) = run()["names"]
    assert (name["jobs"], name["running"]) == (1, 1)


def test_schedules_are_left_out(busy: Scenario, run: Run) -> None:
    schedules = Engine(busy.store, clock=busy.clock).schedules
    schedules.create("often", "fast", schedule=Schedule(every="1h"))
    schedules.create("never", "fast", schedule=Schedule(every="1h"))
    schedules.pause("never")
    found = run()
    assert found["empty_in_s"] == 20.0
    assert found["assumptions"][-1] == "1 schedule left out: no tick submits a job."


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        (("workers",), "KEY=NUMBER"),
        (("workers=0",), "1 to 1000"),
        (("workers=1001",), "1 to 1000"),
        (("concurrency=many",), "KEY=NUMBER"),
        (("=3",), "KEY=NUMBER"),
        (("max_running=-1",), "1 to 10000"),
        (("name:slwo=3",), "no job and no limit has this key"),
        (("workers=1", "workers=2"), "given twice"),
    ],
)
def test_an_unclear_change_is_refused(
    busy: Scenario, run: Run, changes: tuple[str, ...], says: str
) -> None:
    del busy
    assert says in run(*changes, code=2)


def test_a_change_of_all_names_needs_one_with_a_limit(
    scene: Scenario, run: Run
) -> None:
    waits(scene, "1", "f")
    scene.store.set_limit("name:f", None, Rate(1, 10))
    assert "--if name:f=8" in run("max_running=8", code=2)


def test_a_key_may_have_an_equals_sign(scene: Scenario, run: Run) -> None:
    took(scene, "f", 10)
    keys = {"x:a=1": {"limit": "x:{a}", "weight": 1}}
    for job_id in ("1", "2"):
        waits(scene, job_id, "f", keys=keys)
    work(scene, "f", concurrency=2)
    assert run("x:a=1=1")["empty_in_s"] == run("x:{a}=1")["empty_in_s"] == 20.0
    assert run("x:a=1=2")["empty_in_s"] == 10.0


def test_the_database_is_not_changed(busy: Scenario, run: Run, tmp_path: Path) -> None:
    def everything() -> list[str]:
        with closing(sqlite3.connect(tmp_path / "jobs.db")) as connection:
            return list(connection.iterdump())

    busy.running("0", name="slow", queue="first")
    before = everything()
    run("max_running=8", "workers=3")
    assert everything() == before


def test_values_of_parameters_are_not_copied(scene: Scenario) -> None:
    job = waits(scene, "1", "f", params={"password": "hunter2x"}, metadata={"a": 1})
    copied = virtual_time._copied(job)
    assert (copied.params, copied.metadata) == ({"password": None}, {})


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (0.25, "0.2 s"),
        (59.6, "1 min"),
        (3_725, "1 h 2 min"),
        (90_000, "1 d 1 h"),
        (86_405, "1 d"),
    ],
)
def test_a_time_has_its_two_largest_units(seconds: float, text: str) -> None:
    assert span(seconds) == text
