"""Counts jobs by name and status, at a cost that does not grow with ended jobs.

The history says how each job came to its status. A tally holds the sum of its events
up to a position; a count adds the events after that. Workers, and whoever counts, take
settled events into the tally, in batches. A deleted job is taken out of it.
"""

from collections.abc import Sequence
from contextlib import suppress
from typing import Any, Final

import sqlalchemy as sa

from interlock.core.errors import StoreUnavailable
from interlock.core.records import Fault
from interlock_adapters.sql.schema.flavor import Flavor
from interlock_adapters.sql.schema.tables import feed, tally
from interlock_adapters.sql.store.database import Database
from interlock_adapters.sql.store.feed import HORIZON

#: Events that one transaction takes into the tally.
BATCH: Final = 5_000
_EVENTS: Final = "interlock_history {by} WHERE {which}"
_CHANGES: Final = (
    "SELECT j.name AS name, d.status AS status, sum(d.jobs) AS jobs FROM ("
    "SELECT job_id, target AS status, 1 AS jobs FROM {events}"
    " UNION ALL SELECT job_id, source, -1 FROM {events} AND source IS NOT NULL"
    ") AS d CROSS JOIN interlock_job AS j WHERE j.id = d.job_id"
    " GROUP BY j.name, d.status"
)
_ADD: Final = (
    "INSERT INTO interlock_tally (name, status, jobs) {changes}"
    " ON CONFLICT (name, status) DO UPDATE"
    " SET jobs = interlock_tally.jobs {sign} excluded.jobs"
)
_TALLIED: Final = sa.select(feed.c.tallied)
_LAST: Final = (
    "SELECT max(position) FROM (SELECT position FROM {events}"
    " ORDER BY position LIMIT {batch}) AS settled"
)
Counts = dict[tuple[str, str], int]  # by name and status


def _changes(flavor: Flavor, which: str, *, of_jobs: bool = False) -> str:
    """Return the statement that sums the changes by events."""
    by = "" if of_jobs else flavor.by_index("ix_interlock_history_feed")
    return _CHANGES.format(events=_EVENTS.format(by=by, which=which))


def _settled(flavor: Flavor) -> str:
    """Return the condition of events that are not in the tally and may come into it."""
    after = "position > (SELECT tallied FROM interlock_feed)"
    return f"{after} AND position < {HORIZON}" if flavor.is_postgres else after


def counted(database: Database) -> Counts:
    """Return how many jobs there are of each name and status.

    Many events that are not in the tally are first taken into it, where that can be
    written.
    """
    with suppress(StoreUnavailable):
        while take_in(database, least=BATCH):
            pass
    found: Counts = {}
    for row in database.rows(sa.text(_both(database.flavor))):
        kind = (row["name"], row["status"])
        found[kind] = found.get(kind, 0) + int(row["jobs"])
    return {kind: many for kind, many in found.items() if many}


def _both(flavor: Flavor) -> str:
    """Return the query of the tally, and of what came after it."""
    later = _changes(flavor, "position > (SELECT tallied FROM interlock_feed)")
    return f"SELECT name, status, jobs FROM interlock_tally UNION ALL {later}"


def take_in(database: Database, *, least: int = 1) -> bool:
    """Take up to `BATCH` events into the tally, if there are at least so many.

    Returns:
        Whether there may be more.
    """
    flavor = database.flavor
    by = flavor.by_index("ix_interlock_history_feed")
    events = _EVENTS.format(by=by, which=_settled(flavor))
    waiting = sa.text(
        f"SELECT count(*) AS many FROM (SELECT 1 FROM {events} LIMIT :least) AS w"
    )
    if database.rows(waiting, {"least": least})[0]["many"] < least:
        return False

    def take(connection: sa.Connection) -> bool:
        tallied = _lock(connection)
        last = connection.scalar(sa.text(_LAST.format(events=events, batch=BATCH)))
        if last is None:  # another one took them
            return False
        which = "position > :tallied AND position <= :last"
        add = _ADD.format(changes=_changes(flavor, which), sign="+")
        connection.execute(sa.text(add), {"tallied": tallied, "last": last})
        connection.execute(sa.update(feed).values(tallied=last))
        return True

    return database.repeated(take, durable=False)


def take_out(connection: sa.Connection, ids: Sequence[str], flavor: Flavor) -> None:
    """Take jobs that are about to be deleted out of the tally."""
    tallied = _lock(connection)
    which = "job_id IN :ids AND position <= :tallied"
    subtract = sa.text(
        _ADD.format(changes=_changes(flavor, which, of_jobs=True), sign="-")
    ).bindparams(sa.bindparam("ids", expanding=True))
    connection.execute(subtract, {"ids": ids, "tallied": tallied})
    if not flavor.is_postgres:  # their positions are not given again
        end = sa.text("(SELECT coalesce(max(position), 0) FROM interlock_history)")
        connection.execute(sa.update(feed).values(base=sa.func.max(feed.c.base, end)))


def _lock(connection: sa.Connection) -> Any:
    """Lock the tally until the transaction ends; return the last position in it."""
    return connection.execute(_TALLIED.with_for_update()).scalar_one()


def faults(connection: sa.Connection, flavor: Flavor) -> list[Fault]:
    """Return where the tally does not agree with the jobs."""
    rows = sa.text(
        "SELECT name, status, sum(jobs) AS jobs FROM ("
        f"{_both(flavor)} UNION ALL SELECT name, status, -count(*) FROM interlock_job"
        " GROUP BY name, status) AS each GROUP BY name, status HAVING sum(jobs) <> 0"
    )
    return [
        Fault(
            job_id="",
            what=f"the counts are wrong by {row.jobs} jobs {row.name!r} that are"
            f" {row.status}: correct them with `interlock maintain`",
        )
        for row in connection.execute(rows)
    ]


def recount(connection: sa.Connection, flavor: Flavor) -> None:
    """Make the tally anew from the history. It reads all of it."""
    tallied = _lock(connection)
    connection.execute(sa.delete(tally))
    add = _ADD.format(changes=_changes(flavor, "position <= :tallied"), sign="+")
    connection.execute(sa.text(add), {"tallied": tallied})
