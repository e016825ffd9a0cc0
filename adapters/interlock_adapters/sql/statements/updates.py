"""The UPDATE of each event, generated from the lifecycle table and built once.

`WHERE id AND status = source AND guards`, `SET` what the table says, `RETURNING` the
row. SQLAlchemy Core on the SQLModel tables; the ORM's unit of work costs 370 us instead
of 50 and would read, change in Python and write back blindly.
"""

from functools import cache
from typing import Any

import sqlalchemy as sa

from interlock.core.lifecycle import (
    CANCELS,
    INITIAL,
    TERMINAL,
    Event,
    JobStatus,
    Who,
    row_of,
)
from interlock_adapters.sql.schema import guard_sql
from interlock_adapters.sql.schema.column_types import UtcDateTime
from interlock_adapters.sql.schema.flavor import Flavor
from interlock_adapters.sql.schema.row_rules import RUNNING, SUCCEEDED
from interlock_adapters.sql.schema.tables import attempt, job, log
from interlock_adapters.sql.statements import claiming, linking, move_facts

_WHEN = UtcDateTime()
_CANCELED = row_of(Event.CANCEL).target
#: What is known of an attempt only once it runs, and then of its end.
ATTEMPT_NOTED = (
    *("pid", "containment", "started_at", "peak_memory_bytes", "cpu_seconds"),
)


def _param(name: str, type_: object = None) -> sa.BindParameter[Any]:
    return sa.bindparam(f"p_{name}", type_=type_)  # type: ignore[arg-type]  # TypeEngine


def _fact(name: str) -> sa.ColumnClause[Any]:
    return sa.literal_column(f"fact.{name}", move_facts.COLUMNS[name])


def _token(event: Event) -> dict[str, object]:
    return {"event": event.value, "write_seq": job.c.write_seq + 1}


def _event_columns(event: Event) -> dict[str, object]:
    """Return the columns that every move writes: who, when, why, and its token."""
    return _token(event) | {
        "event_at": _fact("now"),
        "event_reason": _fact("why"),
        "actor": _fact("actor"),
        "write_attempt": _fact("attempt"),
        "write_proof": _fact("proof"),
    }


def _outcome(event: Event) -> dict[str, object]:
    """Return the columns that leaving RUNNING writes, in addition to the status."""
    row = row_of(event)
    values: dict[str, object] = {
        "lease_until_us": None,
        "lease_epoch": None,
        "kill_unconfirmed": False,
        "reason": _fact("reason"),
        "exit_code": _fact("exit_code"),
        "exit_signal": _fact("exit_signal"),
        "error": _fact("error"),
        "death": _fact("death"),
    }
    if row.target == INITIAL:
        values |= {"stop_cause": None, "proof": None, "worker_id": None}
        values |= {
            "run_at": _fact("run_at"),
            "held_by": _fact("held_by"),
            "progress": None,
        }
    else:
        values["proof"] = _fact("proof")
    if row.target == SUCCEEDED:
        values["result"] = _fact("result")
    return values


def _canceled() -> dict[str, object]:
    return {
        "cancel_requested_at": _fact("now"),
        "cancel_requested_by": _fact("actor"),
        "cancel_reason": _fact("words"),
    }


def _hold(*, is_held: bool) -> dict[str, object]:
    return {
        "hold_by": _fact("actor") if is_held else None,
        "hold_reason": _fact("words") if is_held else None,
        "hold_until": _fact("until") if is_held else None,
        "held_by": "hold:job:" + job.c.id if is_held else None,
    }


def _woken() -> sa.ColumnElement[Any]:
    """Return why a job that is woken is not worth a look: a hold of it stays."""
    return sa.case((job.c.hold_by.is_not(None), job.c.held_by))


@cache
def move(event: Event, flavor: Flavor) -> sa.UpdateBase:
    """Return the UPDATE of any event but `claim` and `renew`."""
    row = row_of(event)
    values = _event_columns(event)
    values["status"] = row.target.value
    if row.counts:
        values[row.counts.value] = job.c[row.counts.value] + 1
    if row.source == RUNNING and not row.is_internal:
        values |= _outcome(event)
    returned: list[Any] = list(job.c)
    if row.target in TERMINAL:
        values |= {"finished_at": _fact("now"), "reason": _fact("reason")}
        values |= {"blocked_by": None, "waits_for": None}
        returned += _followed(row.target, flavor)
    if event in CANCELS:
        values |= _canceled()
    if event in (Event.HOLD, Event.RELEASE_HOLD):
        values |= _hold(is_held=event is Event.HOLD)
    if row.target == INITIAL and not row.is_internal:
        values["waits_for"] = _fact("waits_for")  # None, but for a snooze
    if event is Event.WAKE:
        values |= {"waits_for": None, "run_at": _fact("now"), "held_by": _woken()}
    if event is Event.STOP:
        values["stop_cause"] = _fact("stop_cause")
    update = _update(event, values, flavor)
    if row.who is Who.CLIENT:
        version = _fact("version")
        update = update.where(version.is_(None) | (version == job.c.write_seq))
    return update.returning(*returned)


