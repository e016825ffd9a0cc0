"""What an attempt used: one statement for all its notes, and shown to people."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import sqlalchemy as sa
from rich.console import Console

from interlock.core.job import Attempt, Job
from interlock.core.records import Note, Started, Used
from interlock.testing.clock import ManualClock
from interlock.testing.scenario import Scene
from interlock_adapters.cli import show
from interlock_adapters.http.dashboard import render
from interlock_adapters.sql.sqlite.sqlite import open_store

NOW = datetime(2026, 1, 1, tzinfo=UTC)


def test_what_started_and_ended_within_a_turn_is_noted_by_one_statement(
    tmp_path: Path,
) -> None:
    clock = ManualClock()
    store = open_store(f"sqlite:///{tmp_path}/jobs.db", clock)
    scene = Scene(store, clock)
    statements: list[tuple[str, int]] = []

    @sa.event.listens_for(store.database.engine, "before_cursor_execute")
    def _count(*call: object) -> None:
        sql, values = call[2:4]
        if str(sql).startswith("UPDATE attempt"):
            statements.append((str(sql)[:14], len(values)))  # type: ignore[arg-type]  # a list

    notes: list[Note] = []
    for name in ("a", "b", "c"):
        job = scene.running(name)
        notes += [
            Started(job_id=job.id, attempt=1, pid=7, containment="group", at=NOW),
            Used(job_id=job.id, attempt=1, cpu_seconds=0.5),
        ]
    store.commit([], notes)
    assert statements == [("UPDATE attempt", 3)]
    assert [store.attempts(name)[0].cpu_seconds for name in ("a", "b", "c")] == [
        0.5
    ] * 3
    store.close()


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


def test_a_size_is_written_for_people() -> None:
    assert [render.size(many) for many in (None, 0, 3 * 2**19)] == [
        "",
        "0.0 MiB",
        "1.5 MiB",
    ]
