"""Inserts new jobs, in the store's own transaction or in the caller's."""

from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import replace
from datetime import datetime, timedelta
from functools import partial
from operator import attrgetter
from typing import Any, Final

import sqlalchemy as sa

from interlock.core.dependencies import NO_DEPENDENCIES, Dependency, Links
from interlock.core.errors import DuplicateJob
from interlock.core.job import Job, NewJob
from interlock.core.uniqueness import NO_POLICIES, PLAIN, Unique
from interlock_adapters.sql.schema.column_types import UtcDateTime
from interlock_adapters.sql.schema.flavor import POSTGRES, Flavor
from interlock_adapters.sql.schema.held import BY_JOB
from interlock_adapters.sql.schema.row_rules import SUBMITTED
from interlock_adapters.sql.schema.tables import job
from interlock_adapters.sql.statements import rows
from interlock_adapters.sql.store import unique_keys
from interlock_adapters.sql.store.dependencies import insert, refuse_missing
from interlock_adapters.sql.store.limits import refuse_full

_TRIES = 3
_SAME_CALL = "it is in the same call"
_INSERT = sa.insert(job)
_PRESENT = sa.func.clock_timestamp()


def _stamped(name: str) -> sa.ColumnElement[Any]:
    """Return a moment that is given, or the database's own after some time."""
    given = sa.bindparam(f"p_{name}", type_=UtcDateTime())
    after = sa.bindparam(f"p_{name}_in", type_=sa.Interval())
    return sa.func.coalesce(given, _PRESENT + after)


#: The same, stamped by the database: what is to run at once, runs at once by its clock.
_INSERT_NOW = sa.insert(job).values(
    created_at=_PRESENT,
    event_at=_PRESENT,
    run_at=_stamped("run_at"),
    deadline_at=_stamped("deadline_at"),
)


def add(
    connection: sa.Connection,
    jobs: Sequence[NewJob],
    flavor: Flavor,
    *,
    now: datetime,
    unique: Mapping[str, Unique] = NO_POLICIES,
    dependencies: Links = NO_DEPENDENCIES,
    schema: str | None = None,
) -> list[Job]:
    """See `JobStore.add`: every key is looked up before the first row is written.

    Where others write at the same time, one of them may take a key meanwhile: then the
    savepoint is undone, and the one who has it is found. SQLite has one writer, and a
    caller's transaction that its driver may not have begun: no savepoint there.
    `schema`: of the tables, if the connection does not find them by itself.
    """
    execute = connection.execute
    if schema is not None:
        options = {"schema_translate_map": {None: schema}}
        execute = partial(connection.execute, execution_options=options)
    keys = [new.unique_key for new in jobs if new.unique_key is not None]
    tries = _TRIES
    while True:
        tries -= 1
        try:
            with _savepoint(connection):
                unique_keys.lock(execute, keys, flavor)
                refuse_missing(execute, jobs, dependencies)
                plan = _Plan(execute, flavor, unique, now)
                for new in jobs:
                    plan.place(new)
                plan.carry_out(dependencies)
        except sa.exc.IntegrityError as error:
            _refuse_taken_ids(execute, jobs, error)
            if not tries or connection.dialect.name != POSTGRES:
                raise
        else:
            return [plan.places[new.id] for new in jobs]


def add_alone(
    write: Callable[[sa.Executable, Sequence[Mapping[str, object]]], object],
    new: NewJob,
    *,
    now: datetime,
    flavor: Flavor,
) -> Job | None:
    """Insert one job by one statement that commits by itself: one round trip.

    Returns:
        The job, or None if that takes more: a key is to be looked up, or the id is
        taken. Nothing was stored then.
    """
    keys = (new.unique_key, new.idempotency_key)
    if keys != (None, None) or new.when_full == "raise" or new.dependencies:
        return None
    try:
        write(*_insertion([_row(new, PLAIN, now=now)], flavor))
    except sa.exc.IntegrityError:
        return None
    return as_stored(new, now=now)


#: Columns that are NULL where an INSERT does not name them.
_NULLABLE: Final = tuple(
    name for name in (*SUBMITTED, "blocked_by", "held_by") if job.c[name].nullable
)
_VALUES: Final = attrgetter(*SUBMITTED)
_Row = tuple[dict[str, object], timedelta | None]  # and after which time it starts


def _row(new: NewJob, wanted: Unique, *, now: datetime) -> _Row:
    """Return a row to insert. One that starts at once starts so by its database."""
    is_now = wanted.is_delayed or new.run_at == new.created_at
    return rows.to_row(new, now=now), new.run_at - new.created_at if is_now else None


def _insertion(
    values: Sequence[_Row], flavor: Flavor
) -> tuple[sa.Insert, Sequence[dict[str, object]]]:
    """Return the INSERT of rows, and its parameters."""
    _leave_out_nulls([row for row, _ in values])
    if flavor.now is None:
        return _INSERT, [row for row, _ in values]
    stamped = []
    for row, delay in values:
        created: Any = row.pop("created_at")
        del row["event_at"]
        for name in ("run_at", "deadline_at"):
            moment: Any = row.pop(name, None)
            is_relative = delay is not None and moment is not None
            row[f"p_{name}"] = None if is_relative else moment
            row[f"p_{name}_in"] = moment - created if is_relative else None
        stamped.append(row)
    return _INSERT_NOW, stamped


def _leave_out_nulls(inserted: Sequence[dict[str, object]]) -> None:
    """Remove what is NULL in all rows, as most options are: to bind them costs most."""
    for name in _NULLABLE:
        if all(row[name] is None for row in inserted):
            for row in inserted:
                del row[name]


