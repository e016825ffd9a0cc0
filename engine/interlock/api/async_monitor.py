"""`Monitor` for asyncio: the same names, awaited."""

from collections.abc import Mapping
from datetime import datetime

from interlock.api.monitor import Monitor
from interlock.api.offload import Offload
from interlock.api.waiter import Waiting
from interlock.core.job import HistoryEntry
from interlock.core.records import EndedJob, FeedPosition, Stint, Totals


class AsyncMonitor:
    """See `Monitor`."""

    def __init__(self, monitor: Monitor, offload: Offload) -> None:
        self.sync = monitor
        self._offload = offload

    async def waiter(self) -> Waiting:
        """See `Monitor.waiter`."""
        return await self._offload.call(lambda: self.sync.waiter)

    async def check(self) -> None:
        """See `Monitor.check`."""
        await self._offload.call(self.sync.check)

    async def recent(self, limit: int = 100) -> list[HistoryEntry]:
        """See `Monitor.recent`."""
        return await self._offload.call(self.sync.recent, limit)

    async def ended_jobs(self, since: datetime, limit: int = 1000) -> list[EndedJob]:
        """See `Monitor.ended_jobs`."""
        return await self._offload.call(self.sync.ended_jobs, since, limit)

    async def stints(self, since: datetime, limit: int = 1000) -> list[Stint]:
        """See `Monitor.stints`."""
        return await self._offload.call(self.sync.stints, since, limit)

    async def totals(self) -> Totals:
        """See `Monitor.totals`."""
        return await self._offload.call(self.sync.totals)

    async def history_after(self, after: Mapping[str, int]) -> list[HistoryEntry]:
        """See `Monitor.history_after`."""
        return await self._offload.call(self.sync.history_after, after)

    async def feed(
        self, after: FeedPosition, *, limit: int
    ) -> list[tuple[FeedPosition, HistoryEntry]]:
        """See `Monitor.feed`."""
        return await self._offload.call(self.sync.feed, after, limit=limit)

    async def feed_end(self) -> FeedPosition:
        """See `Monitor.feed_end`."""
        return await self._offload.call(self.sync.feed_end)

    async def backlog(self, queue: str, *, limit: int) -> int:
        """See `Monitor.backlog`."""
        return await self._offload.call(self.sync.backlog, queue, limit=limit)
