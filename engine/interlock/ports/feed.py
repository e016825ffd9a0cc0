"""The parts of `JobStore` for reading the event feed, and for statistics."""

from collections.abc import Mapping
from datetime import datetime
from typing import Protocol

from interlock.core.job import HistoryEntry
from interlock.core.records import Census, Ending, Place


class EventFeed(Protocol):
    """Reading on from where a reader was, and how much waits."""

    def news(self, after: Mapping[str, int]) -> list[HistoryEntry]:
        """Return the entries with a `seq` beyond the given one of each job.

        By job, each in the order of `seq`. A job that is gone has none.
        """
        ...

    def feed(self, after: Place, *, limit: int) -> list[tuple[Place, HistoryEntry]]:
        """Return the entries of all jobs beyond a place, up to `limit`, in order.

        An entry is left out until every entry that may still come before it is there:
        whoever reads on from the last place misses none. Of one job they come in the
        order of `seq`.
        """
        ...

    def feed_end(self) -> Place:
        """Return the place beyond all that is told now."""
        ...

    def backlog(self, queue: str, *, limit: int) -> int:
        """Return how many PENDING jobs a queue has, counted up to `limit`."""
        ...


class Statistics(Protocol):
    """Looking at everything at once."""

    def recent(self, limit: int) -> list[HistoryEntry]:
        """Return the newest entries of all jobs, the newest first."""
        ...

    def endings(self, since: datetime, *, limit: int) -> list[Ending]:
        """Return the jobs that ended at `since` or later, the last one first."""
        ...

    def census(self) -> Census:
        """Count everything. It reads all jobs: once in a while, not in a loop."""
        ...
