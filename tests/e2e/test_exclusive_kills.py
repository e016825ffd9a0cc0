"""kill -9 of workers lets no two jobs of an exclusive key run, and leaks no slot."""

from __future__ import annotations

import random
import signal
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

import postgres
from chaos import chaos_jobs
from interlock import Engine, JobStatus
from pace import THOROUGH, deadline, some

from .processes import start_worker

JOBS = 500 if THOROUGH else 100
KEYS = 20
WORKERS = 3
OFTEN_S = 1.5  # a worker is killed about so often


@pytest.fixture(params=some(["postgresql", "sqlite"]))
def url(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    if request.param == "sqlite":
        yield f"sqlite:///{tmp_path}/jobs.db"
        return
    with postgres.database() as made:
        yield made


@pytest.mark.timeout(deadline(300))
def test_no_two_jobs_of_an_exclusive_key_live_while_workers_are_killed(
    url: str, tmp_path: Path
) -> None:
    rng = random.Random(1)
    options = ("chaos.chaos_jobs", "--concurrency", "6", "--lease", "2")
    with Engine.open(url) as engine:  # those of a key follow each other
        engine.submit_many(
            chaos_jobs.keyed.call(
                str(tmp_path), kind="quick", seconds=0.05, group=number * KEYS // JOBS
            )
            for number in range(JOBS)
        )
        workers = [start_worker(url, *options) for _ in range(WORKERS)]
        killed, end = 0, time.monotonic() + deadline(200)
        while engine.counts()[JobStatus.SUCCEEDED] < JOBS:
            assert time.monotonic() < end, engine.counts()
            time.sleep(rng.uniform(0.5, 1.5) * OFTEN_S)
            number = rng.randrange(WORKERS)
            workers[number].kill()
            workers[number].wait()
            workers[number] = start_worker(url, *options)
            killed += 1
        for worker in workers:
            worker.send_signal(signal.SIGTERM)
        for worker in workers:
            worker.wait(deadline(30))
        journal = (tmp_path / "journal").read_text().splitlines()
        told = {what for what, _, _ in map(str.split, journal)}
        assert killed > 2
        assert told == {"start", "end"}  # no "excess", no "overlap"
        running = [key.running for key in engine.limits.list()]
        assert sum(running) == 0
        assert engine.verify() == []
