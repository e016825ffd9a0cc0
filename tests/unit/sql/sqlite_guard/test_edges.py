"""No UPDATE takes a job along an edge that the table does not have."""

from itertools import count, product

import pytest

from interlock.core.guards import Facts, holds
from interlock.core.job import Job
from interlock.core.lifecycle import (
    EDGES,
    TABLE,
    Event,
    Guard,
    JobStatus,
    StopCause,
    Transition,
    Who,
    row_of,
)
from interlock.testing.guard_cases import Situation, met, unmet
from interlock.testing.scenario import ROADS

from .raw import Raw, move

#: What only a clock can tell, and SQLite's triggers have none.
CLOCKED = {
    *(Guard.DUE, Guard.FRESH, Guard.OVERDUE, Guard.LEASED, Guard.LOST),
    *(Guard.BEFORE_DEADLINE, Guard.DEADLINE_MISSED),
}
EVENTS = (*Event, "submit", "bogus", "", "SUCCEED")


def _cases(raw: Raw) -> list[tuple[Job, Situation]]:
    """Return a job of every kind: each status, each guard met, each one not met."""
    scene = raw.scene
    plain = Situation()
    made = [(scene.after(road), plain) for road in ROADS]
    # The claims of a later case would end a job that another one has failed for.
    for row in sorted(EDGES, key=lambda row: row.event is Event.ABANDON):
        spoiled = [case for _, case in unmet(row)]
        made += [(scene.arrange(row, case), case) for case in (*spoiled, *met(row))]
    return [(scene.store.get(job.id), case) for job, case in made]


def _allows(row: Transition, job: Job, case: Situation, *, token: bool) -> bool:
    """Whether the table allows it, as far as a row can show the guards."""
    if row.source is not job.status or (row.who is not Who.CLIENT and not token):
        return False
    if row.who is Who.REAPER and case.unconfirmed:  # the part of LOST that a row shows
        return False
    facts = Facts(
        now=job.read_at,
        attempt=job.attempt,
        proved=True,
        gave_back=row.event is Event.SNOOZE,
        run_at=job.run_at,
        queue_open=not case.paused,
        group_free=not case.group_held,
        slot_free=not case.full,
        rate_free=not case.used_up,
        parents_done=case.parents_done,
        children_ended=case.children_ended,
        parent_failed=case.parent_failed,
    )
    visible = [guard for guard in row.guards if guard not in CLOCKED]
    return all(holds(guard, job, facts) for guard in visible)


@pytest.mark.parametrize("token", [False, True], ids=["bare", "token"])
def test_only_what_the_table_allows_passes(raw: Raw, *, token: bool) -> None:
    passed, allowed, turn = [], [], count()
    for job, case in _cases(raw):
        for target, event in product(JobStatus, EVENTS):
            if job.status is target:
                continue
            row = row_of(Event(event)) if event in set(Event) else None
            edge = row is not None and row.target is target
            if row and edge and _allows(row, job, case, token=token):
                allowed.append((job.status, event, target, case))
            elif next(turn) % raw.every:
                continue
            sql = move(event, target, token=token) + " WHERE id = ?"
            if raw.accepts(sql, job.id):
                passed.append((job.status, event, target, case))
    assert passed == allowed
    own = [row for row in EDGES if token or row.who is Who.CLIENT]
    assert {case[:3] for case in passed} == {
        (row.source, row.event, row.target) for row in own
    }


def test_a_legal_move_by_hand_is_logged_and_leaves_the_job_sound(raw: Raw) -> None:
    store = raw.scene.store
    for row in EDGES:
        job = raw.scene.arrange(row, next(met(row)))
        assert raw.run(move(row.event, row.target) + " WHERE id = ?", job.id) == 1
        assert store.get(job.id).status is row.target
        last = store.history(job.id)[-1]
        edge = (last.event, last.source, last.target, last.actor)
        assert edge == (row.event, row.source, row.target, "engine")
    assert store.verify() == []


