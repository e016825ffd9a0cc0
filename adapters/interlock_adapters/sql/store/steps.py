"""What jobs have done and do not do again, and signals to them."""

from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Any, Final

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql, sqlite

from interlock.core.errors import InterlockError, InvalidToken, JobNotFound
from interlock.core.guards import refusal
from interlock.core.job import Job, Move
from interlock.core.lifecycle import Event
from interlock.core.records import SIGNAL, SignalInfo, Step
from interlock_adapters.sql.schema import tables
from interlock_adapters.sql.schema.row_rules import RUNNING, found_in
from interlock_adapters.sql.schema.tables import job
from interlock_adapters.sql.statements import rows
from interlock_adapters.sql.store import dependencies
from interlock_adapters.sql.store.database import Database

_STEP: Final = tables.step.c
_SIGNAL: Final = tables.signal.c
_NAMES: Final = tuple(Step.__dataclass_fields__)
_KEY: Final = ("job_id", "kind", "name", "use")
_OF_SIGNAL: Final = tuple(SignalInfo.__dataclass_fields__)
Write = Callable[[sa.Connection, Sequence[Move]], Sequence[Job | InterlockError]]


class Steps:
    """See `interlock.ports.steps`."""

    def __init__(self, database: Database, write: Write) -> None:
        self._db = database
        self._write = write

    def get(self, job_id: str, kind: str, name: str, use: str) -> Step | None:
        """See `Steps.get`."""
        with self._db.read() as connection:
            found = connection.execute(_one_step(job_id, kind, name, use))
            row = found.mappings().first()
        return None if row is None else Step(**row)

    def put(self, step: Step) -> bool:
        """See `Steps.put`."""
        return self._db.repeated(lambda connection: self._put(connection, step))

    def _put(self, connection: sa.Connection, step: Step) -> bool:
        """Store a step while its job's row is locked: nobody ends the attempt."""
        if not self._is_current(connection, step.job_id, step.attempt):
            return False
        if step.kind != "saved":
            key = (getattr(step, name) for name in _KEY)
            done = connection.execute(_one_step(*key)).mappings().first()
            if done is not None:
                Step(**done).refuse_other(step)
                return True
        values = {name: getattr(step, name) for name in _NAMES}
        values["at"] = self._db.present(connection)
        is_postgres = self._db.flavor.is_postgres
        insert = postgresql.insert if is_postgres else sqlite.insert
        new: Any = insert(tables.step).values(values)
        if step.kind == "saved":
            changed = {name: values[name] for name in ("attempt", "at", "value")}
            new = new.on_conflict_do_update(index_elements=_KEY, set_=changed)
        connection.execute(new)
        return True

    def _is_current(self, connection: sa.Connection, job_id: str, attempt: int) -> bool:
        """Whether an attempt has the job; until the transaction ends it keeps it."""
        clock, epoch = self._db.dialect.lease_clock()
        lease_now: Any = clock
        if clock is None:
            lease_now = sa.literal_column(str(self._db.flavor.lease_now))
        leased = (job.c.lease_until_us > lease_now) & (job.c.lease_epoch == epoch)
        held = (
            sa.select(job.c.id)
            .where(job.c.id == job_id, job.c.attempt == attempt, leased)
            .where(sa.text(found_in(RUNNING, "interlock_job.")))
            .with_for_update(read=True)
        )
        return connection.execute(held).first() is not None

    def wait_for(self, job_id: str, ids: Sequence[str], *, attempt: int) -> int | None:
        """See `Steps.wait_for`."""

        def write(connection: sa.Connection) -> int | None:
            if not self._is_current(connection, job_id, attempt):
                return None
            return dependencies.wait_for(
                connection, job_id, ids, attempt, self._db.flavor
            )

        return self._db.repeated(write)

    def all(self, job_id: str, *, limit: int = 1000) -> list[Step]:
        """See `Steps.all`."""
        query = sa.select(tables.step).where(_STEP.job_id == job_id)
        order = (_STEP.at, _STEP.kind, _STEP.name, _STEP.use)
        found = self._db.rows(query.order_by(*order).limit(limit))
        return [Step(**row) for row in found]

    def send(
        self,
        job_id: str,
        name: str,
        payload: object,
        *,
        by: str,
        now: datetime,
        once: bool = False,
    ) -> Job:
        """See `Steps.send`. The job's row is locked: it cannot begin to wait."""

        def write(connection: sa.Connection) -> Job:
            query = sa.select(job).where(job.c.id == job_id).with_for_update()
            row = connection.execute(query).mappings().first()
            if row is None:
                raise JobNotFound(job_id)
            found, waits_for = rows.to_job(row, now=now), SIGNAL + name
            if once and _has_sent(connection, job_id, by):
                raise InvalidToken
            move = _wake(job_id, name, now, by)
            if found.is_terminal:
                raise refusal(move, found, lease_live=False)
            values = {"job_id": job_id, "name": name, "payload": payload, "by": by}
            at = self._db.present(connection)
            connection.execute(sa.insert(tables.signal).values(**values, at=at))
            if found.waits_for != waits_for:
                return found
            (outcome,) = self._write(connection, [move])
            return outcome if isinstance(outcome, Job) else found

        return self._db.repeated(write)

    def take(self, job_id: str, name: str, *, attempt: int) -> SignalInfo | None:
        """See `Steps.take`."""
        oldest = (
            sa.select(tables.signal)
            .where(_SIGNAL.job_id == job_id, _SIGNAL.name == name)
            .where(_SIGNAL.read_by.is_(None))
            .order_by(_SIGNAL.number)
            .limit(1)
        )

        def write(connection: sa.Connection) -> SignalInfo | None:
            row = connection.execute(oldest.with_for_update()).mappings().first()
            if row is None:
                return None
            read = sa.update(tables.signal).where(_SIGNAL.number == row["number"])
            connection.execute(read.values(read_by=attempt))
            return _to_signal({**row, "read_by": attempt})

        return self._db.repeated(write)

    def signals(self, job_id: str, *, limit: int = 1000) -> list[SignalInfo]:
        """See `Steps.signals`."""
        query = sa.select(tables.signal).where(_SIGNAL.job_id == job_id)
        found = self._db.rows(query.order_by(_SIGNAL.number).limit(limit))
        return [_to_signal(row) for row in found]


