"""One UPDATE an event, generated from the table and built once.

`WHERE id AND status = source AND guards`, `SET` what the table says, `RETURNING` the
row. SQLAlchemy Core on the SQLModel tables; the ORM's unit of work costs 370 us instead
of 50 and would read, change in Python and write back blindly.
"""

from functools import cache

import sqlalchemy as sa

from interlock.lifecycle import INITIAL, TERMINAL, Event, Guard, Who, row_of
from interlock_adapters.sql import guard
from interlock_adapters.sql.columns import JsonText, UtcDateTime
from interlock_adapters.sql.tables import RUNNING, SUCCEEDED, attempt, job, log

_WHEN = UtcDateTime()


def _param(name: str, type_: object = None) -> sa.BindParameter[object]:
    return sa.bindparam(f"p_{name}", type_=type_)  # type: ignore[arg-type]  # TypeEngine


def _typed(condition: str) -> sa.TextClause:
    """Return the SQL with its `:p_now` bound as a time."""
    text = sa.text(condition)
    if ":p_now" in condition:
        text = text.bindparams(_param("now", _WHEN))
    return text


def _token(event: Event, attempt: object) -> dict[str, object]:
    return {
        "event": event.value,
        "event_at": _param("now", _WHEN),
        "event_reason": _param("why"),
        "actor": _param("actor"),
        "write_seq": job.c.write_seq + 1,
        "write_attempt": attempt,
        "write_proof": _param("proof"),
    }


def _outcome(event: Event) -> dict[str, object]:
    """Return what leaving RUNNING writes beside the status."""
    row = row_of(event)
    values: dict[str, object] = {
        "lease_until_us": None,
        "lease_epoch": None,
        "kill_unconfirmed": False,
        "reason": _param("reason"),
        "exit_code": _param("exit_code"),
        "exit_signal": _param("exit_signal"),
        "error": _param("error", JsonText),
    }
    if row.target == INITIAL:
        due = _param("run_at", _WHEN)
        values |= {"stop_cause": None, "proof": None, "worker_id": None}
        values |= {"run_at": due, "ready": _param("ready"), "progress": None}
    else:
        values["proof"] = _param("proof")
    if row.target == SUCCEEDED:
        values["result"] = _param("result", JsonText)
    return values


def _canceled() -> dict[str, object]:
    return {
        "cancel_requested_at": _param("now", _WHEN),
        "cancel_requested_by": _param("actor"),
        "cancel_reason": _param("words"),
    }


@cache
def move(event: Event) -> sa.UpdateBase:
    """Return the UPDATE of any event but `claim` and `renew`."""
    row = row_of(event)
    values = _token(event, _param("attempt"))
    values["status"] = row.target.value
    if row.counts:
        values[row.counts.value] = job.c[row.counts.value] + 1
    if row.source == RUNNING and not row.is_internal:
        values |= _outcome(event)
    if row.target in TERMINAL:
        values["finished_at"] = _param("now", _WHEN)
        values["reason"] = _param("reason")
    if row.who is Who.CLIENT:
        values |= _canceled()
    if event is Event.STOP:
        values["stop_cause"] = _param("stop_cause")
    where = _typed(guard.where(event))
    return (
        sa.update(job)
        .where(job.c.id == _param("job_id"), where)
        .values(values)
        .returning(*job.c)
    )


@cache
def claim() -> sa.UpdateBase:
    """Return the UPDATE that claims the chosen ids; the slots were counted before."""
    where = _typed(guard.where(Event.CLAIM, skip=frozenset({Guard.SLOT_FREE})))
    values = _token(Event.CLAIM, job.c.attempt + 1)
    values |= {"event_reason": None, "write_proof": None, "progress": None}
    values |= {
        "status": RUNNING.value,
        "attempt": job.c.attempt + 1,
        "started_at": _param("now", _WHEN),
        "worker_id": _param("worker_id"),
        "lease_until_us": _param("lease_until"),
        "lease_epoch": _param("lease_epoch"),
        "reason": None,
        "error": None,
        "exit_code": None,
        "exit_signal": None,
    }
    ids: sa.BindParameter[list[str]] = sa.bindparam("p_ids", expanding=True)
    return (
        sa.update(job).where(job.c.id.in_(ids), where).values(values).returning(*job.c)
    )


@cache
def renew() -> sa.UpdateBase:
    """Return the UPDATE that extends one lease and tells whether to cancel."""
    where = _typed(guard.where(Event.RENEW))
    return (
        sa.update(job)
        .where(job.c.id == _param("job_id"), job.c.worker_id == _param("worker"), where)
        .values(
            event=Event.RENEW.value,
            write_seq=job.c.write_seq + 1,
            write_attempt=job.c.attempt,
            write_proof=None,
            lease_until_us=_param("lease_until"),
        )
        .returning(job.c.id, job.c.attempt, job.c.cancel_requested_at)
    )


@cache
def log_line() -> sa.Insert:
    """Return the INSERT of a log line of a job that is still there."""
    columns = [log.c[name] for name in ("job_id", "attempt", "at", "stream", "text")]
    values = (sa.cast(_param(c.name, c.type), c.type) for c in columns)
    there = sa.exists().where(job.c.id == _param("job_id"))
    return sa.insert(log).from_select(columns, sa.select(*values).where(there))


@cache
def started() -> sa.Update:
    """Return the UPDATE of an attempt whose process runs; an ended one stays."""
    table = attempt.c
    return (
        sa.update(attempt)
        .where(
            table.job_id == _param("job_id"),
            table.attempt == _param("attempt"),
            table.outcome.is_(None),
        )
        .values(
            pid=_param("pid"),
            containment=_param("containment"),
            started_at=_param("at", _WHEN),
        )
    )
