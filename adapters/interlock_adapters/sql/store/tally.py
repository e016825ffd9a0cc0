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
_AFTER: Final = "position > (SELECT tallied FROM interlock_feed)"
#: Each job is sought by its key, whatever the planner knows of the tables.
_OF_JOB: Final = {
    True: "CROSS JOIN LATERAL (SELECT name FROM interlock_job"
    " WHERE id = h.job_id LIMIT 1) AS j",
    False: "CROSS JOIN interlock_job AS j WHERE j.id = h.job_id",
}
_CHANGES: Final = (
    "SELECT name, status, sum(jobs) AS jobs FROM ("
    "SELECT name, target AS status, jobs FROM ({moved}) AS gained"
    " UNION ALL SELECT name, source, -jobs FROM ({moved}) AS lost"
    " WHERE source IS NOT NULL) AS changes GROUP BY name, status"
)
_ADD: Final = (
    "INSERT INTO interlock_tally (name, status, jobs) {changes}"
    " ON CONFLICT (name, status) DO UPDATE"
    " SET jobs = interlock_tally.jobs {sign} excluded.jobs"
)
Counts = dict[tuple[str, str], int]  # by name and status


def _events(flavor: Flavor, which: str, *, of_jobs: bool = False) -> str:
    by = "" if of_jobs else flavor.by_index("ix_interlock_history_feed")
    return f"interlock_history {by} WHERE {which}"


def _moved(flavor: Flavor, events: str) -> str:
    """Return the query of how many jobs of a name went from one status to another."""
    return (
        "SELECT j.name AS name, h.source AS source, h.target AS target,"
        f" count(*) AS jobs FROM (SELECT job_id, source, target FROM {events}) AS h"
        f" {_OF_JOB[flavor.is_postgres]} GROUP BY j.name, h.source, h.target"
    )


def _add(flavor: Flavor, events: str, sign: str) -> sa.TextClause:
    changes = _CHANGES.format(moved=_moved(flavor, events))
    return sa.text(_ADD.format(changes=changes, sign=sign))


def counted(database: Database) -> Counts:
    """Return how many jobs there are of each name and status.

    Many events that are not in the tally are first taken into it, where that can be
    written.
    """
    with suppress(StoreUnavailable):
        while take_in(database, least=BATCH):
            pass
    most = 2 * BATCH
    rows = _tally_and_later(database, f" ORDER BY position LIMIT {most}")
    if sum(row["jobs"] for row in rows if row["is_later"]) == most:
        rows = _tally_and_later(database, "")  # more: some may not be settled for long
    found: Counts = {}
    for row in rows:
        for status, many in (
            (row["target"], row["jobs"]),
            (row["source"], -row["jobs"]),
        ):
            if status is not None:
                kind = (row["name"], status)
                found[kind] = found.get(kind, 0) + many
    return {kind: many for kind, many in found.items() if many}


def _tally_and_later(database: Database, bound: str) -> list[sa.RowMapping]:
    """Return the tally, as moves from nowhere, and the moves after it: one state."""
    later = _moved(database.flavor, _events(database.flavor, _AFTER + bound))
    return database.rows(
        sa.text(
            "SELECT name, NULL AS source, status AS target, jobs, 0 AS is_later"
            f" FROM interlock_tally UNION ALL SELECT later.*, 1 FROM ({later}) AS later"
        )
    )


def take_in(database: Database, *, least: int = 1) -> bool:
    """Take up to `BATCH` events into the tally, if there are at least so many.

    Returns:
        Whether there may be more.
    """
    flavor = database.flavor
    settled = f"{_AFTER} AND position < {HORIZON}" if flavor.is_postgres else _AFTER
    first = f"SELECT position FROM {_events(flavor, settled)} ORDER BY position LIMIT"
    waiting = sa.text(f"SELECT count(*) AS many FROM ({first} {least}) AS waiting")
    if database.rows(waiting)[0]["many"] < least:
        return False

    def take(connection: sa.Connection) -> bool:
        free = sa.select(feed.c.tallied).with_for_update(skip_locked=True)
        tallied = connection.execute(free).scalar()
        if tallied is None:  # somebody deletes, or takes them: nobody waits for that
            return False
        newest = f"SELECT max(position) FROM ({first} {BATCH}) AS batch"
        last = connection.scalar(sa.text(newest))
        if last is None:  # another one took them
            return False
        events = _events(flavor, "position > :tallied AND position <= :last")
        taken = {"tallied": tallied, "last": last}
        connection.execute(_add(flavor, events, "+"), taken)
        connection.execute(sa.update(feed).values(tallied=last))
        return True

    return database.repeated(take, durable=False)


def take_out(connection: sa.Connection, ids: Sequence[str], flavor: Flavor) -> None:
    """Take jobs that are about to be deleted out of the tally."""
    tallied = _lock(connection)
    which = "job_id IN :ids AND position + 0 <= :tallied"  # never by the position
    subtract = _add(flavor, _events(flavor, which, of_jobs=True), "-")
    each = subtract.bindparams(sa.bindparam("ids", expanding=True))
    connection.execute(each, {"ids": ids, "tallied": tallied})
    if not flavor.is_postgres:  # their positions are not given again
        end = sa.text("(SELECT coalesce(max(position), 0) FROM interlock_history)")
        connection.execute(sa.update(feed).values(base=sa.func.max(feed.c.base, end)))


def _lock(connection: sa.Connection) -> Any:
    """Lock the tally until the transaction ends; return the last position in it."""
    return connection.execute(sa.select(feed.c.tallied).with_for_update()).scalar_one()


def faults(connection: sa.Connection, flavor: Flavor) -> list[Fault]:
    """Return where the tally does not agree with the jobs."""
    later = _CHANGES.format(moved=_moved(flavor, _events(flavor, _AFTER)))
    rows = sa.text(
        "SELECT name, status, sum(jobs) AS jobs FROM ("
        f"SELECT name, status, jobs FROM interlock_tally UNION ALL {later}"
        " UNION ALL SELECT name, status, -count(*) FROM interlock_job"
        " GROUP BY name, status) AS every GROUP BY name, status HAVING sum(jobs) <> 0"
    )
    return [
        Fault(
            job_id="",
            what=f"the counts are wrong by {row.jobs} jobs {row.name!r} that are"
            f" {row.status}: `interlock maintain` corrects them",
        )
        for row in connection.execute(rows)
    ]


def recount(connection: sa.Connection, flavor: Flavor) -> None:
    """Make the tally anew from the history. It reads all of it."""
    tallied = _lock(connection)
    connection.execute(sa.delete(tally))
    events = _events(flavor, "position <= :tallied")
    connection.execute(_add(flavor, events, "+"), {"tallied": tallied})
