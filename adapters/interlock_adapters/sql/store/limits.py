"""Limits of keys: what the code declares, and what is set at run time and wins."""

import json
from collections import defaultdict
from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any, Final

import sqlalchemy as sa

from interlock.core.errors import LimitReached
from interlock.core.job import NewJob
from interlock.core.limits import NAME, QUEUE, Rate, keys_of
from interlock.core.records import DEPENDENCIES, Blocker, LimitInfo
from interlock_adapters.sql.schema import tables
from interlock_adapters.sql.schema.flavor import Flavor
from interlock_adapters.sql.schema.held import BY_JOB
from interlock_adapters.sql.schema.tables import job
from interlock_adapters.sql.statements import claiming, linking
from interlock_adapters.sql.store import parking, reopening
from interlock_adapters.sql.store.candidates import KEY, RATE, Facts
from interlock_adapters.sql.store.database import Database

_LIMIT: Final = tables.limit.c
_SLOT: Final = tables.slot.c


class Limits:
    """The limits of a store."""

    def __init__(self, database: Database) -> None:
        self._db = database

    def set_limit(
        self,
        key: str,
        max_running: int | None = None,
        rate: Rate | None = None,
        *,
        by: str | None = None,
    ) -> None:
        """See `JobStore.set_limit`."""
        wanted = _columns(max_running, rate)
        self._change(key, lambda row: _with(row, wanted, by, self._db.clock.now()))

    def unset_limit(self, key: str) -> bool:
        """See `JobStore.unset_limit`."""
        return self._change(key, _without)

    def _change(self, key: str, change: Any) -> bool:
        flavor = self._db.flavor
        causes = [KEY + key, RATE + key]

        def write(connection: sa.Connection) -> bool:
            parking.lock(connection, causes, flavor)
            if flavor.is_postgres:
                connection.execute(claiming.barrier())
            query = sa.select(tables.limit).where(_LIMIT.key == key)
            row = connection.execute(query).mappings().first()
            changed = change(row)
            if changed == (None if row is None else dict(row)):
                return False
            if changed is None:
                connection.execute(sa.delete(tables.limit).where(_LIMIT.key == key))
            else:
                put = self._db.put(tables.limit, {"key": key}, changed)
                connection.execute(put)
                if changed["max_running"] is not None:
                    _give_slots(connection, key, flavor)
            now = self._db.present(connection)
            rooms = reopening.rooms_of(connection, causes, flavor, now)
            parking.open_some(connection, rooms, flavor)
            return True

        return self._db.repeated(write)

    def limits(self) -> list[LimitInfo]:
        """See `JobStore.limits`."""
        running: dict[str, int] = defaultdict(int)
        taken = sa.select(_SLOT.key, job.c["keys"]).join(job, job.c.id == _SLOT.job_id)
        with self._db.read() as connection:
            for row in connection.execute(taken).mappings():
                entry = (row["keys"] or {}).get(row["key"], {"limit": row["key"]})
                for key in {row["key"], entry["limit"]}:
                    running[key] += 1
            found = connection.execute(sa.select(tables.limit).order_by(_LIMIT.key))
            return [_info(row, running) for row in found.mappings()]

    def blockers(self, job_id: str, *, now: datetime) -> list[Blocker]:
        """See `JobStore.blockers`."""
        flavor = self._db.flavor
        with self._db.read() as connection:
            now = now if flavor.now is None else self._db.present(connection)
            facts = parking.look_again(connection, [job_id], flavor, now, source="any")
            return [
                _blocker(connection, facts, waiting.id, cause)
                for waiting in facts.candidates
                for cause in facts.causes(waiting)
            ]


def _blocker(
    connection: sa.Connection, facts: Facts, job_id: str, cause: str
) -> Blocker:
    if cause == BY_JOB:
        found = connection.execute(linking.awaited(), {"job_id": job_id}).scalars()
        return Blocker(cause=DEPENDENCIES, holders=tuple(found))
    kind, _, name = cause.partition(":")
    if f"{kind}:" == KEY:
        query = sa.select(_SLOT.job_id).where(_SLOT.key == name).distinct()
        holders = tuple(connection.execute(query.order_by(_SLOT.job_id)).scalars())
        return Blocker(cause=cause, allowed=facts.limits[name], holders=holders)
    if f"{kind}:" == RATE:
        starts = facts.starts[name]
        return Blocker(cause=cause, allowed=starts.rate.starts, until=starts.opens_at)
    return Blocker(cause=cause)


