"""Reads the events of many jobs from the store in memory, in their order."""

from collections.abc import Mapping

from interlock.core.job import HistoryEntry
from interlock.core.lifecycle import INITIAL
from interlock.core.records import FeedPosition
from interlock_adapters.memory.records import Records


class Feed:
    """Reads events from a position."""

    def __init__(self, records: Records) -> None:
        self._records = records

    def history_after(self, after: Mapping[str, int]) -> list[HistoryEntry]:
        """See `JobStore.history_after`."""
        with self._records.lock:
            return [
                entry
                for job_id in sorted(after)
                for entry in self._records.history.get(job_id, [])
                if entry.seq > after[job_id]
            ]

    def feed(
        self, after: FeedPosition, *, limit: int
    ) -> list[tuple[FeedPosition, HistoryEntry]]:
        """See `JobStore.feed`."""
        with self._records.lock:
            return [told for told in self._records.feed if told[0] > after][:limit]

    def feed_end(self) -> FeedPosition:
        """See `JobStore.feed_end`."""
        with self._records.lock:
            return FeedPosition(self._records.last_position + 1, "", 0)

    def backlog(self, queue: str, *, limit: int) -> int:
        """See `JobStore.backlog`."""
        waiting = self._records.select(INITIAL)
        return min(limit, sum(job.queue == queue for job in waiting))
