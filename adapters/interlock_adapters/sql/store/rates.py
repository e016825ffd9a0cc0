"""Takes the starts of rates: as many as may be, in any window of the period."""

import json
from collections import Counter
from collections.abc import Collection, Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from itertools import islice
from typing import Any, Final, NamedTuple

import sqlalchemy as sa

from interlock.core.limits import Rate
from interlock_adapters.sql.schema.flavor import Flavor
from interlock_adapters.sql.statements import claiming, rates
from interlock_adapters.sql.store import openings as moments
from interlock_adapters.sql.store.candidates import RATE, Candidate, Facts, Starts
from interlock_adapters.sql.store.database import Database

_MANY: Final = 1000  # the most starts of a key that one claim takes
_FORGOTTEN: Final = 100  # keys at a time


class Taken(NamedTuple):
    """A start that a job takes."""

    key: str
    number: int
    job_id: str


def look(
    connection: sa.Connection, facts: Facts, flavor: Flavor, now: datetime
) -> None:
    """Find out which starts the rates of some candidates allow now."""
    if facts.rates:
        facts.starts = _starts(connection, facts.rates, flavor, now)


def _starts(
    connection: sa.Connection,
    wanted: Mapping[str, tuple[str, Rate]],
    flavor: Flavor,
    now: datetime,
) -> dict[str, Starts]:
    counts = [rate.starts for _, rate in wanted.values()]
    given: dict[str, Any] = {"keys": list(wanted), "counts": counts}
    if not flavor.is_postgres:
        given = {"pairs": json.dumps(list(zip(wanted, counts, strict=True)))}
    found = connection.execute(
        rates.starts(flavor), {**given, "now": now, "many": _MANY}
    )
    result = {}
    for row in found:
        base, rate = wanted[row.key]
        again = [int(number) for number in (row.numbers or "").split(",") if number]
        fresh = range((row.last or 0) + 1, rate.starts + 1)
        numbers = (*again, *islice(fresh, _MANY))
        room = max(0, rate.starts - row.recent)
        result[row.key] = Starts(base, rate, list(numbers[:room]), row.opens_at)
    return result


def room(
    connection: sa.Connection, key: str, rate: Rate, flavor: Flavor, now: datetime
) -> int:
    """Return how many jobs of a key may start now."""
    return len(_starts(connection, {key: ("", rate)}, flavor, now)[key].free)


def openings(
    parked: Mapping[str, Sequence[Candidate]], facts: Facts
) -> dict[str, datetime]:
    """Return when the rates on which jobs were parked allow one more start."""
    keys = (cause.removeprefix(RATE) for cause in parked if cause.startswith(RATE))
    return {
        RATE + key: opens_at
        for key in keys
        if (opens_at := facts.starts[key].opens_at) is not None
    }


def charge(
    connection: sa.Connection,
    jobs: Iterable[Candidate],
    facts: Facts,
    flavor: Flavor,
    now: datetime,
) -> set[str]:
    """Take the starts that jobs need; return the jobs that did not get all of theirs.

    Sorted: who waits for another's row holds no later one.
    """
    taken = sorted(
        Taken(key, facts.starts[key].free.pop(0), job.id)
        for job in jobs
        for key, _, weight in job.keys
        if key in facts.starts
        for _ in range(weight)
    )
    if not taken:
        return set()
    used_up = {}
    for key in {start.key for start in taken}:
        starts = facts.starts[key]
        if not starts.free:  # jobs that wait for the next one are parked
            after = now + timedelta(seconds=starts.rate.period_s)
            used_up[RATE + key] = min(after, starts.opens_at or after)
    moments.note(connection.execute, used_up)
    if not flavor.is_postgres:  # the only writer: every start is free
        connection.execute(
            rates.charge(flavor), [_row(start, facts, now) for start in taken]
        )
        return set()
    values = {
        "keys": [start.key for start in taken],
        "numbers": [start.number for start in taken],
        "bases": [facts.starts[start.key].base for start in taken],
        "ids": [start.job_id for start in taken],
        "periods": [facts.starts[start.key].rate.period_s for start in taken],
        "now": now,
    }
    got = Counter(connection.execute(rates.charge(flavor), values).scalars())
    needed = Counter(start.job_id for start in taken)
    lost = {job_id for job_id, many in needed.items() if got[job_id] < many}
    give_back(connection, lost, now)
    return lost


def _row(start: Taken, facts: Facts, now: datetime) -> dict[str, object]:
    starts = facts.starts[start.key]
    free_at = now + timedelta(seconds=starts.rate.period_s)
    return {**start._asdict(), "base": starts.base, "now": now, "free_at": free_at}


def give_back(connection: sa.Connection, ids: Collection[str], now: datetime) -> None:
    """Give the starts of jobs back that did not start after all."""
    if ids:
        given = {"ids": sorted(ids), "now": now}
        connection.execute(rates.give_back(), given)


def forget(database: Database) -> None:
    """Delete starts of keys that were not used for a period.

    In a transaction of its own, that waits for the claims under way: one of them may
    just take a start that was free, and its row must stay.
    """
    flavor = database.flavor

    def delete(connection: sa.Connection) -> None:
        if flavor.is_postgres:
            connection.execute(claiming.barrier())
        now = database.present(connection)
        connection.execute(rates.forget(), {"now": now, "many": _FORGOTTEN})

    with database.read() as connection:
        given = {"now": database.present(connection), "many": 1}
        is_any = connection.execute(rates.unused(), given).first() is not None
    if is_any:
        database.repeated(delete)
