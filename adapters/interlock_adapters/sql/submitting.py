"""Insert new jobs, in the store's own transaction or in the caller's."""

from collections.abc import Sequence
from datetime import datetime

import sqlalchemy as sa
from sqlalchemy.orm import Session

from interlock.errors import DuplicateJob, InvalidOption
from interlock.job import Job, NewJob
from interlock_adapters.sql import rows
from interlock_adapters.sql.tables import LIVE, job

_LIVE = [status.value for status in LIVE]


def borrowed(connection: object) -> sa.Connection:
    """Return the caller's connection, also out of its Session; never committed here.

    Raises:
        InvalidOption: it is neither a Connection nor a Session of SQLAlchemy.
    """
    if isinstance(connection, Session):
        return connection.connection()
    if isinstance(connection, sa.Connection):
        return connection
    allowed = "a SQLAlchemy Connection, or a SQLAlchemy or SQLModel Session"
    raise InvalidOption("connection", connection, allowed)


def add(
    connection: sa.Connection, jobs: Sequence[NewJob], *, now: datetime
) -> list[Job]:
    """See `JobStore.add`: all or none, also inside the caller's transaction."""
    try:
        with connection.begin_nested():
            return _add(connection, jobs, now=now)
    except sa.exc.IntegrityError as error:
        taken = job.c.id.in_([new.id for new in jobs])
        row = _first(connection, taken)
        if row is None:
            raise
        raise DuplicateJob("id", row["id"], row["id"], "ids are used once") from error


def _add(
    connection: sa.Connection, jobs: Sequence[NewJob], *, now: datetime
) -> list[Job]:
    placed: dict[str, Job] = {}
    values = []
    for new in jobs:
        existing = _holder(connection, new, now=now)
        if existing is not None:
            placed[new.id] = existing
        elif new.idempotency_key is None and new.unique_key is None:
            values.append(rows.to_row(new, now=now))
        else:  # at once, so that the next one of this batch sees its keys
            connection.execute(sa.insert(job), [rows.to_row(new, now=now)])
    if values:
        connection.execute(sa.insert(job), values)
    return [placed.get(new.id) or as_stored(new, now=now) for new in jobs]


def as_stored(new: NewJob, *, now: datetime) -> Job:
    """Return a job that was just inserted, without reading it back."""
    fields = {name: getattr(new, name) for name in new.__dataclass_fields__}
    return Job(**fields, read_at=now)


def _holder(connection: sa.Connection, new: NewJob, *, now: datetime) -> Job | None:
    """Return the job that this call already made, by its idempotency key.

    Raises:
        DuplicateJob: a key is taken by another call.
    """
    if new.idempotency_key is not None:
        row = _first(connection, job.c.idempotency_key == new.idempotency_key)
        if row is not None and rows.same_call(row, new):
            return rows.to_job(row, now=now)
        if row is not None:
            why = "it has another name or other params"
            raise DuplicateJob("idempotency_key", new.idempotency_key, row["id"], why)
    if new.unique_key is not None:
        live = job.c.status.in_(_LIVE)
        row = _first(connection, job.c.unique_key == new.unique_key, live)
        if row is not None:
            why = f"it is {row['status']}"
            raise DuplicateJob("unique_key", new.unique_key, row["id"], why)
    return None


def _first(
    connection: sa.Connection, *where: sa.ColumnElement[bool]
) -> sa.RowMapping | None:
    return connection.execute(sa.select(job).where(*where)).mappings().first()
