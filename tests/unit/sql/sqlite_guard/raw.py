"""Somebody with a connection of their own to the store's file."""

import sqlite3
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Final

import pytest

from interlock.core.job import Job
from interlock.core.lifecycle import INITIAL, Counter, Event, JobStatus, row_of
from interlock.testing.scenario import Scenario
from interlock_adapters.sql.schema import triggers
from pace import THOROUGH

GUARDED = tuple(f"interlock_{name}" for name in triggers.TABLES)
SUBMITTED: Final = (
    *("id", "name", "queue", "params", "priority", "timeout_s", "grace_s"),
    *("created_at", "expires_at", "deadline_at", "stalled_after_s"),
    *("max_attempts", "retry_on_timeout", "retry"),
    *("max_losses", "unique_key", "idempotency_key", "submitted_by", "metadata"),
    *("rerun_of", "parent_id", "keys", "when_full", "fair_key", "aging_s"),
    *("schedule", "scheduled_for", "dependencies", "on_parent_failure"),
    *("on_parent_cancel", "finalizer", "finalizes", "secret"),
    *("group_id", "group_index"),
)
#: Columns that only say how the last write was made, or when the next claim may look.
FREE: Final = {
    "urgency",
    "turn",
    "next_age_at",
    "blocked_by",
    "held_by",
    "progress",
    "event",
    "event_at",
    "event_reason",
    "actor",
} | {
    "write_seq",
    "write_attempt",
    "write_proof",
}
_RUNNING = row_of(Event.CLAIM).target


def other(value: object) -> object:
    """Return something else of about the same kind."""
    if value is None:
        return 1
    return value + 1 if isinstance(value, int | float) else f"{value}x"


class Raw:
    """Raw SQL, beside the store that `scene` uses."""

    #: Of what the table refuses, one in so many is tried: no divisor of the pairs of
    #: target and event, so that all get a turn.
    every = 8 if THOROUGH else 17

    def __init__(self, path: Path, scene: Scenario) -> None:
        self.path = path
        self.scene = scene
        self.connection = sqlite3.connect(path, isolation_level=None)
        self.connection.row_factory = sqlite3.Row

    def run(self, sql: str, *values: object) -> int:
        """Run one statement; return how many rows it changed."""
        return self.connection.execute(sql, values).rowcount

    def rows(self, sql: str, *values: object) -> list[dict[str, object]]:
        return [dict(row) for row in self.connection.execute(sql, values)]

    def row(self, job: Job) -> dict[str, object]:
        (row,) = self.rows("SELECT * FROM interlock_job WHERE id = ?", job.id)
        return row

    def dump(self) -> dict[str, list[dict[str, object]]]:
        return {table: self.rows(f"SELECT * FROM {table}") for table in GUARDED}

    def refuse(self, sql: str, *values: object, why: str = "") -> None:
        """Assert that the database refuses a statement and changes nothing."""
        before = self.dump()
        with pytest.raises(sqlite3.IntegrityError, match=f"interlock: .*{why}"):
            self.run(sql, *values)
        assert self.dump() == before

    def accepts(self, sql: str, *values: object) -> bool:
        """Whether the database would run a statement; it is undone."""
        with self.undone():
            try:
                return self.run(sql, *values) > 0
            except sqlite3.IntegrityError:
                return False

    @contextmanager
    def undone(self) -> Iterator[None]:
        """Undo what happens inside."""
        self.run("BEGIN IMMEDIATE")
        try:
            yield
        finally:
            if self.connection.in_transaction:
                self.run("ROLLBACK")

    def insert(self, row: Mapping[str, object], verb: str = "INSERT") -> str:
        """Return a statement that inserts a row into `job`."""
        columns = ", ".join(row)
        marks = ", ".join("?" * len(row))
        return f"{verb} INTO interlock_job ({columns}) VALUES ({marks})"

    def close(self) -> None:
        self.connection.close()


def move(
    event: str, target: JobStatus, *, token: bool = True, verb: str = "UPDATE"
) -> str:
    """Return the UPDATE of somebody who does all that a move must do."""
    row = row_of(Event(event)) if event in set(Event) else None
    counts = row.counts if row else None
    values = {
        "status": f"'{target}'",
        "event": f"'{event}'",
        "finished_at": "1" if target.is_terminal else "NULL",
        **{c.value: f"{c} + {int(c is counts)}" for c in Counter},
        "lease_until_us": "1" if target is _RUNNING else "NULL",
        "lease_epoch": "'boot'" if target is _RUNNING else "NULL",
        "worker_id": "NULL" if target is INITIAL else "'w1'",
        "stop_cause": "NULL" if target is INITIAL else "stop_cause",
    }
    if event == Event.CLAIM:
        values["started_at"] = "1"
    if event == Event.SNOOZE:
        values |= {"reason": "'snoozed'", "error": "NULL"}
    if event == Event.CANCEL:
        values |= {"cancel_requested_at": "1", "cancel_requested_by": "'me'"}
    if target.is_terminal:
        values["proof"] = f"CASE status WHEN '{_RUNNING}' THEN 'inline' END"
    if token:
        attempt = f"attempt + {int(counts is Counter.ATTEMPT)}"
        values |= {"write_seq": "write_seq + 1", "write_attempt": attempt}
        values |= {"write_proof": "'inline'", "event_at": "2", "actor": "'engine'"}
    return f"{verb} interlock_job SET " + ", ".join(
        f"{k} = {v}" for k, v in values.items()
    )
