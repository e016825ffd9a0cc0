"""Reads the events of many jobs, in an order that misses none.

SQLite has one writer, so its positions are the order of the commits. In PostgreSQL the
position is the id of the transaction: an older one may commit after a newer one,
so only what lies below every transaction that runs in this database is told.
"""

import json
from collections.abc import Mapping
from typing import Final

import sqlalchemy as sa

from interlock.core.job import HistoryEntry
from interlock.core.lifecycle import INITIAL
from interlock.core.records import FeedPosition
from interlock_adapters.sql.schema.tables import history
from interlock_adapters.sql.statements import rows
from interlock_adapters.sql.store.database import Database

#: The oldest transaction that runs, else the next one. `pg_snapshot_xmin` would wait
#: for other databases of the server too; what is not known to be of one counts.
_XMIN: Final = (
    "(SELECT coalesce(min(CAST(CAST(x AS text) AS bigint)),"
    " CAST(CAST(pg_snapshot_xmax(pg_current_snapshot()) AS text) AS bigint))"
    " FROM pg_snapshot_xip(pg_current_snapshot()) AS x WHERE NOT EXISTS ("
    "SELECT 1 FROM pg_locks AS held JOIN pg_stat_activity AS who ON who.pid = held.pid"
    " JOIN pg_database AS here ON here.datname = current_database()"
    " WHERE held.locktype = 'transactionid' AND held.mode = 'ExclusiveLock'"
    " AND held.granted AND held.transactionid = CAST(x AS xid)"
    " AND who.datid <> here.oid))"
)
#: Below this position nothing is written any more (PostgreSQL).
HORIZON: Final = f"(SELECT base + {_XMIN} FROM interlock_feed)"
_END: Final = {
    True: f"SELECT {HORIZON} AS position",
    False: "SELECT max(base, (SELECT coalesce(max(position), 0)"
    " FROM interlock_history)) + 1 AS position FROM interlock_feed",
}
_EACH: Final = {
    True: "jsonb_each_text(CAST(:jobs AS jsonb)) AS w JOIN interlock_history AS h"
    " ON h.job_id = w.key AND h.seq > CAST(w.value AS integer)",
    False: "json_each(:jobs) AS w CROSS JOIN interlock_history AS h"
    " ON h.job_id = w.key AND h.seq > w.value",
}
#: With the condition twice, so that either database seeks its index.
_BEYOND: Final = (
    "position >= :position AND (position > :position OR job_id > :job_id"
    " OR (job_id = :job_id AND seq > :seq))"
)


def _typed(text: str) -> sa.TextualSelect:
    columns = {column.name: column.type for column in history.c}
    return sa.text(text).columns(**columns)


class Feed:
    """Reads events from a position."""

    def __init__(self, database: Database) -> None:
        self._db = database

    def history_after(self, after: Mapping[str, int]) -> list[HistoryEntry]:
        """See `JobStore.history_after`."""
        each = _EACH[self._db.flavor.is_postgres]
        query = _typed(f"SELECT h.* FROM {each} ORDER BY h.job_id, h.seq")
        found = self._db.rows(query, {"jobs": json.dumps(dict(after))})
        return [rows.to_history(row) for row in found]

    def feed(
        self, after: FeedPosition, *, limit: int
    ) -> list[tuple[FeedPosition, HistoryEntry]]:
        """See `JobStore.feed`."""
        settled = f" AND position < {HORIZON}" if self._db.flavor.is_postgres else ""
        query = _typed(
            f"SELECT * FROM interlock_history WHERE {_BEYOND}{settled}"
            " ORDER BY position, job_id, seq LIMIT :limit"
        )
        found = self._db.rows(query, {**after._asdict(), "limit": limit})
        return [
            (
                FeedPosition(row["position"], row["job_id"], row["seq"]),
                rows.to_history(row),
            )
            for row in found
        ]

    def feed_end(self) -> FeedPosition:
        """See `JobStore.feed_end`."""
        (row,) = self._db.rows(sa.text(_END[self._db.flavor.is_postgres]))
        return FeedPosition(row["position"], "", 0)

    def backlog(self, queue: str, *, limit: int) -> int:
        """See `JobStore.backlog`."""
        by = self._db.flavor.by_index("ix_interlock_job_waiting")
        query = sa.text(
            "SELECT count(*) AS many FROM (SELECT 1 FROM interlock_job"
            f" {by} WHERE status = '{INITIAL}' AND queue = :queue LIMIT :limit) AS w"
        )
        (row,) = self._db.rows(query, {"queue": queue, "limit": limit})
        return int(row["many"])
