"""Groups of the store in memory."""

from dataclasses import replace
from datetime import datetime

from interlock.core.errors import GroupNotFound, InterlockError
from interlock.core.job import Job, NewJob
from interlock.core.lifecycle import JobStatus
from interlock.core.records import GroupInfo
from interlock_adapters.memory.records import Records


class Groups:
    """See `interlock.ports.groups`."""

    def __init__(self, records: Records) -> None:
        self._records = records

    def create(self, info: GroupInfo) -> None:
        """See `Groups.create`."""
        self._records.groups[info.id] = info

    def close(self, group_id: str, *, now: datetime) -> None:
        """See `Groups.close`."""
        info = self.get(group_id)
        if info.closed_at is None:
            self._records.groups[group_id] = replace(info, closed_at=now)

    def get(self, group_id: str) -> GroupInfo:
        """See `Groups.get`."""
        if group_id not in self._records.groups:
            raise GroupNotFound(group_id)
        return self._records.groups[group_id]

    def newest(self, *, before: str | None = None, limit: int = 50) -> list[GroupInfo]:
        """See `Groups.newest`."""
        ids = sorted(self._records.groups, reverse=True)
        some = [i for i in ids if before is None or i < before][:limit]
        return [self._records.groups[group_id] for group_id in some]

    def refuse_closed(self, new: NewJob) -> None:
        """Refuse a job that is added to a closed group, as the guards of SQL do."""
        if new.group_id is None:
            return
        again = self._records.jobs.get(new.rerun_of or "")
        place = new.group_id, new.group_index
        is_again = again and (again.group_id, again.group_index) == place
        info = self._records.groups.get(new.group_id)
        if info is None or not (info.closed_at is None or is_again):
            message = "a job is added only to a group that is open"
            raise InterlockError(f"{message}. Nothing was written.")

    def counts(self, group_id: str) -> dict[JobStatus, int]:
        """See `Groups.counts`."""
        found = dict.fromkeys(JobStatus, 0)
        for job in self._current(group_id):
            found[job.status] += 1
        return found

    def _current(self, group_id: str) -> list[Job]:
        newest: dict[int, Job] = {}
        with self._records.lock:
            for job in self._records.jobs.values():
                if job.group_id == group_id and job.group_index is not None:
                    other = newest.get(job.group_index)
                    if other is None or other.id < job.id:
                        newest[job.group_index] = job
        return [newest[index] for index in sorted(newest)]

    def members(
        self, group_id: str, *, after: int = -1, limit: int = 1000
    ) -> list[Job]:
        """See `Groups.members`."""
        now = self._records.clock.now()
        found = [
            replace(job, read_at=now)
            for job in self._current(group_id)
            if job.group_index is not None and job.group_index > after
        ]
        return found[:limit]

    def unfinished(self, group_id: str) -> str | None:
        """See `Groups.unfinished`."""
        live = (job.id for job in self._current(group_id) if not job.is_terminal)
        return next(live, None)

    def ended_after(
        self, group_id: str, after: tuple[datetime, str] | None, *, limit: int = 100
    ) -> list[Job]:
        """See `Groups.ended_after`."""
        with self._records.lock:
            ended = [
                (job.finished_at, job.id, job)
                for job in self._records.jobs.values()
                if job.group_id == group_id and job.finished_at is not None
            ]
        ended.sort(key=lambda each: each[:2])
        found = [job for at, i, job in ended if after is None or (at, i) > after]
        return found[:limit]
