"""Jobs that depend on others: parked on one of them, opened or abandoned at its end.

A job is parked on one of those that it waits for (`blocked_by`). Whoever ends that one
finds it, and parks it on another one, opens it or, if it can never start any more,
abandons it: all in the transaction of the end, up to a number. The duty `reopen` does
the rest.
"""

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any, Final, NamedTuple

import sqlalchemy as sa

from interlock.core.dependencies import (
    Dependency,
    Linked,
    Links,
    abandon,
    awaits_itself,
    cancel_child,
    words_of,
)
from interlock.core.errors import InvalidOption
from interlock.core.job import Job, Move, NewJob
from interlock.core.lifecycle import Event, row_of
from interlock_adapters.sql.schema import tables
from interlock_adapters.sql.schema.flavor import Flavor
from interlock_adapters.sql.schema.held import BY_JOB
from interlock_adapters.sql.statements import linking, rows
from interlock_adapters.sql.store import openings, parking
from interlock_adapters.sql.store.database import Database

_MOST: Final = 500  # jobs that are opened or abandoned in a transaction, about
_PARENTS: Final = 100  # looked at by one `reopen`
_SUCCEEDED: Final = row_of(Event.SUCCEED).target
_CANCELED: Final = row_of(Event.CANCEL).target
_DEPENDENCY: Final = tables.dependency.c
Execute = Callable[..., sa.CursorResult[Any]]


class Ended(NamedTuple):
    """A job that has ended, and the reason in the last entry of its history."""

    job: Job
    why: str | None


#: Applies moves; returns the jobs that have ended and that other jobs go by.
End = Callable[[Sequence[Move]], Sequence[Ended]]


def refuse_missing(
    execute: Execute,
    new: Iterable[NewJob],
    dependencies: Links,
) -> None:
    """Refuse dependencies on jobs that do not exist. Those that do are kept.

    Raises:
        InvalidOption: which. Nothing was stored.
    """
    own = {each.id for each in new}
    wanted = {
        edge.parent_id for job_id in own for edge in dependencies.get(job_id, ())
    } - own
    if not wanted:
        return
    ids, found = sorted(wanted), set[str]()
    for start in range(0, len(ids), _MOST):  # below SQLite's limit of bound variables
        some = linking.existing(ids[start : start + _MOST])
        found |= set(execute(some).scalars())
    missing = wanted - found
    if missing:
        allowed = (
            "ids of jobs that exist: there is none with this id. Nothing was stored"
        )
        raise InvalidOption("depends_on", min(missing), allowed)


def insert(execute: Execute, edges: Sequence[Dependency]) -> None:
    """Store the dependencies of new jobs."""
    names = Dependency.__dataclass_fields__
    values = [{name: getattr(edge, name) for name in names} for edge in edges]
    if values:
        execute(sa.insert(tables.dependency), values)


def settle(
    connection: sa.Connection, ids: Collection[str], flavor: Flavor, now: datetime
) -> tuple[dict[str, str], list[Move]]:
    """Park waiting jobs on what they wait for; open them if it is nothing.

    Those that another transaction has locked stay as they are.

    Returns:
        What each is parked on, and the moves that abandon those that can never start.
    """
    given = {"ids": parking.as_list(sorted(ids), flavor)}
    if flavor.is_postgres:
        locked = sorted(connection.execute(linking.locked(flavor), given).scalars())
        given = {"ids": parking.as_list(locked, flavor)}
    found = connection.execute(linking.look(flavor), given).all()
    failed = {row.id: row.failed for row in found if row.failed is not None}
    waits_for = {
        row.id: row.unfinished
        for row in found
        if row.unfinished is not None and row.id not in failed
    }
    if flavor.is_postgres and waits_for:
        alive = connection.execute(
            linking.shared(), {"ids": sorted(set(waits_for.values()))}
        )
        known = set(alive.scalars())
        waits_for = {i: parent for i, parent in waits_for.items() if parent in known}
    parked = [
        {"job_id": row.id, **_place(waits_for.get(row.id), row.run_at, now)}
        for row in found
        if row.id not in failed
    ]
    if parked and flavor.is_postgres:
        lists = {name: [each[name] for each in parked] for name in parked[0]}
        connection.execute(linking.park_all(), lists)
    elif parked:
        connection.execute(linking.park(), parked)
    moves = _abandon(connection, failed, now) if failed else []
    return waits_for, moves


