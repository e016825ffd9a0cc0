"""What becomes of jobs that do not want to wait where a limit is full.

`cancel_new` drops the job. `replace` lets the newest win: it asks for the cancel of the
oldest that run, and waits for their slots, so for the proof that they are dead; older
ones that wait are dropped.
"""

from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from datetime import datetime
from typing import Final

import sqlalchemy as sa

from interlock.core.job import Move
from interlock.core.lifecycle import Event, JobStatus, Reason
from interlock_adapters.sql.schema.held import PARKED
from interlock_adapters.sql.schema.tables import job as table
from interlock_adapters.sql.schema.tables import slot
from interlock_adapters.sql.store.candidates import KEY, RATE, Candidate, Facts

_MOST: Final = 500  # older ones that are dropped in a transaction
_WAITING: Final = sa.text(
    f"SELECT id FROM interlock_job WHERE {PARKED} AND held_by = :cause"
    " AND when_full = 'replace' ORDER BY id DESC LIMIT :many"
)
#: By whom jobs are dropped and replaced.
ACTOR: Final = "limit"
Write = Callable[[Sequence[Move]], object]


def settle(
    connection: sa.Connection, facts: Facts, write: Write, now: datetime
) -> None:
    """Drop or replace for jobs that were just parked on a full limit."""
    newest_first = sorted(facts.candidates, key=lambda job: job.id, reverse=True)
    replacing: set[str] = set()
    for job in newest_first:
        cause = facts.cause(job)
        if cause is None or not job.may_drop or not cause.startswith((KEY, RATE)):
            continue
        key = cause.partition(":")[2]
        if job.when_full == "cancel_new":
            write([_drop(job.id, Reason.FULL, f"the limit {key!r} is full", now)])
        elif cause.startswith(KEY) and cause not in replacing:
            replacing.add(cause)
            write(_replace(connection, job, key, facts, now))


def _drop(job_id: str, reason: Reason, words: str, now: datetime) -> Move:
    event, text = Event.DROP, f"{reason}: {words}"
    return Move(
        job_id=job_id, event=event, now=now, actor=ACTOR, reason=reason, text=text
    )


def _replace(
    connection: sa.Connection, job: Candidate, key: str, facts: Facts, now: datetime
) -> list[Move]:
    """Return the moves by which the newest job of a key takes the place of others."""
    given = {"cause": KEY + key, "many": _MOST}
    waiting = list(connection.execute(_WAITING, given).scalars())
    columns = slot.c.job_id, table.c.cancel_requested_at
    taken = (
        sa.select(*columns)
        .join(table, table.c.id == slot.c.job_id)
        .where(slot.c.key == key, table.c.status != JobStatus.PENDING.value)
    )
    rows = connection.execute(taken).all()
    newest = max([*waiting, *(row.job_id for row in rows)], default=job.id)
    moves = [
        _drop(job_id, Reason.REPLACED, f"by job {newest}, for {key!r}", now)
        for job_id in waiting
        if job_id < newest
    ]
    if newest != job.id:
        return moves  # a later one runs, or waits
    weight = next(weight for each, _, weight in job.keys if each == key)
    needed = weight - len(facts.free.get(key, ()))
    slots = Counter(row.job_id for row in rows)
    needed -= sum(row.cancel_requested_at is not None for row in rows)
    living = sorted({row.job_id for row in rows if row.cancel_requested_at is None})
    for holder in living:
        if needed <= 0:
            break
        moves.append(_cancel(holder, job.id, key, now))
        needed -= slots[holder]
    return moves


def _cancel(holder: str, job_id: str, key: str, now: datetime) -> Move:
    text = f"replaced by job {job_id}, for {key!r}"
    event = Event.REQUEST_CANCEL
    return Move(job_id=holder, event=event, now=now, actor=ACTOR, text=text)


def wanted(jobs: Iterable[Candidate]) -> bool:
    """Whether any of some jobs does not want to wait."""
    return any(job.may_drop for job in jobs)
