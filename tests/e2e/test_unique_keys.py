"""Fifty submitters of one key at the same moment: one job."""

from __future__ import annotations

import json
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest

import postgres
from interlock import Engine, JobStatus
from pace import deadline, some

PROCESSES, THREADS = 5, 10
#: Tells how each submit of its threads ended, once somebody closes its stdin.
SUBMITTER = """
import json, sys
from concurrent.futures import ThreadPoolExecutor
from e2e import sample_jobs as jobs
from interlock import DuplicateJob, Engine
url, how, each = sys.argv[1], sys.argv[2], int(sys.argv[3])
keyed = jobs.add.options(unique=["left"], on_conflict=how, unique_for=3600)
def submit(number):
    try:
        return "job " + engine.submit(keyed, 1, number).id
    except DuplicateJob as error:
        return "taken " + error.job_id
with Engine.open(url) as engine:
    engine.counts()
    print("ready", flush=True)
    sys.stdin.read()
    with ThreadPoolExecutor(each) as pool:
        print(json.dumps(list(pool.map(submit, range(each)))))
"""


@pytest.fixture(params=["sqlite", "postgresql"])
def url(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    if request.param == "sqlite":
        yield f"sqlite:///{tmp_path}/jobs.db"
        return
    with postgres.database() as made:
        yield made


def _submit_at_once(url: str, how: str) -> list[str]:
    running = [
        subprocess.Popen(
            [sys.executable, "-c", SUBMITTER, url, how, str(THREADS)],
            cwd=Path(__file__).parents[1],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        for _ in range(PROCESSES)
    ]
    for process in running:
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n"
    for process in running:
        assert process.stdin is not None
        process.stdin.close()
        process.stdin = None
    said: list[str] = []
    for process in running:
        output, _ = process.communicate(timeout=deadline(100))
        assert process.returncode == 0
        said += json.loads(output)
    return said


@pytest.mark.parametrize("how", some(["raise", "return", "replace", "debounce"]))
def test_of_fifty_submitters_one_gets_the_key(url: str, how: str) -> None:
    with Engine.open(url) as engine:
        said = _submit_at_once(url, how)
        assert len(said) == PROCESSES * THREADS
        (live,) = engine.search(statuses=[JobStatus.PENDING]).items
        kinds = Counter(words.split()[0] for words in said)
        ids = {words.split()[1] for words in said}
        everybody = PROCESSES * THREADS
        if how in {"raise", "return"}:
            wanted = {"raise": {"job": 1, "taken": everybody - 1}}
            assert kinds == wanted.get(how, {"job": everybody})
            assert ids == {live.id}
            assert engine.counts()[JobStatus.CANCELED] == 0
        else:
            assert kinds == {"job": everybody}
            assert len(ids) == everybody
            replaced = engine.search(statuses=[JobStatus.CANCELED], limit=100).items
            assert {job.reason for job in replaced} == {"replaced"}
            assert {live.id, *(job.id for job in replaced)} == ids
        assert engine.verify() == []