def _place(
    parent_id: str | None, run_at: datetime, now: datetime
) -> dict[str, str | None]:
    """Return where a job waits: for another one, for its time, or for nothing."""
    is_early = "due" if run_at > now else None
    return {"parent_id": parent_id, "cause": BY_JOB if parent_id else is_early}


def _abandon(
    connection: sa.Connection, failed: Mapping[str, str], now: datetime
) -> list[Move]:
    """Return the moves that abandon jobs, each because of another one that failed."""
    words = {
        each.job.id: words_of(*each) for each in _read(connection, failed.values(), now)
    }
    return [
        abandon(job_id, words[parent_id], now)
        for job_id, parent_id in sorted(failed.items())
    ]


def _read(connection: sa.Connection, ids: Iterable[str], now: datetime) -> list[Ended]:
    query = sa.select(tables.job).where(tables.job.c.id.in_(sorted(set(ids))))
    return [
        Ended(rows.to_job(row, now=now), row["event_reason"])
        for row in connection.execute(query).mappings()
    ]


def follow(
    connection: sa.Connection,
    ended: Sequence[Ended],
    flavor: Flavor,
    end: End,
    now: datetime,
) -> None:
    """Open, park or abandon what depends on jobs that have just ended.

    Level by level, as long as there is something; beyond `_MOST` jobs the rest is left
    to `reopen`.
    """
    left = _MOST
    failed: list[Ended] = []
    if flavor.is_postgres:
        connection.execute(linking.steady())
    for each in ended:
        if each.job.status is not _SUCCEEDED:
            failed.append(each)
            continue
        most = max(1, left)
        given = {"parent_id": each.job.id, "many": most}
        ids = list(connection.execute(linking.parked(flavor), given).scalars())
        if ids:
            _keep_rest(connection, [each], is_all=len(ids) < most)
            left -= len(ids)
            _, moves = settle(connection, ids, flavor, now)
            failed += end(moves)
    while failed:
        failed += _cancel_children(connection, failed, flavor, end, now)
        many, failed = _fail(
            connection, failed, flavor, end, most=max(1, left), now=now
        )
        left -= many
        if left <= 0:
            _keep_rest(connection, failed)
            return


def _cancel_children(
    connection: sa.Connection,
    ended: Iterable[Ended],
    flavor: Flavor,
    end: End,
    now: datetime,
) -> list[Ended]:
    """Cancel what jobs have submitted that are canceled now, up to a number.

    Returns:
        Those that have ended by that, and that others depend on.
    """
    canceled = {
        each.job.id: each
        for each in ended
        if each.job.status is _CANCELED and each.job.attempt  # it has run
    }
    if not canceled:
        return []
    given = {"ids": parking.as_list(canceled, flavor), "many": _MOST}
    query = linking.children(flavor)
    found = connection.execute(query, given).mappings()
    moves = [
        cancel_child(child, canceled[str(child.parent_id)].job, now)
        for child in (rows.to_job(row, now=now) for row in found)
    ]
    ended_too = list(end(moves))
    rest = linking.children(flavor, is_locking=False)
    if moves and connection.execute(rest, {**given, "many": 1}).first():
        _keep_rest(connection, canceled.values())
    return ended_too


def _keep_rest(
    connection: sa.Connection, ended: Iterable[Ended], *, is_all: bool = False
) -> None:
    """Leave to `reopen` what depends on jobs, unless that is all."""
    if not is_all:
        rest = {openings.ENDED + each.job.id: openings.AT_ONCE for each in ended}
        openings.note(connection.execute, rest)


