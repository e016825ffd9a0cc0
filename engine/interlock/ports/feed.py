"""The parts of `JobStore` for reading the event feed, and for statistics."""

from collections.abc import Mapping
from datetime import datetime
from typing import Protocol

from interlock.core.job import HistoryEntry
from interlock.core.records import EndedJob, FeedPosition, Stint, Totals


class EventFeed(Protocol):
    """Reading events from a position, and counting waiting jobs."""

    def history_after(self, after: Mapping[str, int]) -> list[HistoryEntry]:
        """Return the entries of these jobs with a `seq` above the given one.

        Grouped by job, in the order of `seq`. A deleted job has none.
        """
        ...

    def feed(
        self, after: FeedPosition, *, limit: int
    ) -> list[tuple[FeedPosition, HistoryEntry]]:
        """Return up to `limit` entries of all jobs after a position, in order.

        An entry is left out until every entry before it is committed, so a reader that
        continues from the last position misses none. The entries of one job come in the
        order of `seq`.
        """
        ...

    def feed_end(self) -> FeedPosition:
        """Return the position after the newest entry that `feed` returns now."""
        ...

    def backlog(self, queue: str, *, limit: int) -> int:
        """Return how many PENDING jobs a queue has, counted up to `limit`."""
        ...


class Statistics(Protocol):
    """Overviews of all jobs."""

    def recent(self, limit: int) -> list[HistoryEntry]:
        """Return the newest entries of all jobs, the newest first."""
        ...

    def ended_jobs(self, since: datetime, *, limit: int) -> list[EndedJob]:
        """Return the jobs that ended at `since` or later, newest end first."""
        ...

    def stints(self, since: datetime, *, limit: int) -> list[Stint]:
        """Return attempts that run, or ended at `since` or later; first claim first.

        Of those that ended, only jobs with one of the newest `limit` entries are looked
        at.
        """
        ...

    def totals(self) -> Totals:
        """Count jobs by name and status, and rejections."""
        ...

    def take_stock(self) -> bool:
        """Prepare the next counts, so that they need not read all events.

        Returns:
            Whether there is more to do.
        """
        ...
