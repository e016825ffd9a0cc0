"""Parks jobs that nobody may start, and opens them when the cause is gone.

A cause has a lock (PostgreSQL; SQLite has one writer). Who parks on a cause or makes it
go away holds it, and reads the facts again in a later statement: the statement that
waited for the lock still sees what was before. Those who make it go away take their
locks first, all at once; who parks only tries: so nobody waits in a circle.
"""

import json
from collections.abc import Collection, Iterable, Mapping
from datetime import datetime

import sqlalchemy as sa

from interlock_adapters.sql.schema.flavor import Flavor
from interlock_adapters.sql.statements import claiming
from interlock_adapters.sql.store import openings, rates
from interlock_adapters.sql.store.candidates import (
    KEY,
    RATE,
    Candidate,
    Facts,
    facts_of,
)


def as_list(values: Iterable[object], flavor: Flavor) -> object:
    """Return a list as `claiming.each` reads it."""
    return list(values) if flavor.is_postgres else json.dumps(list(values))


def look_again(
    connection: sa.Connection,
    ids: Iterable[str],
    flavor: Flavor,
    now: datetime,
    *,
    source: str = "ids",
) -> Facts:
    """Return the facts of some jobs, as they are now."""
    given = {"ids": as_list(ids, flavor)}
    return look(connection, claiming.look(flavor, source), given, flavor, now)


def look(
    connection: sa.Connection,
    statement: sa.TextClause,
    given: Mapping[str, object],
    flavor: Flavor,
    now: datetime,
) -> Facts:
    """Return the facts of the jobs that a statement of `claiming.look` finds."""
    facts = facts_of(connection.execute(statement, {**given, "now": now}))
    ids = [job.id for job in facts.candidates if job.may_wait]
    if ids:
        asked = {"ids": as_list(ids, flavor)}
        blocked = set(connection.execute(claiming.blocked(flavor), asked).scalars())
        for job in facts.candidates:
            job.is_blocked = job.id in blocked
    rates.look(connection, facts, flavor, now)
    return facts


def park(
    connection: sa.Connection,
    jobs: Collection[Candidate],
    facts: Facts,
    flavor: Flavor,
    now: datetime,
) -> tuple[int, int, Facts]:
    """Park what nobody may start. What cannot be locked stays open.

    Returns:
        How many, how many others were opened in their places, and the facts by which
        they were parked.
    """
    ids = [job.id for job in jobs]
    locked: set[str] | None = None
    if flavor.is_postgres:
        locked = _try_causes(connection, jobs, facts)
        if not locked:
            return 0, 0, Facts()
        some = connection.execute(
            claiming.locked(flavor, most=False), {"ids": as_list(ids, flavor)}
        )
        ids = list(some.scalars())
    again = look_again(connection, ids, flavor, now)
    parked: dict[str, list[Candidate]] = {}
    passed_on: dict[str, int] = {}
    for job in again.candidates:
        cause = again.cause(job)
        needed = {cause, *_causes_of(job, again)}
        if cause is None or (locked is not None and not needed <= locked):
            continue
        parked.setdefault(cause, []).append(job)
        # It may have been opened for a free slot of another of its keys: pass that on.
        passed_on |= {
            KEY + key: weight for key, _, weight in job.keys if again.free.get(key)
        }
    again.candidates = [job for jobs in parked.values() for job in jobs]
    for cause, some_jobs in parked.items():
        values = {
            "cause": cause,
            "ids": as_list((job.id for job in some_jobs), flavor),
        }
        connection.execute(claiming.park(flavor), values)
    openings.note(connection.execute, rates.openings(parked, again))
    opened = open_some(connection, passed_on, flavor)
    return len(again.candidates), opened, again


def _causes_of(job: Candidate, facts: Facts) -> set[str]:
    """Return the causes on which a job may be parked for its limits."""
    full = {KEY + key for key, _, _ in job.keys if key in facts.free}
    return full | {RATE + key for key, _, _ in job.keys if key in facts.starts}


def _try_causes(
    connection: sa.Connection, jobs: Iterable[Candidate], facts: Facts
) -> set[str]:
    """Lock what can be locked without waiting of the causes of some jobs."""
    causes = {cause for job in jobs if (cause := facts.cause(job)) is not None}
    for job in jobs:
        causes |= _causes_of(job, facts)
    found = connection.execute(claiming.try_causes(), {"causes": sorted(causes)})
    return {row.cause for row in found if row.got}


def lock(connection: sa.Connection, causes: Iterable[str], flavor: Flavor) -> None:
    """Wait for the locks of causes: at most once in a transaction, before any row."""
    causes = sorted(causes)
    if flavor.is_postgres and causes:
        connection.execute(claiming.lock_causes(), {"causes": causes})


def open_some(
    connection: sa.Connection, causes: Mapping[str, int], flavor: Flavor
) -> int:
    """Open the best jobs that are parked on each cause, so many of each."""
    if not causes:
        return 0
    statement = claiming.open_parked(flavor)
    if flavor.is_postgres:
        values = {"causes": list(causes), "many": list(causes.values())}
        return connection.execute(statement, values).rowcount
    return sum(
        connection.execute(statement, {"cause": cause, "many": many}).rowcount
        for cause, many in causes.items()
    )


def freed_by(
    connection: sa.Connection, ids: Collection[str], flavor: Flavor
) -> dict[str, int]:
    """Return the causes that may go away when jobs end, and lock them.

    Call it before the jobs are changed, and `open_some` after that.
    """
    found = connection.execute(
        claiming.limited_keys(flavor), {"ids": as_list(ids, flavor)}
    )
    causes = {KEY + row.key: row.many for row in found}
    lock(connection, causes, flavor)
    return causes


def promote(connection: sa.Connection, flavor: Flavor, now: datetime, many: int) -> int:
    """Open jobs that have become due; return how many."""
    statement = claiming.promote(flavor)
    return connection.execute(statement, {"now": now, "many": many}).rowcount