def _fail(
    connection: sa.Connection,
    failed: Sequence[Ended],
    flavor: Flavor,
    end: End,
    *,
    most: int,
    now: datetime,
) -> tuple[int, list[Ended]]:
    """See to what depends on jobs that have not succeeded.

    Returns:
        How many that were, and those that have ended now and have dependents.
    """
    words = {each.job.id: words_of(*each) for each in failed}
    given = {"ids": parking.as_list(words, flavor), "many": most}
    found = connection.execute(linking.dependent(flavor), given).all()
    _keep_rest(connection, failed, is_all=len(found) < most)
    lost = {row.id: words[row.parent_id] for row in found if row.is_lost}
    others = {row.id for row in found} - set(lost)
    following = [*end([abandon(each, lost[each], now) for each in sorted(lost)])]
    if others:
        _, moves = settle(connection, others, flavor, now)
        following += end(moves)
    return len(found), following


def reopen(
    connection: sa.Connection,
    known: Iterable[str],
    after: str,
    flavor: Flavor,
    *,
    end: End,
    now: datetime,
) -> str:
    """Do what ends have left: of `known` jobs, and of others that are found ended.

    Returns:
        What to pass as `after` to the next call, "" at first.
    """
    given = {"after": after, "many": _PARENTS}
    found = connection.execute(linking.parents(flavor), given).all()
    ids = {*known, *(row.id for row in found if row.has_ended)}
    if ids:
        jobs = _read(connection, ids, now)
        ended = [each for each in jobs if each.job.is_terminal]
        follow(connection, ended, flavor, end, now)
    return found[-1].id if len(found) == _PARENTS else ""


def wait_for(
    connection: sa.Connection,
    job_id: str,
    ids: Sequence[str],
    attempt: int,
    flavor: Flavor,
) -> int:
    """Record that the attempt of a job waits for others. See `Steps.wait_for`."""
    given: dict[str, object] = {"ids": parking.as_list(ids, flavor), "job_id": job_id}
    if flavor.is_postgres:
        connection.execute(linking.steady())
    if connection.execute(linking.awaiting(flavor), given).first():
        raise awaits_itself(job_id)
    last = sa.select(sa.func.max(_DEPENDENCY.position))
    position = connection.execute(last.where(_DEPENDENCY.job_id == job_id)).scalar()
    given |= {"last": -1 if position is None else position, "attempt": attempt}
    connection.execute(linking.await_all(flavor), given)
    return int(connection.execute(linking.many_live(flavor), given).scalar_one())


class Dependencies:
    """Reads what jobs depend on."""

    def __init__(self, database: Database) -> None:
        self._db = database

    def dependencies(
        self, job_id: str, *, after: int = -1, limit: int = 1000
    ) -> list[Linked]:
        """See `JobStore.dependencies`."""
        edge = _DEPENDENCY
        query = (
            sa.select(tables.dependency, tables.job)
            .outerjoin_from(
                tables.dependency, tables.job, tables.job.c.id == edge.parent_id
            )
            .where(edge.job_id == job_id, edge.position > after)
            .order_by(edge.position)
            .limit(limit)
        )
        return self._linked(query)

    def dependents(
        self, job_id: str, *, after: str = "", limit: int = 1000
    ) -> list[Linked]:
        """See `JobStore.dependents`."""
        edge = _DEPENDENCY
        query = (
            sa.select(tables.dependency, tables.job)
            .join_from(tables.dependency, tables.job, tables.job.c.id == edge.job_id)
            .where(edge.parent_id == job_id, edge.job_id > after)
            .order_by(edge.job_id, edge.position)
            .limit(limit)
        )
        return self._linked(query)

    def _linked(self, query: sa.Select[object]) -> list[Linked]:
        now = self._db.clock.now()
        with self._db.read() as connection:
            return [_to_linked(row, now) for row in connection.execute(query)]


def _to_linked(row: sa.Row[object], now: datetime) -> Linked:
    """Return a dependency and a job from one row of both."""
    found = row._mapping  # noqa: SLF001  (the documented way by columns)
    edge = Dependency(
        **{name: found[_DEPENDENCY[name]] for name in Dependency.__dataclass_fields__}
    )
    job = tables.job.c
    if found[job.id] is None:
        return Linked(dependency=edge, job=None)
    values = {column.name: found[column] for column in job}
    return Linked(dependency=edge, job=rows.to_job(values, now=now))
