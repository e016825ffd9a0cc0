"""`Engine` for asyncio: the same names, awaited."""

import asyncio
from collections.abc import Callable, Mapping
from typing import Any, ParamSpec, Self, TypeVar, Unpack, overload

from interlock.clock import Clock
from interlock.engine import Engine
from interlock.errors import WaitTimeout
from interlock.handle import JobHandle
from interlock.job import Job
from interlock.options import Options
from interlock.registry import JobFunction

P = ParamSpec("P")
R = TypeVar("R")
_POLL_S = 1.0


class AsyncEngine:
    """An `Engine` whose methods are awaited; what is not here has its signature there.

    Calls run in threads and are shielded: a canceled task does not leave half a write.
    Waiting holds no thread: one watcher serves all who wait.
    """

    def __init__(self, engine: Engine) -> None:
        self.sync = engine

    @classmethod
    async def open(
        cls,
        url: str | None = None,
        *,
        clock: Clock | None = None,
        create: bool = True,
    ) -> Self:
        """See `Engine.open`."""
        opened = asyncio.to_thread(Engine.open, url, clock=clock, create=create)
        return cls(await opened)

    @overload
    async def submit(
        self, job: JobFunction[P, R], /, *args: P.args, **kwargs: P.kwargs
    ) -> JobHandle[R]: ...
    @overload
    async def submit(
        self,
        job: str,
        params: Mapping[str, object] | None = None,
        /,
        **options: Unpack[Options],
    ) -> JobHandle[object]: ...
    async def submit(self, job, /, *args, **kwargs):  # type: ignore[no-untyped-def]  # the overloads are the type
        """See `Engine.submit`."""
        return await self._call(self.sync.submit, job, *args, **kwargs)

    async def wait(self, job_id: str, timeout: float | None = None) -> Job:  # noqa: ASYNC109  (the library's name)
        """See `Engine.wait`."""
        job = await self._await(job_id, timeout)
        if not job.is_terminal:
            raise WaitTimeout(job_id, timeout or 0, job.status)
        return job

    async def _await(self, job_id: str, seconds: float | None) -> Job:
        loop = asyncio.get_running_loop()
        changed = asyncio.Event()
        until = None if seconds is None else loop.time() + seconds

        def ring() -> None:
            loop.call_soon_threadsafe(changed.set)

        with self.sync.waiting.watching(job_id, ring):
            while True:
                changed.clear()
                job: Job = await self._call(self.sync.get, job_id)
                left = _POLL_S if until is None else until - loop.time()
                if job.is_terminal or left <= 0:
                    return job
                try:
                    await asyncio.wait_for(changed.wait(), min(left, _POLL_S))
                except TimeoutError:
                    continue

    async def result(self, job_id: str, timeout: float | None = None) -> object:  # noqa: ASYNC109  (the library's name)
        """See `Engine.result`."""
        await self.wait(job_id, timeout)
        return await self._call(self.sync.result, job_id, 0)

    async def cancel(
        self,
        job_id: str,
        *,
        reason: str | None = None,
        by: str | None = None,
        wait: float | None = None,
        if_version: int | None = None,
    ) -> Job:
        """See `Engine.cancel`."""
        how = {"reason": reason, "by": by, "if_version": if_version}
        job: Job = await self._call(self.sync.cancel, job_id, **how)
        if wait is None or job.is_terminal:
            return job
        return await self._await(job_id, wait)

    async def _call(self, method: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
        return await asyncio.shield(asyncio.to_thread(method, *args, **kwargs))

    def __getattr__(self, name: str) -> Callable[..., Any]:
        """Return the engine's method of this name, to be awaited."""
        method = getattr(self.sync, name)

        async def call(*args: Any, **kwargs: Any) -> Any:
            return await self._call(method, *args, **kwargs)

        return call

    async def close(self) -> None:
        """See `Engine.close`."""
        await self._call(self.sync.close)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()
