"""Opens parked jobs whose cause is gone: the duty that no lost step can delay for long.

Who makes a cause go away opens the first of its jobs (`parking`). This opens the rest,
and what was held or limited until a moment that has come.
"""

import json
from collections.abc import Iterable
from datetime import datetime
from typing import Final, NamedTuple

import sqlalchemy as sa

from interlock.core.limits import Rate
from interlock_adapters.sql.schema.flavor import Flavor
from interlock_adapters.sql.schema.held import BY_JOB
from interlock_adapters.sql.statements import claiming
from interlock_adapters.sql.store import fairness, openings, parking, rates
from interlock_adapters.sql.store.candidates import FAIR, HOLD, KEY, LATE, PAUSED, RATE

BATCH: Final = 500  # the most jobs of one cause that are opened in a transaction
_CAUSES: Final = 100  # looked at in one transaction


class Reopened(NamedTuple):
    """What a pass of the duty has done."""

    after: str  # where the next one begins
    is_more: bool  # to do at once
    over: list[str]  # targets of holds whose end has come
    ended: list[str]  # jobs whose dependents are to be looked at


def reopen(
    connection: sa.Connection, after: str, flavor: Flavor, now: datetime
) -> Reopened:
    """Open jobs whose cause is gone. See `JobStore.reopen`."""
    found = connection.execute(
        claiming.causes(flavor), {"after": after, "many": _CAUSES}
    ).scalars()
    causes = list(found)
    due = openings.take_due(connection, flavor, now, _CAUSES)
    over = [cause.removeprefix(HOLD) for cause in due if cause.startswith(HOLD)]
    ended = [
        each.removeprefix(openings.ENDED)
        for each in due
        if each.startswith(openings.ENDED)
    ]
    parking.lock(connection, {*causes, *due}, flavor)
    is_more = parking.promote(connection, flavor, now, BATCH) == BATCH
    rooms = rooms_of(connection, {*causes, *due}, flavor, now)
    opened = parking.open_some(connection, rooms, flavor)
    is_through = len(causes) < _CAUSES
    is_more |= opened >= BATCH or not is_through or len(due) == _CAUSES
    aged = connection.execute(claiming.age(flavor), {"now": now, "many": BATCH})
    is_more |= aged.rowcount == BATCH
    return Reopened("" if is_through else causes[-1], is_more, over, ended)


def _bases(
    connection: sa.Connection, causes: Iterable[str], flavor: Flavor
) -> dict[str, str]:
    """Return, by cause, the template whose limit may count, by a job that waits."""
    limited = [cause for cause in causes if cause.startswith((KEY, RATE))]
    given = {"causes": parking.as_list(limited, flavor)}
    bases = {}
    for row in connection.execute(claiming.parked_keys(flavor), given):
        key = row.cause.partition(":")[2]
        stored = json.loads(row.keys) if row.keys else {}
        if key in stored:
            bases[row.cause] = stored[key]["limit"]
    return bases


def rooms_of(
    connection: sa.Connection,
    causes: Iterable[str],
    flavor: Flavor,
    now: datetime,
) -> dict[str, int]:
    """Return how many jobs of each cause are worth a look, read under its lock."""
    causes = sorted(set(causes) - {*LATE, BY_JOB})  # not opened here
    bases = _bases(connection, causes, flavor)
    names = {cause.partition(":")[2] for cause in causes} | set(bases.values())
    given = {"names": parking.as_list(sorted(names), flavor)}
    blocked: set[str] = set()
    most: dict[str, int | None] = {}
    allowed: dict[str, Rate | None] = {}
    used: dict[str, int] = {}
    for kind, what, number, count, period_s in connection.execute(
        claiming.room_facts(flavor), given
    ):
        if kind == "limit":
            most[what] = number
            allowed[what] = Rate(count, period_s) if count else None
        elif kind == "slots":
            used[what] = number
        else:
            blocked.add((PAUSED if kind == "paused" else HOLD) + what)
    rooms: dict[str, int] = {}
    for cause in causes:
        name = cause.partition(":")[2]
        limited = name if name in most else bases.get(cause, name)
        rooms[cause] = BATCH
        if cause in blocked or cause.startswith(f"{HOLD}job:"):
            rooms[cause] = 0
        elif cause.startswith(FAIR):
            rooms[cause] = fairness.room(connection, name, flavor)
        elif cause.startswith(KEY) and (limit := most.get(limited)) is not None:
            rooms[cause] = min(BATCH, limit - used.get(name, 0))
        elif cause.startswith(RATE) and (rate := allowed.get(limited)) is not None:
            rooms[cause] = rates.room(connection, name, rate, flavor, now)
    return {cause: many for cause, many in rooms.items() if many > 0}


def set_paused(
    connection: sa.Connection, queue: str, flavor: Flavor, *, paused: bool
) -> None:
    """Pause or resume a queue. When it returns, no claim starts what is paused."""
    cause = PAUSED + queue
    parking.lock(connection, [cause], flavor)
    if flavor.is_postgres:
        connection.execute(claiming.barrier())
    upsert = sa.text(
        "INSERT INTO interlock_queue (name, paused) VALUES (:queue, :paused)"
        " ON CONFLICT (name) DO UPDATE SET paused = :paused"
    )
    connection.execute(upsert, {"queue": queue, "paused": paused})
    if not paused:
        parking.open_some(connection, {cause: BATCH}, flavor)
