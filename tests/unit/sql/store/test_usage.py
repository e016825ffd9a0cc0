"""What attempts used is noted by one statement."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import sqlalchemy as sa

from interlock.core.records import Note, Started, Used
from interlock.testing.clock import ManualClock
from interlock.testing.scenario import Scenario
from interlock_adapters.sql.sqlite.sqlite import open_store

NOW = datetime(2026, 1, 1, tzinfo=UTC)


def test_what_started_and_ended_within_a_turn_is_noted_by_one_statement(
    tmp_path: Path,
) -> None:
    clock = ManualClock()
    store = open_store(f"sqlite:///{tmp_path}/jobs.db", clock)
    scene = Scenario(store, clock)
    statements: list[tuple[str, int]] = []

    @sa.event.listens_for(store.database.engine, "before_cursor_execute")
    def _count(*call: object) -> None:
        sql, values = call[2:4]
        if str(sql).startswith("UPDATE interlock_attempt"):
            statements.append((str(sql)[:24], len(values)))  # type: ignore[arg-type]  # a list

    notes: list[Note] = []
    for name in ("a", "b", "c"):
        job = scene.running(name)
        notes += [
            Started(job_id=job.id, attempt=1, pid=7, containment="group", at=NOW),
            Used(job_id=job.id, attempt=1, cpu_seconds=0.5),
        ]
    store.commit([], notes)
    assert statements == [("UPDATE interlock_attempt", 3)]
    assert [store.attempts(name)[0].cpu_seconds for name in ("a", "b", "c")] == [
        0.5
    ] * 3
    store.close()