def test_no_conflict_clause_gets_around_the_table(raw: Raw) -> None:
    jobs = [raw.scene.after(road) for road in ROADS]
    for clause in ("IGNORE", "REPLACE", "ABORT", "FAIL", "ROLLBACK"):
        verb = f"UPDATE OR {clause}"
        for job, target in product(jobs, JobStatus):
            if job.status is not target:
                sql = move(Event.SUCCEED, target, token=False, verb=verb)
                raw.refuse(f"{sql} WHERE id = '{job.id}'")


def test_a_status_that_is_none_is_refused(raw: Raw) -> None:
    raw.scene.add()
    for status in ("", "pending", "DONE", "RUNNING "):
        raw.refuse("UPDATE interlock_job SET status = ?, event = 'claim'", status)


def test_one_illegal_row_refuses_the_whole_statement(raw: Raw) -> None:
    raw.scene.add()
    raw.scene.running()
    cancel = move(Event.CANCEL, JobStatus.CANCELED, token=False)
    raw.refuse(cancel, why="illegal transition")
    assert raw.run(cancel + " WHERE status = 'PENDING'") == 1


def test_a_stale_attempt_is_refused_even_without_a_where(raw: Raw) -> None:
    job = raw.scene.running()
    raw.scene.apply(job, Event.STOP, stop_cause=StopCause.SHUTDOWN)
    raw.scene.after(Event.RELEASE)  # and others are not touched by it either
    raw.scene.clock.advance(60)
    raw.scene.apply(job, Event.RESCUE)
    raw.scene.claim(job.name)
    for row in TABLE:
        if Guard.HELD in row.guards and not row.is_internal:
            stale = move(row.event, row.target).replace(
                "write_attempt = attempt + 0", "write_attempt = 1"
            )
            assert "write_attempt = 1" in stale
            raw.refuse(stale)


def test_a_cancel_by_hand_is_accepted_and_logged_as_such(raw: Raw) -> None:
    job = raw.scene.add()
    raw.run(
        "UPDATE interlock_job SET status = 'CANCELED', event = 'cancel',"
        " finished_at = 1, reason = 'before_start', cancel_requested_at = 1,"
        " cancel_requested_by = 'me', cancel_reason = 'typo' WHERE id = ?",
        job.id,
    )
    canceled = raw.scene.store.get(job.id)
    assert canceled.cancel_outcome == "canceled"
    assert (canceled.cancel_requested_by, canceled.cancel_reason) == ("me", "typo")
    last = raw.scene.store.history(job.id)[-1]
    assert (last.event, last.actor, last.reason) == (Event.CANCEL, "sql", None)
    assert raw.scene.store.verify() == []


def test_a_request_by_hand_is_accepted_and_logged_as_such(raw: Raw) -> None:
    job = raw.scene.running()
    asked = "UPDATE interlock_job SET event = 'request_cancel', cancel_requested_at = 1"
    assert raw.run(asked) == 1
    last = raw.scene.store.history(job.id)[-1]
    assert (last.event, last.actor) == (Event.REQUEST_CANCEL, "sql")
    assert [x.job_id for x in raw.scene.store.cancels("w1")] == [job.id]
    assert raw.scene.store.verify() == []


def test_a_cancel_by_hand_without_its_fields_is_refused(raw: Raw) -> None:
    raw.scene.add()
    raw.refuse(
        "UPDATE interlock_job SET status = 'CANCELED', event = 'cancel',"
        " finished_at = 1"
    )


def test_a_cancel_by_hand_with_times_that_cannot_be_read_is_refused(raw: Raw) -> None:
    raw.scene.add()
    raw.refuse(
        "UPDATE interlock_job SET status = 'CANCELED', event = 'cancel',"
        " finished_at = datetime('now'), cancel_requested_at = datetime('now')"
    )
