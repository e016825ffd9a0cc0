"""Parks jobs that nobody may start, and opens them when the cause is gone.

A cause has a lock (PostgreSQL; SQLite has one writer). Who parks on a cause or makes it
go away holds it, and reads the facts again in a later statement: the statement that
waited for the lock still sees what was before. Those who make it go away take their
locks first, all at once; who parks only tries: so nobody waits in a circle.
"""

import json
from collections.abc import Collection, Iterable, Mapping
from datetime import datetime
from itertools import islice
from typing import Any, Final, NamedTuple

import sqlalchemy as sa

from interlock_adapters.sql.schema.column_types import UtcDateTime
from interlock_adapters.sql.schema.flavor import Flavor
from interlock_adapters.sql.statements import claiming

BATCH: Final = 500  # the most jobs of one cause that are opened in a transaction
_CAUSES: Final = 100  # looked at in one transaction
_CLOCK: Final = sa.text("SELECT clock_timestamp() AS now").columns(now=UtcDateTime)
_KEY, _PAUSED = "key:", "paused:"
_LATE: Final = (None, "expired", "overdue")


class Candidate(NamedTuple):
    """A waiting job, as a claim sees it."""

    id: str
    name: str
    queue: str
    priority: int
    is_early: bool
    late: str | None  # the moment that has passed

    @property
    def keys(self) -> tuple[str, ...]:
        """The keys that a limit may be set for."""
        return (f"name:{self.name}",)

    @property
    def rank(self) -> tuple[int, str]:
        """The place in the order of starts."""
        return -self.priority, self.id


class Facts:
    """What decides about the start of some candidates, of one snapshot."""

    def __init__(self, found: Iterable[Any]) -> None:
        self.candidates: list[Candidate] = []
        self.paused: set[str] = set()
        self.has_due = False  # some jobs are to be promoted first
        limits: dict[str, int] = {}
        taken: set[tuple[str, int]] = set()
        for kind, key, name, queue, number, early, late in found:
            if kind == "job":
                job = Candidate(key, name, queue, number, bool(early), _LATE[late])
                self.candidates.append(job)
            elif kind == "paused":
                self.paused.add(key)
            elif kind == "limit":
                limits[key] = number
            elif kind == "slot":
                taken.add((key, number))
            else:
                self.has_due = True
        self.candidates.sort(key=lambda job: job.rank)
        #: The free numbers of each limited key.
        self.free = {
            key: _free({n for each, n in taken if each == key}, most)
            for key, most in limits.items()
        }

    def cause(self, job: Candidate) -> str | None:
        """Return the cause that keeps a job from starting, None if there is none."""
        if job.is_early:
            return "due"
        if job.late:
            return job.late
        if job.queue in self.paused:
            return _PAUSED + job.queue
        full = (key for key in job.keys if self.free.get(key) == [])
        return next((_KEY + key for key in full), None)

    def add(self, other: "Facts") -> None:
        """Take the facts of other candidates too."""
        self.paused |= other.paused
        self.free |= other.free


def _free(taken: Collection[int], most: int) -> list[int]:
    """Return the numbers that may be taken one after the other, lowest first.

    As many as there is room for: after a limit was lowered, numbers beyond it are taken
    (`trigger_rules.slot_rules`).
    """
    numbers = (n for n in range(1, most + 1) if n not in taken)
    return list(islice(numbers, max(0, most - len(taken))))


def as_list(values: Iterable[object], flavor: Flavor) -> object:
    """Return a list as `claiming.each` reads it."""
    return list(values) if flavor.is_postgres else json.dumps(list(values))


def look_again(
    connection: sa.Connection, ids: Iterable[str], flavor: Flavor, now: datetime
) -> Facts:
    """Return the facts of some jobs, as they are now."""
    statement = claiming.look(flavor, "ids")
    return Facts(
        connection.execute(statement, {"ids": as_list(ids, flavor), "now": now})
    )


def park(
    connection: sa.Connection,
    jobs: Collection[Candidate],
    facts: Facts,
    flavor: Flavor,
    now: datetime,
) -> int:
    """Park what nobody may start; return how many. What cannot be locked stays open."""
    ids = [job.id for job in jobs]
    locked: set[str] | None = None
    if flavor.is_postgres:
        locked = _try_causes(connection, jobs, facts)
        if not locked:
            return 0
        some = connection.execute(
            claiming.locked(flavor, most=False), {"ids": as_list(ids, flavor)}
        )
        ids = list(some.scalars())
    again = look_again(connection, ids, flavor, now)
    parked: dict[str, list[str]] = {}
    passed_on: dict[str, int] = {}
    for job in again.candidates:
        cause = again.cause(job)
        limited = [key for key in job.keys if key in again.free]
        needed = {cause, *(_KEY + key for key in limited)}
        if cause is None or (locked is not None and not needed <= locked):
            continue
        parked.setdefault(cause, []).append(job.id)
        # It may have been opened for a free slot of another of its keys: pass that on.
        passed_on |= {_KEY + key: 1 for key in limited if again.free[key]}
    for cause, some_ids in parked.items():
        values = {"cause": cause, "ids": as_list(some_ids, flavor)}
        connection.execute(claiming.park(flavor), values)
    open_some(connection, passed_on, flavor)
    return sum(map(len, parked.values()))


