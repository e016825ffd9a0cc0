"""The part of `JobStore` that keeps groups: jobs that were submitted together.

A job of a group has a place in it (`Job.group_index`). Where a job was run again within
the group, the newest one of a place stands for it.
"""

from datetime import datetime
from typing import Protocol

from interlock.core.job import Job
from interlock.core.lifecycle import JobStatus
from interlock.core.records import GroupInfo


class Groups(Protocol):
    """Groups, and their jobs. A job is added by `JobStore.add`, while it is open."""

    def create(self, info: GroupInfo) -> None:
        """Store a new group."""
        ...

    def close(self, group_id: str, *, now: datetime) -> None:
        """Add no more jobs, but those that run one of it again. Again is no error.

        Raises:
            GroupNotFound: no group has this id.
        """
        ...

    def get(self, group_id: str) -> GroupInfo:
        """Return a group. Raises GroupNotFound."""
        ...

    def newest(self, *, before: str | None = None, limit: int = 50) -> list[GroupInfo]:
        """Return groups with `id < before`, the newest first."""
        ...

    def counts(self, group_id: str) -> dict[JobStatus, int]:
        """Return how many jobs of a group have each status; zeros included."""
        ...

    def members(
        self, group_id: str, *, after: int = -1, limit: int = 1000
    ) -> list[Job]:
        """Return the jobs of a group with `group_index > after`, in that order."""
        ...

    def unfinished(self, group_id: str) -> str | None:
        """Return the id of a job of a group that has not ended, None if all have."""
        ...

    def ended_after(
        self, group_id: str, after: tuple[datetime, str] | None, *, limit: int = 100
    ) -> list[Job]:
        """Return jobs of a group by (`finished_at`, id), from `after` on."""
        ...