def _savepoint(connection: sa.Connection) -> AbstractContextManager[object]:
    postgres = connection.dialect.name == POSTGRES
    return connection.begin_nested() if postgres else nullcontext()


class _Plan:
    """What to write for some new jobs: all is looked up before the first row."""

    def __init__(
        self,
        execute: unique_keys.Execute,
        flavor: Flavor,
        unique: Mapping[str, Unique],
        now: datetime,
    ) -> None:
        self.places: dict[str, Job] = {}  # the job that stands for each id
        self._execute = execute
        self._flavor = flavor
        self._unique = unique
        self._now = now
        self._keys: dict[tuple[str, str], NewJob] = {}
        self._steps: list[tuple[NewJob, Job | None]] = []  # and which it replaces

    def place(self, new: NewJob) -> None:
        """Find out what becomes of a job.

        Raises:
            DuplicateJob: a key is taken by another call.
        """
        existing, old = self._by_idempotency_key(new), None
        if existing is None and new.unique_key is not None:
            existing, old = self._by_unique_key(new)
        if existing is None:
            if new.when_full == "raise":
                refuse_full(self._execute, new)
            self._steps.append((new, old))
        self.places[new.id] = existing or as_stored(new, now=self._now)

    def carry_out(self, dependencies: Links) -> None:
        """Write it."""
        values: list[_Row] = []
        for new, old in self._steps:
            if old is not None:
                self._insert(values)  # it may be among them
                values = []
                ended = unique_keys.replace(
                    self._execute, old, new, self._flavor, now=self._now
                )
                self.places |= {old.id: ended} if old.id in self.places else {}
            row, delay = _row(new, self._wanted(new), now=self._now)
            for edge in dependencies.get(new.id, ()):
                if self._is_new(edge.parent_id):  # nobody ends it before we commit
                    row |= {"blocked_by": edge.parent_id, "held_by": BY_JOB}
            values.append((row, delay))
        self._insert(values)
        if dependencies:
            edges = [
                edge for new, _ in self._steps for edge in dependencies.get(new.id, ())
            ]
            insert(self._execute, self._placed(edges))
        for new, _ in self._steps:
            kept = self._wanted(new).kept
            if kept is not None and self._keys.get(_unique(new)) is new:
                unique_keys.keep(self._execute, new, kept, self._flavor, now=self._now)

    def _is_new(self, job_id: str) -> bool:
        """Whether a job is inserted by this call."""
        job = self.places.get(job_id)
        return job is not None and job.id == job_id and not job.is_terminal

    def _placed(self, edges: Sequence[Dependency]) -> list[Dependency]:
        """Return dependencies on the jobs that stand for those of this call."""
        return [
            replace(edge, parent_id=self.places[edge.parent_id].id)
            if edge.parent_id in self.places
            else edge
            for edge in edges
        ]

    def _insert(self, values: Sequence[_Row]) -> None:
        if values:
            self._execute(*_insertion(values, self._flavor))

    def _wanted(self, new: NewJob) -> Unique:
        return self._unique.get(new.id, PLAIN)

    def _by_idempotency_key(self, new: NewJob) -> Job | None:
        """Return the job that this call already made.

        Raises:
            DuplicateJob: the key belongs to another call.
        """
        key = new.idempotency_key
        if key is None:
            return None
        other = self._keys.setdefault(("idempotency_key", key), new)
        if other is not new:
            if rows.same_call(as_row(other), new):
                return self.places[other.id]
            raise DuplicateJob("idempotency_key", key, other.id, _SAME_CALL)
        found = self._execute(sa.select(job).where(job.c.idempotency_key == key))
        row = found.mappings().first()
        if row is not None and rows.same_call(row, new):
            return rows.to_job(row, now=self._now)
        if row is not None:
            why = "it has another name or other params"
            raise DuplicateJob("idempotency_key", key, row["id"], why)
        return None

    def _by_unique_key(self, new: NewJob) -> tuple[Job | None, Job | None]:
        """Return the job that stands for this one, and the one that it replaces.

        Raises:
            DuplicateJob: the key belongs to another job.
        """
        wanted, other = self._wanted(new), self._keys.get(_unique(new))
        if other is None:
            found, gives_way = unique_keys.holder(
                self._execute, new, wanted, self._flavor, now=self._now
            )
            if found is None or gives_way:
                self._keys[_unique(new)] = new
            return (None, found) if gives_way else (found, None)
        if wanted.returns:
            return self.places[other.id], None
        if wanted.replaces:
            self._keys[_unique(new)] = new
            return None, self.places[other.id]
        raise DuplicateJob("unique_key", str(new.unique_key), other.id, _SAME_CALL)


def _unique(new: NewJob) -> tuple[str, str]:
    return "unique_key", str(new.unique_key)


def _refuse_taken_ids(
    execute: unique_keys.Execute, jobs: Sequence[NewJob], error: sa.exc.IntegrityError
) -> None:
    ids = [new.id for new in jobs]
    row = _first(execute, job.c.id.in_(ids))
    twice = [i for i in ids if ids.count(i) > 1]
    taken = [str(row["id"])] if row is not None else twice
    if taken:
        raise DuplicateJob("id", taken[0], taken[0], "ids are used once") from error


def as_row(new: NewJob) -> dict[str, object]:
    """Return what `same_call` compares."""
    return {"name": new.name, "params": new.params}


def as_stored(new: NewJob, *, now: datetime) -> Job:
    """Return a job that was just inserted, without reading it back."""
    return Job(**dict(zip(SUBMITTED, _VALUES(new), strict=True)), read_at=now)


def _first(
    execute: unique_keys.Execute, *where: sa.ColumnElement[bool]
) -> sa.RowMapping | None:
    return execute(sa.select(job).where(*where)).mappings().first()