def _try_causes(
    connection: sa.Connection, jobs: Iterable[Candidate], facts: Facts
) -> set[str]:
    """Lock what can be locked without waiting of the causes of some jobs."""
    causes = {cause for job in jobs if (cause := facts.cause(job)) is not None}
    causes |= {_KEY + key for job in jobs for key in job.keys if key in facts.free}
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
    causes = {_KEY + row.key: row.many for row in found}
    lock(connection, causes, flavor)
    return causes


def promote(connection: sa.Connection, flavor: Flavor, now: datetime, many: int) -> int:
    """Open jobs that have become due; return how many."""
    statement = claiming.promote(flavor)
    return connection.execute(statement, {"now": now, "many": many}).rowcount


def reopen(
    connection: sa.Connection, after: str, flavor: Flavor, now: datetime
) -> tuple[str, bool]:
    """Open jobs whose cause is gone. See `JobStore.reopen`."""
    if flavor.now is not None:
        now = connection.execute(_CLOCK).scalar_one()
    found = connection.execute(
        claiming.causes(flavor), {"after": after, "many": _CAUSES}
    )
    causes = list(found.scalars())
    lock(connection, causes, flavor)
    is_more = promote(connection, flavor, now, BATCH) == BATCH
    rooms = _rooms(connection, causes, flavor)
    opened = open_some(connection, rooms, flavor)
    is_through = len(causes) < _CAUSES
    is_more |= opened >= BATCH or not is_through
    return "" if is_through else causes[-1], is_more


def _rooms(
    connection: sa.Connection, causes: Iterable[str], flavor: Flavor
) -> dict[str, int]:
    """Return how many jobs of each cause are worth a look, read under its lock."""
    names = {cause.partition(":")[2] for cause in causes}
    found = connection.execute(
        claiming.rooms(flavor), {"names": as_list(sorted(names), flavor)}
    ).all()
    paused = {row.what for row in found if row.kind == "paused"}
    room = {row.what: row.room for row in found if row.kind == "limit"}
    rooms: dict[str, int] = {}
    for cause in causes:
        kind, _, name = cause.partition(":")
        if cause in _LATE:
            continue  # it waits for the reaper alone
        if kind == "paused":
            rooms[cause] = 0 if name in paused else BATCH
        else:
            rooms[cause] = min(BATCH, room.get(name, BATCH))
    return {cause: many for cause, many in rooms.items() if many > 0}


def set_limit(
    connection: sa.Connection, name: str, max_running: int | None, flavor: Flavor
) -> None:
    """Set or remove the limit of a name. See `JobStore.set_limit`."""
    key = f"name:{name}"
    lock(connection, [_KEY + key], flavor)
    if flavor.is_postgres:
        connection.execute(claiming.barrier())
    if max_running is None:
        gone = sa.text("DELETE FROM interlock_limit WHERE key = :key")
        connection.execute(gone, {"key": key})
    else:
        upsert = sa.text(
            "INSERT INTO interlock_limit (key, max_running) VALUES (:key, :most)"
            " ON CONFLICT (key) DO UPDATE SET max_running = :most"
        )
        connection.execute(upsert, {"key": key, "most": max_running})
        values = {"key": key, "name": name}
        connection.execute(claiming.slots_for_running(flavor), values)
    open_some(connection, _rooms(connection, [_KEY + key], flavor), flavor)


def set_paused(
    connection: sa.Connection, queue: str, flavor: Flavor, *, paused: bool
) -> None:
    """Pause or resume a queue. When it returns, no claim starts what is paused."""
    cause = _PAUSED + queue
    lock(connection, [cause], flavor)
    if flavor.is_postgres:
        connection.execute(claiming.barrier())
    upsert = sa.text(
        "INSERT INTO interlock_queue (name, paused) VALUES (:queue, :paused)"
        " ON CONFLICT (name) DO UPDATE SET paused = :paused"
    )
    connection.execute(upsert, {"queue": queue, "paused": paused})
    if not paused:
        open_some(connection, {cause: BATCH}, flavor)