def _followed(target: JobStatus, flavor: Flavor) -> list[Any]:
    """Return whether other jobs go by the end of one."""
    taken = [linking.has_children(flavor)] if target == _CANCELED else []
    return [linking.IS_PARENT, *taken]


def _update(event: Event, values: dict[str, object], flavor: Flavor) -> sa.Update:
    where = sa.text(guard_sql.where(event, guard_sql.move_facts(flavor), flavor))
    which = job.c.id == move_facts.table(flavor).c.job_id
    return sa.update(job).where(which, where).values(values)


def _lease_until(
    flavor: Flavor, now: sa.ColumnElement[Any], lease_us: sa.ColumnElement[Any]
) -> sa.ColumnElement[Any]:
    clock = flavor.lease_now
    if clock is None:
        return now + lease_us
    return sa.literal_column(clock, sa.BigInteger()) + lease_us


@cache
def claim(flavor: Flavor, *, alone: bool, is_locking: bool) -> sa.UpdateBase:
    """Return the UPDATE that claims the chosen ids; their slots are taken already.

    Args:
        flavor: of the database.
        alone: of those that wait for no other job, and have no attempt yet.
        is_locking: lock the best `:many` of `:ids` first that nobody else has, and
            claim these; else `:p_ids` are claimed.
    """
    now, lease_us = (_param(x, sa.BigInteger()) for x in ("lease_now", "lease_us"))
    guards = guard_sql.where(Event.CLAIM, guard_sql.CLAIM_FACTS, flavor, alone=alone)
    where = sa.text(guards)
    where = where.bindparams(_param("now", _WHEN))
    values = _token(Event.CLAIM) | {
        "event_at": _param("now", _WHEN),
        "event_reason": None,
        "actor": _param("worker_id"),
        "write_attempt": job.c.attempt + 1,
        "write_proof": None,
        "progress": None,
        "held_by": None,
        "blocked_by": None,
        "waits_for": None,
        "status": RUNNING.value,
        "attempt": job.c.attempt + 1,
        "started_at": _param("now", _WHEN),
        "worker_id": _param("worker_id"),
        "lease_until_us": _lease_until(flavor, now, lease_us),
        "lease_epoch": _param("lease_epoch"),
        "reason": None,
        "error": None,
        "exit_code": None,
        "exit_signal": None,
    }
    ids: Any = sa.bindparam("p_ids", expanding=True)
    if is_locking:
        locked = claiming.locked(flavor, most=True).columns(sa.column("id", sa.Text()))
        ids = sa.select(locked.cte("locked").c.id)
    return (
        sa.update(job).where(job.c.id.in_(ids), where).values(values).returning(*job.c)
    )


@cache
def renew(flavor: Flavor) -> sa.UpdateBase:
    """Return the UPDATE that extends leases, and returns cancel requests."""
    values = _token(Event.RENEW) | {
        "write_attempt": job.c.attempt,
        "write_proof": None,
        "lease_until_us": _lease_until(flavor, _fact("lease_now"), _fact("lease_us")),
    }
    return (
        _update(Event.RENEW, values, flavor)
        .where(job.c.worker_id == _fact("worker"))
        .returning(job.c.id, job.c.attempt, job.c.cancel_requested_at)
    )


@cache
def log_line() -> sa.Insert:
    """Return the INSERT of a log line, if its job still exists."""
    columns = [log.c[name] for name in ("job_id", "attempt", "at", "stream", "text")]
    values = (sa.cast(_param(c.name, c.type), c.type) for c in columns)
    there = sa.exists().where(job.c.id == _param("job_id"))
    return sa.insert(log).from_select(columns, sa.select(*values).where(there))


@cache
def attempt_noted() -> sa.Update:
    """Return the UPDATE of an attempt of which something is known; an ended one stays.

    What a note does not tell stays as it is.
    """
    table = attempt.c
    params = {name: _param(name, table[name].type) for name in ATTEMPT_NOTED}
    return (
        sa.update(attempt)
        .where(
            table.job_id == _param("job_id"),
            table.attempt == _param("attempt"),
            table.outcome.is_(None),
        )
        .values({name: sa.func.coalesce(p, table[name]) for name, p in params.items()})
    )
