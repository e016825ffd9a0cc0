"""`Group` for asyncio: the same names, awaited."""

import asyncio
from collections.abc import AsyncIterator
from typing import TYPE_CHECKING, Any, Generic, Self, TypeVar

from interlock.api.bulk import BulkResult
from interlock.api.group import Group
from interlock.api.handle import AsyncJobHandle
from interlock.core.bounds import check_wait
from interlock.core.errors import WaitTimeout
from interlock.core.job import Job
from interlock.core.lifecycle import JobStatus
from interlock.core.progress import Progress
from interlock.core.records import GroupInfo
from interlock.jobs.registry import JobFunction

if TYPE_CHECKING:
    from interlock.api.aio import AsyncEngine

R_co = TypeVar("R_co", covariant=True)
_Counts = dict[JobStatus, int]
_Jobs = list[Job]
_LOOK_S = 0.2


class AsyncGroup(Generic[R_co]):
    """See `Group`."""

    def __init__(self, group: Group[R_co], engine: "AsyncEngine") -> None:
        self.sync = group
        self.id = group.id
        self.name = group.name
        self._engine = engine
        self._call = engine._call  # noqa: SLF001  (a part of it)

    async def __aenter__(self) -> Self:
        await self._call(self.sync.info)
        self.sync.__enter__()
        return self

    async def __aexit__(self, *_raised: object) -> None:
        self.sync.leave()
        await self.close()

    async def info(self) -> GroupInfo:
        """See `Group.info`."""
        return await self._call(self.sync.info)

    async def close(self) -> None:
        """See `Group.close`."""
        await self._call(self.sync.close)

    async def counts(self) -> _Counts:
        """See `Group.counts`."""
        return await self._call(self.sync.counts)

    async def progress(self) -> Progress:
        """See `Group.progress`."""
        return await self._call(self.sync.progress)

    async def jobs(self) -> _Jobs:
        """Return its jobs in their order. See `Group.jobs`."""
        return await self._call(lambda: list(self.sync.jobs()))

    async def page(self, *, after: int = -1, limit: int = 1000) -> _Jobs:
        """See `Group.page`."""
        return await self._call(self.sync.page, after=after, limit=limit)

    async def members(self) -> list[str]:
        """See `Group.members`."""
        return await self._call(self.sync.members)

    async def wait(self, timeout: float | None = None) -> _Counts:  # noqa: ASYNC109  (the library's name)
        """See `Group.wait`. No thread waits."""
        check_wait("timeout", timeout)
        loop = asyncio.get_running_loop()
        until = None if timeout is None else loop.time() + timeout
        while (found := await self._call(self.sync.unfinished)) is not None:
            if until is not None and loop.time() >= until:
                raise WaitTimeout(found.id, timeout or 0, found.status)
            left = _LOOK_S if until is None else min(_LOOK_S, until - loop.time())
            await asyncio.sleep(max(0.0, left))
        return await self.counts()

    async def results(
        self,
        timeout: float | None = None,  # noqa: ASYNC109  (the library's name)
        *,
        ordered: bool = True,
    ) -> list[R_co]:
        """See `Group.results`."""
        await self.wait(timeout)
        return await self._call(self.sync.results, 0, ordered=ordered)

    async def as_ended(self, timeout: float | None = None) -> AsyncIterator[Job]:  # noqa: ASYNC109  (the library's name)
        """See `Group.as_ended`."""
        check_wait("timeout", timeout)
        loop = asyncio.get_running_loop()
        until = None if timeout is None else loop.time() + timeout
        seen: set[str] = set()
        while True:
            found = await self._call(self.sync.unfinished)
            for job in await self._call(lambda: list(self.sync.ended())):
                if job.id not in seen:
                    seen.add(job.id)
                    yield job
            if found is None:
                return
            if until is not None and loop.time() >= until:
                raise WaitTimeout(found.id, timeout or 0, found.status)
            await asyncio.sleep(_LOOK_S)

    async def cancel(
        self, *, reason: str | None = None, by: str | None = None
    ) -> BulkResult:
        """See `Group.cancel`."""
        return await self._call(self.sync.cancel, reason=reason, by=by)

    async def rerun_failed(self, *, by: str | None = None) -> int:
        """See `Group.rerun_failed`."""
        return await self._call(self.sync.rerun_failed, by=by)

    async def then(
        self, job: JobFunction[..., Any] | str, /, *args: Any, **kwargs: Any
    ) -> AsyncJobHandle[Any]:
        """See `Group.then`."""
        handle = await self._call(self.sync.then, job, *args, **kwargs)
        return AsyncJobHandle(handle.id, self._engine)
