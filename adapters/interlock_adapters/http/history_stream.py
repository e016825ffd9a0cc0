"""Reads new history once for all listeners: event streams, and requests that wait.

However many listen, a change of the store costs one query for all jobs that somebody
listens to, and one for those who listen to everything. No listener holds a thread.
"""

import asyncio
import logging
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from typing import Final

from interlock.api.aio import AsyncEngine
from interlock.core.errors import StoreUnavailable
from interlock.core.job import HistoryEntry, Job
from interlock.core.records import FeedPosition

_log = logging.getLogger("interlock.http")
_POLL_S: Final = 1.0  # behind every wake-up
_PAUSE_S: Final = 0.02  # between two looks: a burst of commits is read at once
_PAGE: Final = 500
_MOST: Final = 10_000  # entries that may wait for a slow listener

FeedItem = tuple[FeedPosition, HistoryEntry]


@dataclass(eq=False, slots=True)
class _Listener:
    """A listener: its position, and the entries that it has not taken yet."""

    place: FeedPosition
    waiting: list[FeedItem] = field(default_factory=list[FeedItem])
    has_news: asyncio.Event = field(default_factory=asyncio.Event)

    def add(self, item: FeedItem) -> None:
        """Queue an entry, if it is after the listener's position."""
        if item[0] > self.place:
            self.place = item[0]
            self.waiting.append(item)
            self.has_news.set()

    async def take(self, timeout_s: float) -> list[FeedItem]:
        """Return the queued entries; none if nothing came in time."""
        if not self.waiting:
            with suppress(TimeoutError):
                await asyncio.wait_for(self.has_news.wait(), timeout_s)
        self.has_news.clear()
        items, self.waiting = self.waiting, []
        return items


class Tail:
    """Feeds all listeners. Reads only while there is a listener."""

    def __init__(self, engine: AsyncEngine) -> None:
        self._engine = engine
        self._jobs: dict[str, set[_Listener]] = {}
        self._all: set[_Listener] = set()
        self._place = FeedPosition(0, "", 0)  # up to which `_all` was told
        self._has_changed = asyncio.Event()
        self._task: asyncio.Task[None] | None = None
        self.closed = False

    async def of_job(
        self, job_id: str, after: int, idle_s: float
    ) -> AsyncIterator[HistoryEntry | None]:
        """Yield a job's history after `after`; None after so long without an event."""
        listener = _Listener(FeedPosition(0, job_id, after))
        with self._listening(listener, job_id):
            while not self.closed:
                items = await listener.take(idle_s)
                for _, entry in items:
                    yield entry
                if not items and not self.closed:
                    yield None

    async def of_all(
        self, after: FeedPosition, idle_s: float
    ) -> AsyncIterator[list[FeedItem]]:
        """Yield events of all jobs after a position; [] after so long without one."""
        while not self.closed:
            end = await self._engine.monitor.feed_end()
            after = min(after, end)  # else it is a place of another database
            self._place = self._place if self._all else end
            listener = _Listener(after)
            # It is told from here on, and reads what was before: what comes twice is
            # left out, and nothing can come between.
            with self._listening(listener, None):
                while page := await self._engine.monitor.feed(after, limit=_PAGE):
                    yield page
                    after = page[-1][0]
                while listener in self._all and not self.closed:
                    new = [t for t in await listener.take(idle_s) if t[0] > after]
                    after = new[-1][0] if new else after
                    if not self.closed:
                        yield new

    async def ended(self, job_id: str, timeout_s: float) -> Job:
        """Return the job when it has ended or the time is over.

        Raises:
            JobNotFound: it is not there, or not there any more.
        """
        loop = asyncio.get_running_loop()
        until = loop.time() + timeout_s
        job = await self._engine.get(job_id)
        if job.is_terminal:
            return job
        listener = _Listener(FeedPosition(0, job_id, 0))
        with self._listening(listener, job_id):
            while (left_s := until - loop.time()) > 0 and not self.closed:
                items = await listener.take(left_s)
                if any(entry.target.is_terminal for _, entry in items):
                    break
        return await self._engine.get(job_id)

    async def changed(self, timeout_s: float) -> None:
        """Return after the next change of the store, or when the time is over."""
        await asyncio.sleep(_PAUSE_S)
        with suppress(TimeoutError):
            await asyncio.wait_for(self._has_changed.wait(), timeout_s)

    def close(self) -> None:
        """End every stream and every wait: the server shuts down."""
        self.closed = True
        self._has_changed.set()
        for listeners in (self._all, *self._jobs.values()):
            for listener in listeners:
                listener.has_news.set()

    @contextmanager
    def _listening(self, listener: _Listener, job_id: str | None) -> Iterator[None]:
        """Register a listener, of one job or of all."""
        listeners = (
            self._all if job_id is None else self._jobs.setdefault(job_id, set())
        )
        listeners.add(listener)
        self._has_changed.set()  # look at once: what it wants may be there already
        if self._task is None or self._task.done():
            self._task = asyncio.create_task(self._read())
        try:
            yield
        finally:
            listeners.discard(listener)
            if job_id is not None and not listeners:
                self._jobs.pop(job_id, None)

    async def _read(self) -> None:
        loop = asyncio.get_running_loop()

        def ring() -> None:
            with suppress(RuntimeError):  # the loop is closed
                loop.call_soon_threadsafe(self._has_changed.set)

        waiter = await self._engine.monitor.waiter()
        with waiter.watching("", ring):
            while (self._all or self._jobs) and not self.closed:
                self._has_changed.clear()
                try:
                    await self._look()
                except StoreUnavailable as error:
                    _log.warning(
                        "The store does not answer, event streams wait: %s", error
                    )
                with suppress(TimeoutError):
                    await asyncio.wait_for(self._has_changed.wait(), _POLL_S)
                await asyncio.sleep(_PAUSE_S)

    async def _look(self) -> None:
        """Read once for all listeners, and give each what is new to it."""
        after = {
            job_id: min(listener.place.seq for listener in listeners)
            for job_id, listeners in self._jobs.items()
        }
        if after:
            for entry in await self._engine.monitor.history_after(after):
                item = (FeedPosition(0, entry.job_id, entry.seq), entry)
                for listener in self._jobs.get(entry.job_id, ()):
                    listener.add(item)
        while self._all:
            page = await self._engine.monitor.feed(self._place, limit=_PAGE)
            for item in page:
                self._place = item[0]
                for listener in self._all:
                    listener.add(item)
            self._all -= {x for x in self._all if len(x.waiting) > _MOST}
            if len(page) < _PAGE:
                break
