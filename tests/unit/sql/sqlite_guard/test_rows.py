"""No statement changes what a job's row must keep."""

from typing import Final

import pytest

from interlock.core.job import Job
from interlock.core.lifecycle import (
    EDGES,
    SUBMIT,
    Counter,
    Event,
    JobStatus,
    Proof,
    StopCause,
    row_of,
)
from interlock.core.retry import Retry
from interlock.testing.guard_cases import met
from interlock.testing.scenario import ROADS

from .raw import FREE, SUBMITTED, Raw, move, other

LIVE: Final = (SUBMIT, Event.CLAIM)
ENDED: Final = tuple(r for r in ROADS if r not in LIVE)


def _changeable(raw: Raw, job: Job) -> set[str]:
    """Return the columns that can be changed by hand."""
    sql = "UPDATE interlock_job SET {} = ? WHERE id = ?"
    return {
        column
        for column, value in raw.row(job).items()
        if raw.accepts(sql.format(column), other(value), job.id)
    }


def test_an_ended_job_never_changes_in_any_column(raw: Raw) -> None:
    for job in [raw.scene.after(road) for road in ENDED]:
        assert _changeable(raw, job) == set()
    raw.refuse(
        "UPDATE OR REPLACE interlock_job SET status = status", why="never changes"
    )


@pytest.mark.parametrize("road", LIVE)
def test_a_live_job_changes_only_by_its_events(raw: Raw, road: str) -> None:
    job = raw.scene.after(road)
    assert set(SUBMITTED) < set(raw.row(job))
    assert _changeable(raw, job) <= FREE


def test_a_key_is_never_moved_to_another_job(raw: Raw) -> None:
    raw.scene.add("a", unique_key="u", idempotency_key="i")
    raw.scene.add("b", unique_key="v", idempotency_key="j")
    for verb in ("UPDATE", "UPDATE OR REPLACE", "UPDATE OR IGNORE"):
        for column in ("id", "unique_key", "idempotency_key"):
            taken = f"(SELECT {column} FROM interlock_job WHERE id = 'a')"
            raw.refuse(f"{verb} interlock_job SET {column} = {taken} WHERE id = 'b'")


def test_no_counter_is_refunded_or_skips(raw: Raw) -> None:
    job = raw.scene.running(retry=Retry(max_attempts=9))
    raw.scene.apply(job, Event.RETRY, proof=Proof.INLINE)
    (job,) = raw.scene.claim(job.name)
    raw.scene.apply(job, Event.RESCUE, domain_empty=True)
    raw.scene.claim(job.name)
    token = "write_seq = write_seq + 1, write_attempt = attempt"
    for counter in Counter:
        for change in ("- 1", "+ 1", "+ 2", "- 2"):
            raw.refuse(
                f"UPDATE interlock_job SET {counter} = {counter} {change}, {token}"
            )
        for row in (row for row in EDGES if row.source is JobStatus.RUNNING):
            right = f"{counter} = {counter} + {int(row.counts is counter)}"
            legal = move(row.event, row.target)
            assert right in legal
            for change in ("- 1", "+ 2", f"+ {int(row.counts is not counter)}"):
                raw.refuse(legal.replace(right, f"{counter} = {counter} {change}"))


def test_an_accepted_cancel_is_never_taken_back_or_rewritten(raw: Raw) -> None:
    job = raw.scene.running()
    raw.scene.apply(job, Event.REQUEST_CANCEL)
    token = ", write_seq = write_seq + 1, write_attempt = attempt"
    for values in (
        "cancel_requested_at = NULL",
        "cancel_requested_at = 5",
        "cancel_requested_by = 'bob'",
        "cancel_reason = NULL",
        "cancel_requested_at = 5, cancel_requested_by = 'b', cancel_reason = 'c'",
    ):
        for event in ("request_cancel", "cancel", "renew"):
            raw.refuse(f"UPDATE interlock_job SET event = '{event}', {values}{token}")
    back = move(Event.RELEASE, JobStatus.PENDING)
    raw.refuse(f"{back}, cancel_requested_at = NULL")


def test_a_waiting_job_is_not_asked_to_cancel(raw: Raw) -> None:
    raw.scene.add()
    raw.refuse(
        "UPDATE interlock_job SET event = 'request_cancel', cancel_requested_at = 1"
    )
    raw.refuse("UPDATE interlock_job SET cancel_requested_by = 'b'")