def _columns(max_running: int | None, rate: Rate | None) -> dict[str, Any] | None:
    """Return the columns of a limit; None: there is none."""
    if max_running is None and rate is None:
        return None
    count, period_s = rate or (None, None)
    return {
        "max_running": max_running,
        "rate_count": count,
        "rate_period_s": period_s,
    }


_NOTHING: Final = {"max_running": None, "rate_count": None, "rate_period_s": None}


def _with(
    row: Mapping[str, Any] | None,
    wanted: dict[str, Any] | None,
    by: str | None,
    now: datetime,
) -> dict[str, Any] | None:
    """Return the row after a limit was declared, or set by somebody."""
    if by is not None:
        declared = None if row is None else _declared(row)
        values = wanted or _NOTHING
        return {**values, "set_by": by, "set_at": now, "declared": declared}
    if row is not None and row["set_by"] is not None:
        return {**row, "declared": wanted}
    return wanted and {**wanted, "set_by": None, "set_at": None, "declared": None}


def _declared(row: Mapping[str, Any]) -> dict[str, Any] | None:
    if row["set_by"] is not None:
        declared: dict[str, Any] | None = row["declared"]
        return declared
    return {name: row[name] for name in _NOTHING}


def _without(row: Mapping[str, Any] | None) -> dict[str, Any] | None:
    """Return the row without what was set at run time."""
    if row is None or row["set_by"] is None:
        return None if row is None else dict(row)
    declared = row["declared"]
    return declared and {
        **declared,
        "set_by": None,
        "set_at": None,
        "declared": None,
    }


def _info(row: Mapping[Any, Any], running: Mapping[str, int]) -> LimitInfo:
    count = row["rate_count"]
    rate = str(Rate(count, row["rate_period_s"])) if count else None
    return LimitInfo(
        key=row["key"],
        max_running=row["max_running"],
        rate_limit=rate,
        running=running.get(row["key"], 0),
        set_by=row["set_by"],
        set_at=row["set_at"],
    )


def _give_slots(connection: sa.Connection, key: str, flavor: Flavor) -> None:
    """Give slots to the running jobs of a key, or of a template.

    They run already: more of them than the limit allows keep theirs until they end.
    """
    given = {
        "name": key.removeprefix(NAME) if key.startswith(NAME) else "",
        "queue": key.removeprefix(QUEUE) if key.startswith(QUEUE) else "",
        "has_own": int(not key.startswith((NAME, QUEUE))),
    }
    running = connection.execute(claiming.running_with(flavor), given).all()
    needed: dict[tuple[str, str], tuple[int, int]] = {}
    for row in running:
        stored = json.loads(row.keys) if row.keys else None
        for each in keys_of(row.name, row.queue, stored):
            if key in (each.key, each.base):
                needed[each.key, row.id] = each.weight, row.attempt
    keys_needed = sorted({each for each, _ in needed})
    slots = sa.select(_SLOT.key, _SLOT.number, _SLOT.job_id).where(
        _SLOT.key.in_(keys_needed)
    )
    last: dict[str, int] = defaultdict(int)
    has: dict[tuple[str, str], int] = defaultdict(int)
    for slot in connection.execute(slots):
        last[slot.key] = max(last[slot.key], slot.number)
        has[slot.key, slot.job_id] += 1
    values: list[dict[str, object]] = []
    for (name, job_id), (weight, attempt) in needed.items():
        for _ in range(weight - has[name, job_id]):
            last[name] += 1
            slot_of = {"key": name, "number": last[name]}
            values.append({**slot_of, "job_id": job_id, "attempt": attempt})
    if values:
        connection.execute(sa.insert(tables.slot), values)


def refuse_full(execute: Callable[..., Any], new: NewJob) -> None:
    """Refuse a job whose limits have no free slot now, if it asks for that.

    Raises:
        LimitReached: which limit. Nothing was stored.
    """
    keys = keys_of(new.name, new.queue, new.keys)
    names = {name for key in keys for name in (key.key, key.base)}
    limits = sa.select(_LIMIT.key, _LIMIT.max_running).where(_LIMIT.key.in_(names))
    most: dict[str, int | None] = dict(execute(limits).all())
    for key, base, weight in keys:
        allowed = most.get(key, most.get(base))
        if allowed is None:
            continue
        query = sa.select(_SLOT.job_id).where(_SLOT.key == key)
        holders = list(execute(query).scalars())
        if len(holders) + weight > allowed:
            raise LimitReached(key, len(holders), allowed, holders)
