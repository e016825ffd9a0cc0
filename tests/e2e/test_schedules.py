"""Schedules with real workers: killed, replaced by another release, and busy."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from itertools import pairwise
from pathlib import Path

import pytest

import postgres
from interlock import Engine, JobStatus, Schedule, TickOutcome
from pace import THOROUGH, deadline

from . import schedule_jobs as jobs
from .processes import until

SCHEDULES, WORKERS = 200 if THOROUGH else 60, 4
STORM_S = 30.0 if THOROUGH else 6.0
RELEASE = """
from interlock import Schedule, job

@job(name="sch.released", schedule=Schedule(cron="0 {hour} * * *"))
def released() -> None: ...
"""


@pytest.fixture(params=["sqlite", "postgresql"])
def url(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    if request.param == "sqlite":
        yield f"sqlite:///{tmp_path}/jobs.db"
        return
    with postgres.database() as made:
        yield made


def _start(
    url: str, module: str = "e2e.schedule_jobs", folder: Path | None = None
) -> subprocess.Popen[bytes]:
    program = [sys.executable, "-m", "interlock_adapters.cli.main", "worker", module]
    folder = folder or Path(__file__).parents[1]
    return subprocess.Popen(
        [*program, "--database", url, "--concurrency", "2", "--lease", "3"],
        cwd=folder,
        env={**os.environ, "PYTHONPATH": os.pathsep.join([str(folder), *sys.path])},
        start_new_session=True,
        stderr=subprocess.DEVNULL,
    )


@contextmanager
def _workers(url: str, count: int) -> Iterator[list[subprocess.Popen[bytes]]]:
    """Run workers; whoever kills one of them puts another one in its place."""
    workers = [_start(url) for _ in range(count)]
    try:
        yield workers
    finally:
        for worker in workers:
            worker.terminate()
        for worker in workers:
            worker.wait(deadline(30))


def test_every_tick_is_decided_once_while_workers_are_killed(url: str) -> None:
    rng = random.Random(1)
    kinds = [(c, o) for c in ("latest", "skip", "all") for o in ("allow", "skip")]
    kinds.append(("latest", "replace"))
    with Engine.open(url) as engine:
        with engine.together():
            for number in range(SCHEDULES):
                catchup, overlap = kinds[number % len(kinds)]
                engine.schedules.create(
                    f"s{number}",
                    jobs.quick,
                    schedule=Schedule(
                        every=f"{rng.randint(3, 9)}s",
                        catchup=catchup,  # type: ignore[arg-type]  # a text of the list
                        overlap=overlap,  # type: ignore[arg-type]  # likewise
                    ),
                )
        with _workers(url, WORKERS) as workers:
            until(lambda: len(engine.workers()) == WORKERS, 60)
            end = time.monotonic() + STORM_S
            kills = 0
            while time.monotonic() < end or kills < WORKERS:
                number = rng.randrange(WORKERS)
                workers[number].kill()
                workers[number].wait()
                kills += 1
                workers[number] = _start(url)
                _await_tick(engine)
                time.sleep(rng.uniform(0, STORM_S / 10))
        _judge(engine)
        assert engine.verify() == []


def _await_tick(engine: Engine) -> None:
    def count() -> int:
        return len(engine.schedules.ticks("s0", 1000))

    before = count()
    until(lambda: count() > before, 60)


def _judge(engine: Engine) -> None:
    """Check that each tick has one row, and each row that says so one job."""
    made: Counter[tuple[str | None, object]] = Counter()
    cursor = None
    while True:
        page = engine.search(name="sch.quick", limit=1000, cursor=cursor)
        made.update((job.schedule, job.scheduled_for) for job in page.items)
        cursor = page.next_cursor
        if cursor is None:
            break
    fired = set()
    for info in engine.schedules.list():
        ticks = engine.schedules.ticks(info.name, 1000)
        step = timedelta(seconds=int((info.schedule.every or "").rstrip("s")))
        due = [tick.due_at for tick in reversed(ticks)]
        if info.waiting_at is not None:
            due = sorted([*due, info.waiting_at])
        expected = [info.anchor + n * step for n in range(1, len(due) + 1)]
        assert due == expected, info.name
        assert due, info.name
        assert info.next_at == due[-1] + step
        outcomes = {t.due_at: t.outcome for t in ticks}
        fired |= {
            (info.name, due_at)
            for due_at, outcome in outcomes.items()
            if outcome is TickOutcome.FIRED
        }
        assert {t.job_id for t in ticks if t.outcome is TickOutcome.MISSED} <= {None}
    assert set(made) == fired
    assert set(made.values()) == {1}


def test_replaced_jobs_are_dead_before_the_next_one_starts(
    url: str, tmp_path: Path
) -> None:
    schedule = Schedule(every="1s", overlap="replace")
    params = {"folder": str(tmp_path), "seconds": 60.0}
    with Engine.open(url) as engine:
        engine.schedules.create("one", jobs.alone, params, schedule=schedule)
        with _workers(url, 2):
            until(lambda: len(engine.search(statuses=["CANCELED"]).items) >= 3, 60)
            engine.schedules.pause("one")
            for job in engine.search(statuses=["PENDING", "RUNNING"]).items:
                engine.cancel(job.id, wait=deadline(30))
        ended = engine.search(schedule="one", limit=1000).items
        assert {job.status for job in ended} == {JobStatus.CANCELED}
        assert all(job.error is None for job in ended)
        assert not (tmp_path / "two-at-once").exists()
        ends = sorted((job.created_at, job.finished_at) for job in ended)
        for (_, end), (start, _) in pairwise(ends):
            assert end is not None
            assert end <= start
        assert engine.verify() == []


def test_a_worker_whose_slots_are_full_decides_in_time(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path}/jobs.db"
    with Engine.open(url) as engine, engine.worker(concurrency=1):
        params: dict[str, object] = {"folder": str(tmp_path), "seconds": 60.0}
        handle = engine.submit("sch.alone", params)
        until(lambda: handle.job().status is JobStatus.RUNNING)
        schedule = Schedule(every="1s", catchup="all")
        engine.schedules.create("s", jobs.quick, schedule=schedule)
        until(lambda: len(engine.schedules.ticks("s")) >= 3)
        handle.cancel(wait=deadline(20))
        until(lambda: engine.search(schedule="s", statuses=["SUCCEEDED"]).items)


def test_a_worker_of_an_older_release_changes_nothing(url: str, tmp_path: Path) -> None:
    with Engine.open(url) as engine:
        for hour in (1, 2):
            folder = tmp_path / f"release{hour}"
            folder.mkdir()
            (folder / "sched_release.py").write_text(RELEASE.format(hour=hour))

        def run(hour: int) -> str | None:
            known = {worker.id for worker in engine.workers()}
            worker = _start(url, "sched_release", tmp_path / f"release{hour}")
            until(lambda: {w.id for w in engine.workers()} - known, 60)
            worker.send_signal(signal.SIGTERM)
            assert worker.wait(deadline(30)) == 0
            return engine.schedules.get("sch.released").schedule.cron

        assert [run(hour) for hour in (1, 2, 1)] == [
            "0 1 * * *",
            "0 2 * * *",
            "0 2 * * *",
        ]
        assert len(engine.schedules.edits("sch.released")) == 2
