"""The sheet of a job says what each attempt used."""

from __future__ import annotations

from datetime import UTC, datetime

from rich.console import Console

from interlock.core.job import Attempt, Job
from interlock_adapters.cli import show

NOW = datetime(2026, 1, 1, tzinfo=UTC)


def test_show_says_what_each_attempt_used() -> None:
    job = Job(id="j", name="n", params={}, created_at=NOW, run_at=NOW, parent_id="p")
    one = Attempt(job_id="j", attempt=1, worker_id="w", claimed_at=NOW)
    two = Attempt(
        job_id="j",
        attempt=2,
        worker_id="w",
        claimed_at=NOW,
        peak_memory_bytes=3 * 2**19,
        cpu_seconds=0.25,
    )
    console = Console(width=200)
    with console.capture() as shown:
        console.print(show.job_sheet(job, [one, two], "why"))
    lines = [" ".join(line.split()) for line in shown.get().splitlines()]
    assert "parent_id p" in lines
    assert [line for line in lines if line.startswith("attempt ")] == [
        "attempt 2 peak memory 1.5 MiB, CPU time 0.25 s",
    ]
