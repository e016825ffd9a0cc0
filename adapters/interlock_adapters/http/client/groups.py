"""Groups of a server: `Group` and `AsyncGroup` of `interlock`, over HTTP."""

import asyncio
import time
from collections.abc import AsyncIterator, Iterator
from typing import TYPE_CHECKING, Any, Generic, TypeVar

from interlock.api.bulk import BulkResult
from interlock.api.handle import AsyncJobHandle, JobHandle
from interlock.api.results import value_of
from interlock.core.bounds import check_wait
from interlock.core.errors import WaitTimeout
from interlock.core.job import Job
from interlock.core.lifecycle import JobStatus
from interlock.core.progress import Progress
from interlock.core.records import GroupInfo
from interlock.jobs.registry import JobFunction
from interlock_adapters.http.client import group_calls as calls

if TYPE_CHECKING:
    from interlock_adapters.http.client.aio import AsyncClient
    from interlock_adapters.http.client.sync import Client

R_co = TypeVar("R_co", covariant=True)
_Counts = dict[JobStatus, int]
_LOOK_S = 0.3


def progress_of(counts: _Counts) -> Progress:
    """Return how many jobs have ended, of how many."""
    ended = sum(many for status, many in counts.items() if status.is_terminal)
    return Progress(completed=ended, total=sum(counts.values()), unit="jobs")


class ClientGroup(Generic[R_co]):
    """See `Group`."""

    def __init__(self, info: GroupInfo, client: "Client") -> None:
        self.id = info.id
        self.name = info.name
        self._client = client
        self._send = client._send  # noqa: SLF001  (a part of it)

    def info(self) -> GroupInfo:
        """See `Group.info`."""
        return self._send(calls.get(self.id))[0]

    def counts(self) -> _Counts:
        """See `Group.counts`."""
        return self._send(calls.get(self.id))[1]

    def progress(self) -> Progress:
        """See `Group.progress`."""
        return progress_of(self.counts())

    def jobs(self) -> Iterator[Job]:
        """See `Group.jobs`."""
        after: int | None = -1
        while after is not None:
            some, after = self._send(calls.jobs(self.id, after))
            yield from some

    def members(self) -> list[str]:
        """See `Group.members`. The server asks whether it is closed."""
        return [job.id for job in self.jobs()]

    def wait(self, timeout: float | None = None) -> _Counts:
        """See `Group.wait`."""
        check_wait("timeout", timeout)
        until = None if timeout is None else time.monotonic() + timeout
        while True:
            counts = self.counts()
            if all(status.is_terminal for status, many in counts.items() if many):
                return counts
            if until is not None and time.monotonic() >= until:
                raise WaitTimeout(self.id, timeout or 0, JobStatus.RUNNING)
            time.sleep(_LOOK_S)

    def results(
        self, timeout: float | None = None, *, ordered: bool = True
    ) -> list[R_co]:
        """See `Group.results`."""
        self.wait(timeout)
        jobs = list(self.jobs())
        if not ordered:
            jobs.sort(key=lambda job: (job.finished_at, job.id))
        return [value_of(job) for job in jobs]  # type: ignore[misc]  # by its annotation

    def cancel(self, *, reason: str | None = None, by: str | None = None) -> BulkResult:
        """See `Group.cancel`."""
        return self._send(calls.cancel(self.id, reason=reason, by=by))

    def rerun_failed(self, *, by: str | None = None) -> int:
        """See `Group.rerun_failed`."""
        return self._send(calls.rerun_failed(self.id, by=by))

    def then(
        self, job: JobFunction[..., Any] | str, /, *args: Any, **kwargs: Any
    ) -> JobHandle[Any]:
        """See `Group.then`."""
        if isinstance(job, str):
            return self._client.submit(job, *args, **{**kwargs, "depends_on": self})
        return self._client.submit(job.options(depends_on=self), *args, **kwargs)


class AsyncClientGroup(Generic[R_co]):
    """See `ClientGroup`; awaited."""

    def __init__(self, info: GroupInfo, client: "AsyncClient") -> None:
        self.id = info.id
        self.name = info.name
        self._client = client
        self._send = client._send  # noqa: SLF001  (a part of it)

    async def info(self) -> GroupInfo:
        """See `Group.info`."""
        return (await self._send(calls.get(self.id)))[0]

    async def counts(self) -> _Counts:
        """See `Group.counts`."""
        return (await self._send(calls.get(self.id)))[1]

    async def progress(self) -> Progress:
        """See `Group.progress`."""
        return progress_of(await self.counts())

    async def jobs(self) -> AsyncIterator[Job]:
        """See `Group.jobs`."""
        after: int | None = -1
        while after is not None:
            some, after = await self._send(calls.jobs(self.id, after))
            for job in some:
                yield job

    async def members(self) -> list[str]:
        """See `ClientGroup.members`."""
        return [job.id async for job in self.jobs()]

    async def wait(self, timeout: float | None = None) -> _Counts:  # noqa: ASYNC109  (the library's name)
        """See `Group.wait`."""
        check_wait("timeout", timeout)
        until = None if timeout is None else time.monotonic() + timeout
        while True:
            counts = await self.counts()
            if all(status.is_terminal for status, many in counts.items() if many):
                return counts
            if until is not None and time.monotonic() >= until:
                raise WaitTimeout(self.id, timeout or 0, JobStatus.RUNNING)
            await asyncio.sleep(_LOOK_S)

    async def results(
        self,
        timeout: float | None = None,  # noqa: ASYNC109  (the library's name)
        *,
        ordered: bool = True,
    ) -> list[R_co]:
        """See `Group.results`."""
        await self.wait(timeout)
        jobs = [job async for job in self.jobs()]
        if not ordered:
            jobs.sort(key=lambda job: (job.finished_at, job.id))
        return [value_of(job) for job in jobs]  # type: ignore[misc]  # by its annotation

    async def cancel(
        self, *, reason: str | None = None, by: str | None = None
    ) -> BulkResult:
        """See `Group.cancel`."""
        return await self._send(calls.cancel(self.id, reason=reason, by=by))

    async def rerun_failed(self, *, by: str | None = None) -> int:
        """See `Group.rerun_failed`."""
        return await self._send(calls.rerun_failed(self.id, by=by))

    async def then(
        self, job: JobFunction[..., Any] | str, /, *args: Any, **kwargs: Any
    ) -> AsyncJobHandle[Any]:
        """See `Group.then`."""
        if isinstance(job, str):
            options = {**kwargs, "depends_on": self}
            return await self._client.submit(job, *args, **options)
        return await self._client.submit(job.options(depends_on=self), *args, **kwargs)
