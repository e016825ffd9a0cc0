"""Applies moves: one guarded UPDATE for all of an event, or a recorded refusal."""

from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import replace
from functools import partial

import sqlalchemy as sa

from interlock.core.errors import InterlockError, JobNotFound
from interlock.core.finalizing import is_due
from interlock.core.guards import NOT_MOVES, refusal
from interlock.core.job import Job, Move
from interlock.core.lifecycle import INITIAL, Event, Reason, row_of
from interlock_adapters.sql.schema import tables
from interlock_adapters.sql.statements import move_facts, rows, updates
from interlock_adapters.sql.store import (
    dependencies,
    finalizers,
    openings,
    parking,
    steps,
)
from interlock_adapters.sql.store.candidates import HOLD
from interlock_adapters.sql.store.database import Database
from interlock_adapters.sql.store.reads import ONE


def causes_of(
    connection: sa.Connection, moves: Sequence[Move], database: Database
) -> dict[str, int]:
    """Lock and return the causes that go away with moves, before they are written."""
    leaving = {m.job_id for m in moves if not row_of(m.event).is_internal}
    if not leaving:
        return {}
    return parking.freed_by(connection, sorted(leaving), database.flavor)


def write(
    connection: sa.Connection, moves: Sequence[Move], database: Database
) -> list[Job | InterlockError]:
    """Apply moves in their order, or refuse them; then see to what depends on them."""
    outcomes, parents = _write(connection, moves, database)
    if parents:
        end, now = partial(ending, connection, database), database.present(connection)
        dependencies.follow(connection, parents, database.flavor, end, now)
    stored = [job for job in outcomes if isinstance(job, Job)]
    finalized = [
        job
        for move, job in zip(moves, outcomes, strict=True)
        if isinstance(job, Job) and is_due(job, move)
    ]
    if finalized:
        finalizers.submit(connection, finalized, database)
    blocked = [job.id for job in stored if _waits_for_jobs(job)]
    blocked += [job.id for job in finalized if job.status is INITIAL]
    if blocked:
        now = database.present(connection)
        dependencies.settle(connection, blocked, database.flavor, now)
    waiting = [job for job in stored if job.waits_for]
    if waiting:
        now = database.present(connection)
        _write(connection, steps.come_already(connection, waiting, now), database)
    ends = {
        f"{HOLD}job:{job.id}": job.hold_until
        for move, job in zip(moves, outcomes, strict=True)
        if move.event is Event.HOLD and isinstance(job, Job) and job.hold_until
    }
    openings.note(connection.execute, ends)
    return outcomes


def _waits_for_jobs(job: Job) -> bool:
    return job.status is INITIAL and job.reason is Reason.CHILDREN


def ending(
    connection: sa.Connection, database: Database, moves: Sequence[Move]
) -> list[dependencies.Ended]:
    """Apply moves; return the jobs that have ended and that other jobs go by."""
    return _write(connection, moves, database)[1] if moves else []


def _write(
    connection: sa.Connection, moves: Sequence[Move], database: Database
) -> tuple[list[Job | InterlockError], list[dependencies.Ended]]:
    """Apply moves; return the outcomes, and what `ending` returns."""
    outcomes: list[Job | InterlockError] = []
    parents: list[dependencies.Ended] = []
    for some in _runs(moves):
        outcomes += _write_some(connection, some, database, parents)
    return outcomes, parents


def _write_some(
    connection: sa.Connection,
    moves: Sequence[Move],
    database: Database,
    parents: list[dependencies.Ended],
) -> list[Job | InterlockError]:
    """Apply moves of different jobs; refuse those that their UPDATE left out."""
    now, epoch = database.dialect.lease_clock()
    facts_by_event = defaultdict(list)
    for move in moves:
        if move.event not in NOT_MOVES:
            facts_by_event[move.event].append(
                move_facts.of_move(move, lease_now=now, lease_epoch=epoch)
            )
    done: dict[str, Job] = {}
    for event, each in facts_by_event.items():
        given = move_facts.parameter(each, database.flavor)
        found = connection.execute(updates.move(event, database.flavor), given)
        for row in found.mappings():
            job = done[row["id"]] = rows.to_job(row, now=moves[0].now)
            if row.get("is_parent") or row.get("has_children"):
                parents.append(dependencies.Ended(job, row["event_reason"]))
    return [
        done.get(move.job_id) or _refuse(connection, move, database) for move in moves
    ]


def _refuse(
    connection: sa.Connection, move: Move, database: Database
) -> InterlockError:
    """Record why a move was refused, and return the error."""
    found = connection.execute(ONE, {"job_id": move.job_id})
    row = found.mappings().first()
    if row is None:
        return JobNotFound(move.job_id)
    now, epoch = database.lease_now(connection)
    live = row["lease_epoch"] == epoch and (row["lease_until_us"] or 0) > now
    judged = _by_its_clock(connection, move, database)
    error = refusal(judged, rows.to_job(row, now=judged.now), lease_live=live)
    connection.execute(
        sa.insert(tables.rejection).values(
            job_id=move.job_id,
            event=move.event.value,
            status=row["status"],
            at=move.now,
            actor=move.actor,
            attempt=move.attempt,
            why=str(error),
        )
    )
    return error


def _by_its_clock(connection: sa.Connection, move: Move, database: Database) -> Move:
    """Return a move with the times by which the database has judged it."""
    if database.flavor.now is None:
        return move
    now = database.present(connection)
    run_at = None if move.run_at is None else now + (move.run_at - move.now)
    return replace(move, now=now, run_at=run_at)


def _runs(moves: Sequence[Move]) -> Iterator[list[Move]]:
    """Yield the moves in order, in groups in which each job occurs once."""
    run: list[Move] = []
    ids: set[str] = set()
    for move in moves:
        if move.job_id in ids:
            yield run
            run, ids = [], set()
        run.append(move)
        ids.add(move.job_id)
    if run:
        yield run
