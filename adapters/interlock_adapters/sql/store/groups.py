"""Groups: jobs that were submitted together, and what became of them."""

from datetime import datetime
from typing import Any, Final

import sqlalchemy as sa

from interlock.core.errors import GroupNotFound
from interlock.core.job import Job
from interlock.core.lifecycle import JobStatus
from interlock.core.records import GroupInfo
from interlock_adapters.sql.schema import tables
from interlock_adapters.sql.schema.row_rules import LIVE
from interlock_adapters.sql.schema.tables import job
from interlock_adapters.sql.statements import rows
from interlock_adapters.sql.store.database import Database

_GROUP: Final = tables.group.c
_LIVE: Final = sorted(status.value for status in LIVE)
_newer = tables.job.alias("newer")
#: The jobs that stand for their place: none of it is newer.
_CURRENT: Final = ~sa.exists().where(
    _newer.c.group_id == job.c.group_id,
    _newer.c.group_index == job.c.group_index,
    _newer.c.id > job.c.id,
)


class Groups:
    """See `interlock.ports.groups`."""

    def __init__(self, database: Database) -> None:
        self._db = database

    def create(self, info: GroupInfo) -> None:
        """See `Groups.create`."""
        names = GroupInfo.__dataclass_fields__
        values: dict[str, Any] = {name: getattr(info, name) for name in names}
        if self._db.flavor.now is not None:
            values["created_at"] = sa.func.clock_timestamp()
        new = sa.insert(tables.group).values(values)
        self._db.repeated(lambda connection: connection.execute(new))

    def close(self, group_id: str, *, now: datetime) -> None:
        """See `Groups.close`."""
        at: Any = now if self._db.flavor.now is None else sa.func.clock_timestamp()
        change = (
            sa.update(tables.group)
            .where(_GROUP.id == group_id, _GROUP.closed_at.is_(None))
            .values(closed_at=at)
        )
        self._db.repeated(lambda connection: connection.execute(change))
        self.get(group_id)

    def get(self, group_id: str) -> GroupInfo:
        """See `Groups.get`."""
        found = self._db.rows(sa.select(tables.group).where(_GROUP.id == group_id))
        if not found:
            raise GroupNotFound(group_id)
        return GroupInfo(**found[0])

    def newest(self, *, before: str | None = None, limit: int = 50) -> list[GroupInfo]:
        """See `Groups.newest`."""
        query = sa.select(tables.group).order_by(_GROUP.id.desc()).limit(limit)
        if before is not None:
            query = query.where(_GROUP.id < before)
        return [GroupInfo(**row) for row in self._db.rows(query)]

    def counts(self, group_id: str) -> dict[JobStatus, int]:
        """See `Groups.counts`."""
        query = (
            sa.select(job.c.status, sa.func.count().label("many"))
            .where(job.c.group_id == group_id, _CURRENT)
            .group_by(job.c.status)
        )
        found = dict.fromkeys(JobStatus, 0)
        for row in self._db.rows(query):
            found[rows.to_status(row["status"])] = row["many"]
        return found

    def members(
        self, group_id: str, *, after: int = -1, limit: int = 1000
    ) -> list[Job]:
        """See `Groups.members`."""
        return self._jobs(
            sa.select(job)
            .where(job.c.group_id == group_id, job.c.group_index > after, _CURRENT)
            .order_by(job.c.group_index)
            .limit(limit)
        )

    def unfinished(self, group_id: str) -> str | None:
        """See `Groups.unfinished`."""
        query = (
            sa.select(job.c.id)
            .where(job.c.group_id == group_id, job.c.status.in_(_LIVE))
            .order_by(job.c.group_index)
            .limit(1)
        )
        found = self._db.rows(query)
        return str(found[0]["id"]) if found else None

    def ended_after(
        self, group_id: str, after: tuple[datetime, str] | None, *, limit: int = 100
    ) -> list[Job]:
        """See `Groups.ended_after`."""
        query = sa.select(job).where(
            job.c.group_id == group_id, job.c.finished_at.is_not(None)
        )
        if after is not None:
            at, job_id = after
            is_same = (job.c.finished_at == at) & (job.c.id > job_id)
            query = query.where((job.c.finished_at > at) | is_same)
        return self._jobs(query.order_by(job.c.finished_at, job.c.id).limit(limit))

    def _jobs(self, query: sa.Select[Any]) -> list[Job]:
        now = self._db.clock.now()
        return [rows.to_job(row, now=now) for row in self._db.rows(query)]


def forget_empty(connection: sa.Connection, ids: list[str]) -> None:
    """Delete those of some closed groups that have no job any more."""
    has_job = sa.exists().where(job.c.group_id == _GROUP.id)
    empty = _GROUP.id.in_(ids) & _GROUP.closed_at.is_not(None) & ~has_job
    connection.execute(sa.delete(tables.group).where(empty))