def test_a_stop_is_the_attempts_and_written_once(raw: Raw) -> None:
    raw.scene.running()
    token = "write_seq = write_seq + 1, write_attempt = attempt"
    stop = "UPDATE interlock_job SET event = 'stop', stop_cause = 'SHUTDOWN'"
    raw.refuse(stop)
    raw.refuse(f"{stop}, write_seq = write_seq + 1, write_attempt = attempt - 1")
    raw.refuse(f"{stop.replace('stop', 'renew', 1)}, {token}")
    assert raw.run(f"{stop}, {token}") == 1
    for value in ("NULL", "'TIMEOUT'", "'CANCEL'"):
        raw.refuse(
            f"UPDATE interlock_job SET event = 'stop', stop_cause = {value}, {token}"
        )
    assert raw.scene.store.verify() == []


def test_a_stop_has_one_of_the_causes(raw: Raw) -> None:
    raw.scene.running()
    token = "write_seq = write_seq + 1, write_attempt = attempt"
    assert "BOREDOM" not in set(StopCause)
    raw.refuse(
        f"UPDATE interlock_job SET event = 'stop', stop_cause = 'BOREDOM', {token}"
    )


def test_a_lease_moves_only_by_its_attempts_renewal(raw: Raw) -> None:
    raw.scene.running()
    longer = "UPDATE interlock_job SET lease_until_us = lease_until_us + 1"
    raw.refuse(longer)
    raw.refuse(f"{longer}, event = 'renew'")
    raw.refuse(f"{longer}, event = 'renew', write_seq = write_seq + 1, write_attempt=0")
    token = "event = 'renew', write_seq = write_seq + 1, write_attempt = attempt"
    raw.refuse(f"UPDATE interlock_job SET worker_id = 'w2', {token}")
    raw.refuse(f"UPDATE interlock_job SET lease_until_us = NULL, {token}")
    assert raw.run(f"{longer}, {token}") == 1


def test_a_waiting_job_is_not_leased(raw: Raw) -> None:
    raw.scene.add()
    raw.refuse(
        "UPDATE interlock_job SET lease_until_us = 1, lease_epoch = 'x',"
        " event = 'renew', write_seq = write_seq + 1,"
        " write_attempt = attempt, worker_id = 'w'"
    )


def test_a_kill_that_is_not_confirmed_keeps_the_reaper_out(raw: Raw) -> None:
    raw.scene.running()
    raw.refuse("UPDATE interlock_job SET kill_unconfirmed = 1")
    token = "write_seq = write_seq + 1, write_attempt = attempt"
    assert raw.run(f"UPDATE interlock_job SET kill_unconfirmed = 1, {token}") == 1
    raw.refuse("UPDATE interlock_job SET kill_unconfirmed = 0")
    for event in (Event.RESCUE, Event.GIVE_UP, Event.CANCEL_LOST):
        raw.refuse(move(event, row_of(event).target))


def test_a_job_that_goes_back_keeps_nothing_of_its_attempt(raw: Raw) -> None:
    row = row_of(Event.RELEASE)
    raw.scene.arrange(row, next(met(row)))
    back = move(row.event, row.target)
    for column in ("stop_cause", "lease_until_us", "lease_epoch"):
        raw.refuse(back.replace(f"{column} = NULL", f"{column} = {column}"))
    raw.refuse(f"{back}, proof = 'inline'")
    raw.refuse(f"{back}, result = '1'")
    assert raw.run(back) == 1


def test_the_token_counts_by_one(raw: Raw) -> None:
    raw.scene.running()
    for number in ("write_seq - 1", "write_seq + 2", "0", "-1"):
        raw.refuse(
            f"UPDATE interlock_job SET write_seq = {number}",
            why="write_seq must grow by one",
        )


@pytest.mark.parametrize("road", LIVE)
def test_a_live_job_is_not_deleted(raw: Raw, road: str) -> None:
    raw.scene.after(road)
    raw.refuse("DELETE FROM interlock_job", why="only terminal jobs can be deleted")


def test_a_proof_and_an_outcome_come_only_with_the_end(raw: Raw) -> None:
    raw.scene.running()
    token = "write_seq = write_seq + 1, write_attempt = attempt"
    for event in (Event.RENEW, Event.STOP, Event.SUCCEED):
        named = f"event = '{event}', {token}"
        raw.refuse(f"UPDATE interlock_job SET proof = '{Proof.INLINE}', {named}")
        raw.refuse(f"UPDATE interlock_job SET result = '1', {named}")
        raw.refuse(f"UPDATE interlock_job SET finished_at = 1, {named}")
