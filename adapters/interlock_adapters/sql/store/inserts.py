"""Inserts new jobs, in the store's own transaction or in the caller's."""

from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from datetime import datetime
from functools import partial
from typing import Any

import sqlalchemy as sa

from interlock.core.errors import DuplicateJob
from interlock.core.job import Job, NewJob
from interlock_adapters.sql.schema.column_types import UtcDateTime
from interlock_adapters.sql.schema.flavor import POSTGRES
from interlock_adapters.sql.schema.row_rules import LIVE
from interlock_adapters.sql.schema.tables import job
from interlock_adapters.sql.statements import rows
from interlock_adapters.sql.store.limits import refuse_full

_TRIES = 3
_Execute = Callable[..., sa.CursorResult[Any]]  # of a connection
_INSERT = sa.insert(job)
_PRESENT = sa.func.clock_timestamp()
_GIVEN = sa.bindparam("p_run_at", type_=UtcDateTime())
#: The same, stamped by the database: what is to run at once, runs at once by its clock.
_INSERT_NOW = sa.insert(job).values(
    created_at=_PRESENT, event_at=_PRESENT, run_at=sa.func.coalesce(_GIVEN, _PRESENT)
)
_LIVE = [status.value for status in LIVE]


def add(
    connection: sa.Connection,
    jobs: Sequence[NewJob],
    *,
    now: datetime,
    schema: str | None = None,
    is_own_clock: bool = False,
) -> list[Job]:
    """See `JobStore.add`: every key is looked up before the first row is written.

    Where others write at the same time, one of them may take a key meanwhile: then the
    savepoint is undone, and the one who has it is found. SQLite has one writer, and a
    caller's transaction that its driver may not have begun: no savepoint there.
    `schema`: of the tables, if the connection does not find them by itself.
    `is_own_clock`: the database stamps the jobs.
    """
    execute = connection.execute
    if schema is not None:
        options = {"schema_translate_map": {None: schema}}
        execute = partial(connection.execute, execution_options=options)
    tries = _TRIES
    while True:
        tries -= 1
        places, values = _places(execute, jobs, now=now)
        try:
            with _savepoint(connection):
                if values:
                    execute(*_insertion(values, is_own_clock=is_own_clock))
        except sa.exc.IntegrityError as error:
            _refuse_taken_ids(execute, jobs, error)
            if not tries or connection.dialect.name != POSTGRES:
                raise
        else:
            return [places[new.id] for new in jobs]


def add_alone(
    write: Callable[[sa.Executable, Sequence[Mapping[str, object]]], object],
    new: NewJob,
    *,
    now: datetime,
    is_own_clock: bool,
) -> Job | None:
    """Insert one job by one statement that commits by itself: one round trip.

    Returns:
        The job, or None if that takes more: a key is to be looked up, or the id is
        taken. Nothing was stored then.
    """
    keys = (new.unique_key, new.idempotency_key)
    if keys != (None, None) or new.when_full == "raise":
        return None
    try:
        write(*_insertion([rows.to_row(new, now=now)], is_own_clock=is_own_clock))
    except sa.exc.IntegrityError:
        return None
    return as_stored(new, now=now)


def _insertion(
    values: Sequence[dict[str, object]], *, is_own_clock: bool
) -> tuple[sa.Insert, Sequence[dict[str, object]]]:
    """Return the INSERT of rows, and its parameters."""
    if not is_own_clock:
        return _INSERT, values
    for row in values:
        created, run_at = row.pop("created_at"), row.pop("run_at")
        del row["event_at"]
        row["p_run_at"] = None if run_at == created else run_at
    return _INSERT_NOW, values


def _savepoint(connection: sa.Connection) -> AbstractContextManager[object]:
    postgres = connection.dialect.name == POSTGRES
    return connection.begin_nested() if postgres else nullcontext()


def _places(
    execute: _Execute, jobs: Sequence[NewJob], *, now: datetime
) -> tuple[dict[str, Job], list[dict[str, object]]]:
    """Return the job that stands for each id, and the rows to insert."""
    places: dict[str, Job] = {}
    keys: dict[tuple[str, str], NewJob] = {}
    values = []
    for new in jobs:
        existing = _in_batch(keys, new, now=now) or _holder(execute, new, now=now)
        if existing is None:
            if new.when_full == "raise":
                refuse_full(execute, new)
            values.append(rows.to_row(new, now=now))
        places[new.id] = existing or as_stored(new, now=now)
    return places, values


def _refuse_taken_ids(
    execute: _Execute, jobs: Sequence[NewJob], error: sa.exc.IntegrityError
) -> None:
    ids = [new.id for new in jobs]
    row = _first(execute, job.c.id.in_(ids))
    twice = [i for i in ids if ids.count(i) > 1]
    taken = [str(row["id"])] if row is not None else twice
    if taken:
        raise DuplicateJob("id", taken[0], taken[0], "ids are used once") from error


def _in_batch(
    keys: dict[tuple[str, str], NewJob], new: NewJob, *, now: datetime
) -> Job | None:
    """Return the job of the same batch that this call makes already.

    Raises:
        DuplicateJob: a key is taken by another call of the batch.
    """
    for name in ("idempotency_key", "unique_key"):
        key = getattr(new, name)
        if key is None:
            continue
        other = keys.setdefault((name, key), new)
        if other is new:
            continue
        if name == "idempotency_key" and rows.same_call(as_row(other), new):
            return as_stored(other, now=now)
        raise DuplicateJob(name, key, other.id, "it is in the same call")
    return None


def as_row(new: NewJob) -> dict[str, object]:
    """Return what `same_call` compares."""
    return {"name": new.name, "params": new.params}


def as_stored(new: NewJob, *, now: datetime) -> Job:
    """Return a job that was just inserted, without reading it back."""
    fields = {name: getattr(new, name) for name in new.__dataclass_fields__}
    return Job(**fields, read_at=now)


def _holder(execute: _Execute, new: NewJob, *, now: datetime) -> Job | None:
    """Return the job that this call already made, by its idempotency key.

    Raises:
        DuplicateJob: a key is taken by another call.
    """
    if new.idempotency_key is not None:
        row = _first(execute, job.c.idempotency_key == new.idempotency_key)
        if row is not None and rows.same_call(row, new):
            return rows.to_job(row, now=now)
        if row is not None:
            why = "it has another name or other params"
            raise DuplicateJob("idempotency_key", new.idempotency_key, row["id"], why)
    if new.unique_key is not None:
        live = job.c.status.in_(_LIVE)
        row = _first(execute, job.c.unique_key == new.unique_key, live)
        if row is not None:
            why = f"it is {row['status']}"
            raise DuplicateJob("unique_key", new.unique_key, row["id"], why)
    return None


def _first(execute: _Execute, *where: sa.ColumnElement[bool]) -> sa.RowMapping | None:
    return execute(sa.select(job).where(*where)).mappings().first()
