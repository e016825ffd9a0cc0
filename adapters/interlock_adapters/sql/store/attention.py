"""Reads which periodic duties of a worker have something to do: one SELECT for all."""

from datetime import datetime
from functools import cache
from typing import Final

import sqlalchemy as sa

from interlock.core.records import Needs
from interlock.core.uniqueness import SPARED
from interlock_adapters.sql.schema.column_types import UtcDateTime
from interlock_adapters.sql.schema.flavor import Flavor
from interlock_adapters.sql.schema.held import (
    AGING,
    DUE,
    ENDING,
    EXPIRING,
    PARKED,
    is_open,
)
from interlock_adapters.sql.schema.row_rules import RUNNING
from interlock_adapters.sql.store.database import Database
from interlock_adapters.sql.store.schedules import stoppable

_NOW: Final = sa.bindparam("now", type_=UtcDateTime())
_SPARED: Final = f"interval '{SPARED.total_seconds():g} seconds'"
_BEFORE: Final = sa.bindparam("spared", type_=UtcDateTime())


@cache
def _query(flavor: Flavor) -> sa.TextualSelect:
    # Not `Flavor.moment`: an index condition takes no volatile function. With one, each
    # look would walk all scheduled jobs.
    now = ":now" if flavor.now is None else "statement_timestamp()"

    def any_of(index: str, where: str) -> str:
        by = flavor.by_index(f"ix_interlock_job_{index}")
        return f"EXISTS (SELECT 1 FROM interlock_job {by} WHERE {where})"

    spared = ":spared" if flavor.now is None else f"{now} - {_SPARED}"
    by_next = flavor.by_index("ix_interlock_schedule_next")
    query = sa.text(f"""
SELECT {any_of("open", is_open("open"))} AS has_open,
  {any_of("running", f"status = '{RUNNING}' AND NOT kill_unconfirmed")} AS has_running,
  {any_of("expiry", f"{EXPIRING} AND expires_at < {now}")} AS has_expired,
  {any_of("deadline", f"{ENDING} AND deadline_at < {now}")} AS has_overdue,
  {any_of("held", PARKED)} AS has_parked,
  (SELECT min(run_at) FROM interlock_job {flavor.by_index("ix_interlock_job_due")}
   WHERE {DUE}) AS due,
  (SELECT min(at) FROM interlock_opening) AS opening,
  {any_of("aging", f"{AGING} AND next_age_at <= {now}")} AS has_aging,
  (SELECT min(next_at) FROM interlock_schedule {by_next} WHERE NOT paused) AS tick,
  EXISTS (SELECT 1 FROM interlock_schedule AS s WHERE {stoppable(flavor)})
    AS has_waiting,
  {now} AS present,
  EXISTS (SELECT 1 FROM interlock_unique WHERE until < {spared}) AS has_free
""")
    if flavor.now is None:
        query = query.bindparams(_NOW, _BEFORE)
    moments = dict.fromkeys(("due", "opening", "tick", "present"), UtcDateTime)
    return query.columns(**moments)


class Attention:
    """What an idle worker looks at."""

    def __init__(self, database: Database) -> None:
        self._db = database

    def needs(self, *, now: datetime) -> Needs:
        """See `JobStore.needs`."""
        flavor = self._db.flavor
        given = {"now": now, "spared": now - SPARED} if flavor.now is None else None
        (row,) = self._db.rows(_query(flavor), given)
        due_in_s, opens_in_s, tick_in_s = (
            None if row[name] is None else (row[name] - row["present"]).total_seconds()
            for name in ("due", "opening", "tick")
        )
        waits = [wait for wait in (due_in_s, opens_in_s) if wait is not None]
        due_in_s = min(waits, default=None)
        is_due = due_in_s is not None and due_in_s <= 0
        return Needs(
            claim=bool(row["has_open"]) or is_due,
            rescue=bool(row["has_running"]),
            expire=bool(row["has_expired"] or row["has_overdue"]),
            reopen=bool(row["has_parked"]) or bool(row["has_aging"]) or is_due,
            prune=bool(row["has_free"]),
            due_in_s=due_in_s,
            fire=bool(row["has_waiting"]) or (tick_in_s is not None and tick_in_s <= 0),
            tick_in_s=tick_in_s,
        )
