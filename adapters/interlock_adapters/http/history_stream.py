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

Told = tuple[FeedPosition, HistoryEntry]


@dataclass(eq=False, slots=True)
class _Listener:
    """A listener: its position, and the entries that it has not taken yet."""

    place: FeedPosition
    waiting: list[Told] = field(default_factory=list[Told])
    rung: asyncio.Event = field(default_factory=asyncio.Event)

    def tell(self, told: Told) -> None:
        """Queue an entry, if it is after the listener's position."""
        if told[0] > self.place:
            self.place = told[0]
            self.waiting.append(told)
            self.rung.set()

    async def take(self, timeout_s: float) -> list[Told]:
        """Return the queued entries; none if nothing came in time."""
        if not self.waiting:
            with suppress(TimeoutError):
                await asyncio.wait_for(self.rung.wait(), timeout_s)
        self.rung.clear()
        taken, self.waiting = self.waiting, []
        return taken


class Tail:
    """Feeds all listeners. Reads only while there is a listener."""

    def __init__(self, engine: AsyncEngine) -> None:
        self._engine = engine
        self._jobs: dict[str, set[_Listener]] = {}
        self._all: set[_Listener] = set()
        self._place = FeedPosition(0, "", 0)  # up to which `_all` was told
        self._changed = asyncio.Event()
        self._task: asyncio.Task[None] | None = None
        self.closed = False

    async def of_job(
        self, job_id: str, after: int, idle_s: float
    ) -> AsyncIterator[HistoryEntry | None]:
        """Yield a job's history after `after`; None after so long without an event."""
        listener = _Listener(FeedPosition(0, job_id, after))
        with self._listening(listener, job_id):
            while not self.closed:
                told = await listener.take(idle_s)
                for _, entry in told:
                    yield entry
                if not told and not self.closed:
                    yield None

    async def of_all(
        self, after: FeedPosition, idle_s: float
    ) -> AsyncIterator[list[Told]]:
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
            while (left := until - loop.time()) > 0 and not self.closed:
                told = await listener.take(left)
                if any(entry.target.is_terminal for _, entry in told):
                    break
        return await self._engine.get(job_id)

    async def changed(self, timeout_s: float) -> None:
        """Return after the next change of the store, or when the time is over."""
        await asyncio.sleep(_PAUSE_S)
        with suppress(TimeoutError):
            await asyncio.wait_for(self._changed.wait(), timeout_s)

    def close(self) -> None:
        """End every stream and every wait: the server shuts down."""
        self.closed = True
        self._changed.set()
        for some in (self._all, *self._jobs.values()):
            for listener in some:
                listener.rung.set()

    @contextmanager
    def _listening(self, listener: _Listener, job_id: str | None) -> Iterator[None]:
        """Register a listener, of one job or of all."""
        where = self._all if job_id is None else self._jobs.setdefault(job_id, set())
        where.add(listener)
        self._changed.set()  # look at once: what it wants may be there already
        if self._task is None or self._task.done():
            self._task = asyncio.create_task(self._read())
        try:
            yield
        finally:
            where.discard(listener)
            if job_id is not None and not where:
                self._jobs.pop(job_id, None)

    async def _read(self) -> None:
        loop = asyncio.get_running_loop()

        def ring() -> None:
            with suppress(RuntimeError):  # the loop is closed
                loop.call_soon_threadsafe(self._changed.set)

        waiting = await self._engine.monitor.waiter()
        with waiting.watching("", ring):
            while (self._all or self._jobs) and not self.closed:
                self._changed.clear()
                try:
                    await self._look()
                except StoreUnavailable as error:
                    _log.warning(
                        "The store does not answer, event streams wait: %s", error
                    )
                with suppress(TimeoutError):
                    await asyncio.wait_for(self._changed.wait(), _POLL_S)
                await asyncio.sleep(_PAUSE_S)

    async def _look(self) -> None:
        """Read once for all listeners, and give each what is new to it."""
        wanted = {
            job_id: min(listener.place.seq for listener in some)
            for job_id, some in self._jobs.items()
        }
        if wanted:
            for entry in await self._engine.monitor.history_after(wanted):
                told = (FeedPosition(0, entry.job_id, entry.seq), entry)
                for listener in self._jobs.get(entry.job_id, ()):
                    listener.tell(told)
        while self._all:
            page = await self._engine.monitor.feed(self._place, limit=_PAGE)
            for told in page:
                self._place = told[0]
                for listener in self._all:
                    listener.tell(told)
            self._all -= {x for x in self._all if len(x.waiting) > _MOST}
            if len(page) < _PAGE:
                break
