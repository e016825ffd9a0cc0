"""Deletes ended jobs that their retention does not keep, as it walks over them.

A walk goes from the first that ended to the last, and then begins anew. A step looks at
`_LOOK` jobs and deletes `PURGE_BATCH` at most, so that it holds nobody up for long.
"""

from collections.abc import Mapping
from datetime import datetime
from typing import Final

import sqlalchemy as sa

from interlock.core.lifecycle import JobStatus
from interlock.core.retention import Keep
from interlock.ports.store import PURGE_BATCH
from interlock_adapters.sql.schema.column_types import UtcDateTime
from interlock_adapters.sql.store import maintenance, tally
from interlock_adapters.sql.store.database import Database

_LOOK: Final = 2_000
_WHEN: Final = UtcDateTime()
_FIRST: Final = "finished_at IS NOT NULL"
_NEXT: Final = (
    "finished_at IS NOT NULL AND finished_at >= :at AND (finished_at > :at OR id > :id)"
)


class Forgetting:
    """Walks over ended jobs."""

    def __init__(self, database: Database) -> None:
        self._db = database

    def forget_ended(
        self,
        kept: Mapping[tuple[str, JobStatus], Keep],
        after: str,
        *,
        now: datetime,
    ) -> tuple[str, bool]:
        """See `JobStore.forget_ended`."""
        present = self._present(now)
        excess = self._excess(kept)
        ids: list[str] = []
        last = ""
        found = self._some(after)
        for row in found:
            last = f"{row['finished_at'].isoformat()} {row['id']}"
            kind = row["name"], JobStatus(row["status"])
            keep = kept.get(kind)
            if keep is None:
                continue
            is_old = keep.age is not None and row["finished_at"] < present - keep.age
            is_surplus = keep.jobs is not None and excess.get(kind, 0) > 0
            if is_old or is_surplus:
                ids.append(row["id"])
                excess[kind] = excess.get(kind, 0) - 1
                if len(ids) == PURGE_BATCH:
                    break
        if ids:
            flavor = self._db.flavor
            self._db.repeated(lambda own: maintenance.delete(own, ids, flavor))
        is_through = len(found) < _LOOK and len(ids) < PURGE_BATCH
        return ("", False) if is_through else (last, True)

    def _present(self, now: datetime) -> datetime:
        if self._db.flavor.now is None:
            return now
        with self._db.read() as connection:
            return self._db.present(connection)

    def _excess(
        self, kept: Mapping[tuple[str, JobStatus], Keep]
    ) -> dict[tuple[str, JobStatus], int]:
        """Return how many jobs there are beyond those that are kept by number."""
        if all(keep.jobs is None for keep in kept.values()):
            return {}
        counts = tally.counted(self._db)
        return {
            kind: counts.get((kind[0], kind[1].value), 0) - keep.jobs
            for kind, keep in kept.items()
            if keep.jobs is not None
        }

    def _some(self, after: str) -> list[sa.RowMapping]:
        """Return the next ended jobs."""
        by = self._db.flavor.by_index("ix_interlock_job_finished")
        where, given = _FIRST, {}
        if after:
            at, _, job_id = after.partition(" ")
            where, given = _NEXT, {"at": datetime.fromisoformat(at), "id": job_id}
        query = sa.text(
            f"SELECT id, name, status, finished_at FROM interlock_job {by}"
            f" WHERE {where} ORDER BY finished_at, id LIMIT {_LOOK}"
        )
        if after:
            query = query.bindparams(sa.bindparam("at", type_=_WHEN))
        return self._db.rows(query.columns(finished_at=_WHEN), given)
