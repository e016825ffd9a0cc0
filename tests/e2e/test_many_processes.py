"""Several processes use one file at once."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from interlock import Engine, JobStatus
from pace import THOROUGH, deadline

EACH = 250 if THOROUGH else 50
SUBMITTER = """
import sys
from e2e import sample_jobs as jobs
from interlock import Engine
first, url = int(sys.argv[1]), sys.argv[2]
with Engine.open(url) as engine:
    for number in range(first, int(sys.argv[3])):
        engine.submit(jobs.add, number)
"""


def test_eight_processes_submit_at_once(tmp_path: Path) -> None:
    """None is lost and none doubled, also while the file is being created."""
    url = f"sqlite:///{tmp_path}/jobs.db"
    running = [
        subprocess.Popen(
            [sys.executable, "-c", SUBMITTER, str(first), url, str(first + EACH)],
            cwd=Path(__file__).parents[1],
        )
        for first in range(0, 8 * EACH, EACH)
    ]
    assert [process.wait(deadline(50)) for process in running] == [0] * 8
    numbers: list[object] = []
    with Engine.open(url) as engine:
        cursor = None
        while True:
            page = engine.search(limit=1000, cursor=cursor)
            numbers += [job.params["left"] for job in page.items]
            cursor = page.next_cursor
            if cursor is None:
                break
        assert sorted(map(int, map(str, numbers))) == list(range(8 * EACH))
        assert engine.counts()[JobStatus.PENDING] == 8 * EACH
        assert engine.verify() == []
