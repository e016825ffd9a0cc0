"""No INSERT makes a job with a past, or takes the place or the key of another."""

from itertools import product
from typing import Final

from interlock.core.lifecycle import SUBMIT, JobStatus
from interlock.testing.scenario import ROADS

from .raw import FREE, SUBMITTED, Raw, other

REPLACE: Final = ("REPLACE", "INSERT OR REPLACE", "INSERT OR IGNORE", "INSERT OR FAIL")


def test_a_new_job_has_nothing_that_only_an_event_gives(raw: Raw) -> None:
    row = raw.row(raw.scene.add()) | {"id": "new"}
    given = set(row) - set(SUBMITTED) - FREE - {"status", "run_at"}
    accepted = set()
    for column in given | {"event", "write_seq"}:
        values = row | {column: other(row[column])}
        if raw.accepts(raw.insert(values), *values.values()):
            accepted.add(column)
    assert accepted == set()


def test_a_new_job_is_pending(raw: Raw) -> None:
    row = raw.row(raw.scene.add()) | {"id": "new"}
    for status in set(JobStatus) - {JobStatus.PENDING}:
        born = {"finished_at": 1} if status.is_terminal else {}
        values = row | {"status": status.value} | born
        raw.refuse(raw.insert(values), *values.values(), why="must be PENDING")
    run = {"status": "RUNNING", "worker_id": "w", "lease_until_us": 1}
    values = row | run | {"lease_epoch": "x"}
    raw.refuse(raw.insert(values), *values.values(), why="must be PENDING")
    assert raw.run(raw.insert(row), *row.values()) == 1
    assert raw.scene.store.history("new")[0].event == SUBMIT
    assert raw.scene.store.verify() == []


def test_no_insert_takes_the_place_of_a_job(raw: Raw) -> None:
    fresh = raw.row(raw.scene.add())
    for job, verb in product([raw.scene.after(road) for road in ROADS], REPLACE):
        new = fresh | {"id": job.id}
        raw.refuse(raw.insert(new, verb), *new.values(), why="the id is taken")
        same = raw.row(job)
        raw.refuse(raw.insert(same, verb), *same.values())


def test_no_insert_takes_a_key_from_a_job(raw: Raw) -> None:
    raw.scene.running("a", unique_key="u", idempotency_key="i")
    row = raw.row(raw.scene.add()) | {"id": "b"}
    for key, value in (("unique_key", "u"), ("idempotency_key", "i")):
        for verb in REPLACE:
            new = row | {key: value}
            raw.refuse(raw.insert(new, verb), *new.values(), why=f"{key} is taken")


def test_no_upsert_changes_a_job(raw: Raw) -> None:
    row = raw.row(raw.scene.running("a", unique_key="u"))
    fresh = raw.row(raw.scene.add())
    upsert = " ON CONFLICT DO UPDATE SET status = 'SUCCEEDED', finished_at = 1"
    for values in (row, fresh | {"id": "a"}, fresh | {"id": "b", "unique_key": "u"}):
        raw.refuse(raw.insert(values) + upsert, *values.values())
