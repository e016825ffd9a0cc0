"""`Engine.monitor`: the event feed and statistics, for servers and dashboards."""

import threading
from collections.abc import Mapping
from datetime import datetime

from interlock.api.waiter import Waiting
from interlock.core.bounds import check_whole
from interlock.core.job import HistoryEntry
from interlock.core.records import EndedJob, FeedPosition, Stint, Totals
from interlock.jobs.options import check_instant
from interlock.ports.store import JobStore


class Monitor:
    """The history of all jobs, and statistics. See `Engine.monitor`."""

    def __init__(self, store: JobStore) -> None:
        self._store = store
        self._lock = threading.Lock()
        self._waiter: Waiting | None = None

    @property
    def waiter(self) -> Waiting:
        """The thread that watches the store for all waiters; started when needed."""
        with self._lock:
            if self._waiter is None:
                self._waiter = Waiting(self._store)
            return self._waiter

    def close(self) -> None:
        """Stop the waiter."""
        with self._lock:
            waiter, self._waiter = self._waiter, None
        if waiter is not None:
            waiter.close()

    def check(self) -> None:
        """Check that the store can be used. Raises StoreUnavailable."""
        self._store.check()

    def recent(self, limit: int = 100) -> list[HistoryEntry]:
        """Return the newest history entries of all jobs, the newest first."""
        check_whole("limit", limit)
        return self._store.recent(limit)

    def ended_jobs(self, since: datetime, limit: int = 1000) -> list[EndedJob]:
        """Return the jobs that ended since a time, and how; newest end first."""
        check_instant("since", since)
        check_whole("limit", limit)
        return self._store.ended_jobs(since, limit=limit)

    def stints(self, since: datetime, limit: int = 1000) -> list[Stint]:
        """Return the attempts that run, or ended since a time; the first claim first.

        Of those that ended, only jobs are looked at to which the newest `limit` events
        of the store happened.
        """
        check_instant("since", since)
        check_whole("limit", limit)
        return self._store.stints(since, limit=limit)

    def totals(self) -> Totals:
        """Count jobs by name and status, and refused events. Slow: reads all jobs."""
        return self._store.totals()

    def history_after(self, after: Mapping[str, int]) -> list[HistoryEntry]:
        """Return these jobs' history entries with a higher `seq` than the given one."""
        return self._store.history_after(after)

    def feed(
        self, after: FeedPosition, *, limit: int
    ) -> list[tuple[FeedPosition, HistoryEntry]]:
        """Return the events of all jobs after a position, with the position of each."""
        check_whole("limit", limit)
        return self._store.feed(after, limit=limit)

    def feed_end(self) -> FeedPosition:
        """Return the position after the newest event, to read only later ones."""
        return self._store.feed_end()

    def backlog(self, queue: str, *, limit: int) -> int:
        """Return how many jobs wait in a queue, counted up to `limit`."""
        check_whole("limit", limit)
        return self._store.backlog(queue, limit=limit)