def _has_sent(connection: sa.Connection, job_id: str, by: str) -> bool:
    """Whether a job has a signal of a sender. The row of the job is locked."""
    sent = sa.select(_SIGNAL.number).where(_SIGNAL.job_id == job_id, _SIGNAL.by == by)
    return connection.execute(sent.limit(1)).first() is not None


def _to_signal(row: Any) -> SignalInfo:
    return SignalInfo(**{name: row[name] for name in _OF_SIGNAL})


def _wake(job_id: str, name: str, now: datetime, by: str) -> Move:
    return Move(
        job_id=job_id,
        event=Event.WAKE,
        now=now,
        actor=by,
        text=f"signal {name!r}",
        waits_for=SIGNAL + name,
    )


def _one_step(*key: str) -> sa.Select[Any]:
    same = (_STEP[name] == value for name, value in zip(_KEY, key, strict=True))
    return sa.select(tables.step).where(*same)


def come_already(
    connection: sa.Connection, waiting: Sequence[Job], now: datetime
) -> list[Move]:
    """Return the moves that wake jobs whose signal came while they gave themselves up.

    The rows of these jobs are locked: who sends a signal now waits, and finds them.
    """
    moves = []
    for each in waiting:
        name = str(each.waits_for).removeprefix(SIGNAL)
        unread = (
            sa.select(_SIGNAL.by)
            .where(_SIGNAL.job_id == each.id, _SIGNAL.name == name)
            .where(_SIGNAL.read_by.is_(None))
            .order_by(_SIGNAL.number)
            .limit(1)
        )
        by = connection.execute(unread).scalar()
        if by is not None:
            moves.append(_wake(each.id, name, now, by))
    return moves
