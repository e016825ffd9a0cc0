"""History, attempts and the lifecycle are written by the job's own changes alone."""

import sqlite3
from itertools import product

import pytest

from interlock.core.lifecycle import Event, JobStatus
from interlock.testing.scenario import ROADS

from .raw import Raw, move

HISTORY = "interlock_history (job_id, seq, event, source, target, at, actor, attempt)"


@pytest.mark.parametrize("verb", ["INSERT", "INSERT OR REPLACE", "INSERT OR IGNORE"])
def test_nothing_is_added_to_a_history_by_hand(raw: Raw, verb: str) -> None:
    insert = f"{verb} INTO {HISTORY} VALUES (?, ?, ?, ?, ?, 1, 'x', ?)"
    added = []
    for job in [raw.scene.after(road) for road in ROADS]:
        last = len(raw.scene.store.history(job.id))
        for event, seq, source, attempt in product(
            (*Event, "submit"),
            (last, last + 1, last + 2),
            (job.status, None, JobStatus.PENDING),
            (job.attempt, 99),
        ):
            entry = (job.id, seq, event, source, job.status, attempt)
            if raw.accepts(insert, *entry):
                added.append(entry)
    assert added == []


def test_no_history_begins_without_a_job(raw: Raw) -> None:
    values = "('nobody', 1, 'submit', NULL, 'PENDING', 1, 'x', 0)"
    raw.refuse(f"INSERT INTO {HISTORY} VALUES {values}")


def test_a_history_is_never_changed(raw: Raw) -> None:
    jobs = [raw.scene.after(road) for road in ROADS]
    for column in raw.rows("SELECT * FROM interlock_history")[0]:
        for verb in ("UPDATE", "UPDATE OR REPLACE", "UPDATE OR IGNORE"):
            raw.refuse(f"{verb} interlock_history SET {column} = 7", why="append-only")
    for job in jobs:
        raw.refuse(
            "DELETE FROM interlock_history WHERE job_id = ?",
            job.id,
            why="only after their job",
        )


def test_records_may_go_when_their_job_is_gone(raw: Raw) -> None:
    job = raw.scene.after(Event.SUCCEED)
    raw.run("DELETE FROM interlock_job WHERE id = ?", job.id)
    (fault,) = raw.scene.store.verify()
    assert fault.what == "has a history but no row"
    for table in ("history", "attempt"):
        assert raw.run(f"DELETE FROM interlock_{table} WHERE job_id = ?", job.id) > 0


@pytest.mark.parametrize("leftover", ["history", "attempt"])
def test_an_id_is_not_used_again_while_records_of_it_are_left(
    raw: Raw, leftover: str
) -> None:
    job = raw.scene.after(Event.SUCCEED)
    fresh = raw.row(raw.scene.add()) | {"id": job.id}
    raw.run("DELETE FROM interlock_job WHERE id = ?", job.id)
    for table in {"history", "attempt"} - {leftover}:
        raw.run(f"DELETE FROM interlock_{table} WHERE job_id = ?", job.id)
    raw.refuse(raw.insert(fresh), *fresh.values())


def test_an_attempt_is_not_made_moved_or_removed_by_hand(raw: Raw) -> None:
    job = raw.scene.running()
    new = "INTO interlock_attempt (job_id, attempt, worker_id, claimed_at) VALUES"
    for verb in ("INSERT", "INSERT OR REPLACE", "INSERT OR IGNORE"):
        for number in (0, 1, 2):
            raw.refuse(f"{verb} {new} ('{job.id}', {number}, 'w2', 1)")
        raw.refuse(f"{verb} {new} ('nobody', 1, 'w2', 1)")
    for column in ("job_id", "attempt", "worker_id", "claimed_at"):
        raw.refuse(
            f"UPDATE interlock_attempt SET {column} = 9",
            why="job_id, attempt, worker_id and claimed_at never change",
        )
    raw.refuse("DELETE FROM interlock_attempt")


def test_an_attempt_is_not_ended_by_hand(raw: Raw) -> None:
    job = raw.scene.running()
    written = [
        values
        for values in (
            "outcome = 'succeed'",
            "outcome = 'succeed', ended_at = 1, proof = 'inline'",
            "ended_at = 1",
            "proof = 'inline'",
            "exit_code = 0",
            "exit_signal = 9",
            "error = '{}'",
        )
        if raw.accepts(
            f"UPDATE interlock_attempt SET {values} WHERE job_id = ?", job.id
        )
    ]
    assert written == []


def test_an_ended_attempt_never_changes(raw: Raw) -> None:
    raw.scene.after(Event.SUCCEED)
    for column in raw.rows("SELECT * FROM interlock_attempt")[0]:
        raw.refuse(f"UPDATE interlock_attempt SET {column} = 9")


def test_no_claim_goes_without_its_attempt(raw: Raw) -> None:
    raw.scene.add()
    before = raw.dump()
    for verb in ("UPDATE", "UPDATE OR REPLACE", "UPDATE OR IGNORE"):
        claim = move(Event.CLAIM, JobStatus.RUNNING, verb=verb)
        with raw.undone():
            raw.run(claim)
            assert len(raw.rows("SELECT * FROM interlock_attempt")) == 1
        for lacking in ("started_at = 1", "worker_id = 'w1'"):
            column = lacking.split()[0]
            with pytest.raises(sqlite3.IntegrityError):
                raw.run(claim.replace(lacking, f"{column} = NULL"))
            assert raw.dump() == before


def test_the_lifecycle_table_is_sealed(raw: Raw) -> None:
    row = "('succeed', 'PENDING', 'SUCCEEDED', 'worker')"
    for verb in ("INSERT", "INSERT OR REPLACE", "REPLACE"):
        raw.refuse(f"{verb} INTO interlock_lifecycle VALUES {row}", why="read-only")
    raw.refuse("UPDATE interlock_lifecycle SET source = 'PENDING'", why="read-only")
    raw.refuse("DELETE FROM interlock_lifecycle", why="read-only")
