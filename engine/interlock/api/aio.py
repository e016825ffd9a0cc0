"""`Engine` for asyncio: the same names, awaited.

One file, because it mirrors `engine.py` and is read beside it.
"""

import asyncio
from collections.abc import AsyncIterator, Callable, Coroutine, Iterable, Mapping
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from datetime import datetime, timedelta
from functools import partial
from typing import Any, ParamSpec, Self, TypeVar, Unpack, overload

from interlock.api.async_group import AsyncGroup
from interlock.api.async_monitor import AsyncMonitor
from interlock.api.async_schedules import AsyncSchedules
from interlock.api.bulk import BulkResult, Filters
from interlock.api.engine import Engine
from interlock.api.failures import AsyncFailures
from interlock.api.group import Group
from interlock.api.handle import AsyncJobHandle, JobHandle
from interlock.api.limits import AsyncLimits
from interlock.api.offload import Block, Offload, finished, in_thread, on_thread
from interlock.core.bounds import check_wait
from interlock.core.dependencies import Graph, Linked
from interlock.core.errors import WaitTimeout
from interlock.core.job import Attempt, HistoryEntry, Job, Phase, Rejection
from interlock.core.lifecycle import JobStatus
from interlock.core.records import (
    Explanation,
    Fault,
    GroupInfo,
    Hold,
    LogLines,
    Page,
    QueueInfo,
    SignalInfo,
    Step,
    WorkerInfo,
)
from interlock.jobs.options import Options
from interlock.jobs.registry import JobFunction
from interlock.jobs.submission import Wanted
from interlock.ports.clock import Clock
from interlock.worker.loop import Worker
from interlock.worker.settings import WorkerSettings

P = ParamSpec("P")
Q = ParamSpec("Q")
R = TypeVar("R")
T = TypeVar("T")
_POLL_S = 1.0


class AsyncEngine:
    """An `Engine` whose methods are awaited: the same names, parameters and errors.

    Calls run in threads and never block the event loop. A write is shielded: a canceled
    task does not wait for it, and the write completes as a whole. Waiting uses no
    thread: one watcher serves all waiters. `sync` is the engine behind it.
    """

    def __init__(self, engine: Engine) -> None:
        self.sync = engine
        self._offload = Offload()
        #: See `Engine.monitor`.
        self.monitor = AsyncMonitor(engine.monitor, self._offload)
        #: See `Engine.limits`.
        self.limits = AsyncLimits(engine.limits, self._offload)
        #: See `Engine.failures`.
        self.failures = AsyncFailures(engine.failures, self._offload)
        #: See `Engine.schedules`.
        self.schedules = AsyncSchedules(
            engine.schedules, self._offload, lambda job_id: AsyncJobHandle(job_id, self)
        )

    @classmethod
    async def open(
        cls,
        url: str | None = None,
        *,
        clock: Clock | None = None,
        create: bool = True,
    ) -> Self:
        """See `Engine.open`."""
        opened: list[Engine] = []
        try:
            opening = partial(Engine.open, url, clock=clock, create=create)
            await in_thread(lambda: opened.append(opening()))
        except asyncio.CancelledError:
            for engine in opened:
                await in_thread(engine.close)
            raise
        return cls(opened[0])

    @overload
    async def submit(
        self,
        job: JobFunction[P, Coroutine[Any, Any, R]],
        /,
        *args: P.args,
        **kwargs: P.kwargs,
    ) -> AsyncJobHandle[R]: ...
    @overload
    async def submit(
        self, job: JobFunction[P, R], /, *args: P.args, **kwargs: P.kwargs
    ) -> AsyncJobHandle[R]: ...
    @overload
    async def submit(
        self,
        job: str,
        params: Mapping[str, object] | None = None,
        /,
        **options: Unpack[Options],
    ) -> AsyncJobHandle[object]: ...
    async def submit(self, job, /, *args, **kwargs):  # type: ignore[no-untyped-def]  # the overloads are the type
        """See `Engine.submit`; `connection=` may be asynchronous, too.

        It is an AsyncSession or AsyncConnection of SQLAlchemy, or an AsyncConnection of
        psycopg.
        """

        def submit(own: object) -> JobHandle[Any]:
            if isinstance(job, str):
                given = kwargs if own is None else {**kwargs, "connection": own}
                return self.sync.submit(job, *args, **given)
            lent = job if own is None else job.options(connection=own)
            return self.sync.submit(lent, *args, **kwargs)

        options = kwargs if isinstance(job, str) else job.defaults
        handle = await self._lent(options.get("connection"), submit)
        return AsyncJobHandle(handle.id, self)

    async def submit_many(
        self, calls: Iterable[Wanted]
    ) -> list[AsyncJobHandle[object]]:
        """See `Engine.submit_many`; for connections see `submit`."""
        pairs, connection = await self._call(self.sync._wanted, calls)  # noqa: SLF001  (this class is its other half)
        store = partial(self.sync._submit_all, pairs)  # noqa: SLF001  (the same)
        handles = await self._lent(connection, store)
        return [AsyncJobHandle(handle.id, self) for handle in handles]

    @overload
    async def map(
        self,
        job: JobFunction[..., Coroutine[Any, Any, R]],
        items: Iterable[object],
        /,
        *,
        name: str | None = None,
        **options: Unpack[Options],
    ) -> AsyncGroup[R]: ...
    @overload
    async def map(
        self,
        job: JobFunction[..., R],
        items: Iterable[object],
        /,
        *,
        name: str | None = None,
        **options: Unpack[Options],
    ) -> AsyncGroup[R]: ...
    @overload
    async def map(
        self,
        job: str,
        items: Iterable[object],
        /,
        *,
        name: str | None = None,
        **options: Unpack[Options],
    ) -> AsyncGroup[Any]: ...
    async def map(self, job, items, /, *, name=None, **options):  # type: ignore[no-untyped-def]  # the overloads are the type
        """See `Engine.map`."""

        def submit() -> Group[Any]:
            return self.sync.map(job, items, name=name, **options)

        return self._grouped(await self._call(submit))

    async def group(self, name: str, *, by: str | None = None) -> AsyncGroup[Any]:
        """See `Engine.group`: `async with await engine.group(name):`."""
        return self._grouped(await self._call(self.sync.group, name, by=by))

    async def get_group(self, group_id: str) -> AsyncGroup[Any]:
        """See `Engine.get_group`."""
        return self._grouped(await self._call(self.sync.get_group, group_id))

    async def list_groups(
        self, *, before: str | None = None, limit: int = 50
    ) -> list[GroupInfo]:
        """See `Engine.list_groups`."""
        return await self._call(self.sync.list_groups, before=before, limit=limit)

    def _grouped(self, group: Group[Any]) -> AsyncGroup[Any]:
        return AsyncGroup(group, self)

    async def _lent(self, connection: Any, act: Callable[[Any], T]) -> T:
        """Call `act` with the application's connection, which nobody else uses then."""
        if hasattr(connection, "run_sync"):  # SQLAlchemy's
            result: T = await connection.run_sync(act)
            return result
        lock = getattr(connection, "lock", None)
        if not isinstance(lock, asyncio.Lock):
            return await self._call(act, connection)
        async with lock:  # psycopg's; held to the end, also for a canceled task
            return await finished(asyncio.ensure_future(self._call(act, connection)))

    async def handle(self, job_id: str) -> AsyncJobHandle[object]:
        """See `Engine.handle`."""
        return AsyncJobHandle((await self.get(job_id)).id, self)

    async def get(self, job_id: str) -> Job:
        """See `Engine.get`."""
        return await self._call(self.sync.get, job_id)

    async def find_id(self, part: str) -> str:
        """See `Engine.find_id`."""
        return await self._call(self.sync.find_id, part)

    async def wait(self, job_id: str, timeout: float | None = None) -> Job:  # noqa: ASYNC109  (the library's name)
        """See `Engine.wait`."""
        check_wait("timeout", timeout)
        job = await self._await(job_id, timeout)
        if not job.is_terminal:
            raise WaitTimeout(job_id, timeout or 0, job.status)
        return job

    async def _await(self, job_id: str, seconds: float | None) -> Job:
        loop = asyncio.get_running_loop()
        changed = asyncio.Event()
        until = None if seconds is None else loop.time() + seconds
        waiting = await self.monitor.waiter()

        def ring() -> None:
            loop.call_soon_threadsafe(changed.set)

        with waiting.watching(job_id, ring):
            while True:
                changed.clear()
                waiting.refuse_failed()
                job = await self.get(job_id)
                left_s = _POLL_S if until is None else until - loop.time()
                if job.is_terminal or left_s <= 0:
                    return job
                try:
                    await asyncio.wait_for(changed.wait(), min(left_s, _POLL_S))
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
        check_wait("wait", wait)
        job = await self._call(
            self.sync.cancel, job_id, reason=reason, by=by, if_version=if_version
        )
        if wait is None or job.is_terminal:
            return job
        return await self._await(job_id, wait)

    async def rerun(
        self,
        job_id: str,
        *,
        by: str | None = None,
        if_version: int | None = None,
        dependents: bool = False,
    ) -> AsyncJobHandle[object]:
        """See `Engine.rerun`."""
        handle = await self._call(
            self.sync.rerun,
            job_id,
            by=by,
            if_version=if_version,
            dependents=dependents,
        )
        return AsyncJobHandle(handle.id, self)

    async def cancel_all(
        self,
        *,
        reason: str | None = None,
        by: str | None = None,
        preview: bool = False,
        **filters: Unpack[Filters],
    ) -> BulkResult:
        """See `Engine.cancel_all`."""
        return await self._call(
            self.sync.cancel_all, reason=reason, by=by, preview=preview, **filters
        )

    async def rerun_all(
        self,
        *,
        by: str | None = None,
        preview: bool = False,
        **filters: Unpack[Filters],
    ) -> BulkResult:
        """See `Engine.rerun_all`."""
        return await self._call(self.sync.rerun_all, by=by, preview=preview, **filters)

    async def delete_all(
        self, *, preview: bool = False, **filters: Unpack[Filters]
    ) -> BulkResult:
        """See `Engine.delete_all`."""
        return await self._call(self.sync.delete_all, preview=preview, **filters)

    async def search(
        self,
        *,
        name: str | None = None,
        queue: str | None = None,
        statuses: Iterable[JobStatus | str] = (),
        params: Mapping[str, object] | None = None,
        created_after: datetime | None = None,
        created_before: datetime | None = None,
        submitted_by: str | None = None,
        schedule: str | None = None,
        group: str | None = None,
        parent: str | None = None,
        tags: Iterable[str] = (),
        metadata: Mapping[str, object] | None = None,
        name_part: str | None = None,
        error: str | None = None,
        phases: Iterable[Phase | str] = (),
        reruns_of: Iterable[str] = (),
        limit: int = 50,
        cursor: str | None = None,
    ) -> Page:
        """See `Engine.search`."""
        return await self._call(
            self.sync.search,
            name=name,
            queue=queue,
            statuses=statuses,
            params=params,
            created_after=created_after,
            created_before=created_before,
            submitted_by=submitted_by,
            schedule=schedule,
            group=group,
            parent=parent,
            tags=tags,
            metadata=metadata,
            name_part=name_part,
            error=error,
            phases=phases,
            reruns_of=reruns_of,
            limit=limit,
            cursor=cursor,
        )

    async def dependencies(
        self, job_id: str, *, after: int = -1, limit: int = 1000
    ) -> list[Linked]:
        """See `Engine.dependencies`."""
        return await self._call(
            self.sync.dependencies, job_id, after=after, limit=limit
        )

    async def dependents(
        self, job_id: str, *, after: str = "", limit: int = 1000
    ) -> list[Linked]:
        """See `Engine.dependents`."""
        return await self._call(self.sync.dependents, job_id, after=after, limit=limit)

    async def steps(self, job_id: str) -> list[Step]:
        """See `Engine.steps`."""
        return await self._call(self.sync.steps, job_id)

    async def signals(self, job_id: str) -> list[SignalInfo]:
        """See `Engine.signals`."""
        return await self._call(self.sync.signals, job_id)

    async def signal(
        self,
        job_id: str,
        name: str,
        payload: object = None,
        *,
        by: str | None = None,
    ) -> Job:
        """See `Engine.signal`."""
        return await self._call(self.sync.signal, job_id, name, payload, by=by)

    async def use_token(self, token: str, payload: object = None) -> None:
        """See `Engine.use_token`."""
        await self._call(self.sync.use_token, token, payload)

    async def graph(self, job_id: str, *, limit: int = 200) -> Graph:
        """See `Engine.graph`."""
        return await self._call(self.sync.graph, job_id, limit=limit)

    async def counts(self) -> dict[JobStatus, int]:
        """See `Engine.counts`."""
        return await self._call(self.sync.counts)

    async def history(self, job_id: str) -> list[HistoryEntry]:
        """See `Engine.history`."""
        return await self._call(self.sync.history, job_id)

    async def attempts(self, job_id: str) -> list[Attempt]:
        """See `Engine.attempts`."""
        return await self._call(self.sync.attempts, job_id)

    async def log(
        self,
        job_id: str,
        *,
        after: int = 0,
        before: int | None = None,
        limit: int = 10_000,
        tail: int | None = None,
    ) -> LogLines:
        """See `Engine.log`."""
        return await self._call(
            self.sync.log, job_id, after=after, before=before, limit=limit, tail=tail
        )

    async def rejections(self, job_id: str | None = None) -> list[Rejection]:
        """See `Engine.rejections`."""
        return await self._call(self.sync.rejections, job_id)

    async def explain(self, job_id: str) -> Explanation:
        """See `Engine.explain`."""
        return await self._call(self.sync.explain, job_id)

    async def queues(self) -> list[QueueInfo]:
        """See `Engine.queues`."""
        return await self._call(self.sync.queues)

    async def pause(self, queue: str) -> None:
        """See `Engine.pause`."""
        await self._call(self.sync.pause, queue)

    async def resume(self, queue: str) -> None:
        """See `Engine.resume`."""
        await self._call(self.sync.resume, queue)

    async def set_queue(
        self,
        queue: str,
        *,
        max_running: int | None = None,
        rate_limit: str | None = None,
        by: str | None = None,
    ) -> None:
        """See `Engine.set_queue`."""
        await self._call(
            self.sync.set_queue,
            queue,
            max_running=max_running,
            rate_limit=rate_limit,
            by=by,
        )

    async def hold(
        self,
        target: str,
        *,
        by: str | None = None,
        reason: str | None = None,
        until: datetime | None = None,
    ) -> None:
        """See `Engine.hold`."""
        await self._call(self.sync.hold, target, by=by, reason=reason, until=until)

    async def release_hold(self, target: str, *, by: str | None = None) -> None:
        """See `Engine.release_hold`."""
        await self._call(self.sync.release_hold, target, by=by)

    async def holds(self) -> list[Hold]:
        """See `Engine.holds`."""
        return await self._call(self.sync.holds)

    async def workers(self) -> list[WorkerInfo]:
        """See `Engine.workers`."""
        return await self._call(self.sync.workers)

    async def purge(
        self, *, older_than: timedelta | float, limit: int | None = None
    ) -> int:
        """See `Engine.purge`."""
        return await self._call(self.sync.purge, older_than=older_than, limit=limit)

    async def delete(self, job_id: str, *, if_version: int | None = None) -> None:
        """See `Engine.delete`."""
        await self._call(self.sync.delete, job_id, if_version=if_version)

    async def once(
        self, key: str, request: str, act: Callable[[], str], *, kept: float
    ) -> str:
        """See `Engine.once`. `act` runs in a thread, with the methods of `sync`."""
        return await self._call(self.sync.once, key, request, act, kept=kept)

    def together(self) -> AbstractAsyncContextManager[None]:
        """Make all calls that are awaited inside the block one transaction.

        It belongs to the task that opened it, and to tasks that this task starts inside
        it. Calls of other tasks are not part of it. An error or a cancellation rolls it
        back before the block is left. A nested block is rolled back alone. While a
        block is open, a SQLite file accepts no other write: await nothing slow in it.
        """
        return Block(self._offload, self.sync.together())

    async def verify(self) -> list[Fault]:
        """See `Engine.verify`."""
        return await self._call(self.sync.verify)

    async def new_worker(
        self,
        *,
        settings: WorkerSettings | None = None,
        containment: str = "auto",
        modules: Iterable[str] = (),
    ) -> Worker:
        """See `Engine.new_worker`."""
        return await self._call(
            self.sync.new_worker,
            settings=settings,
            containment=containment,
            modules=modules,
        )

    @asynccontextmanager
    async def worker(
        self,
        *,
        concurrency: int | None = None,
        lease: float = 30.0,
        queues: Iterable[str] | Mapping[str, int] | None = None,
        shutdown_grace: float = 5.0,
        containment: str = "auto",
    ) -> AsyncIterator[Worker]:
        """See `Engine.worker`. Starting and stopping do not block the event loop."""
        running = self.sync.worker(
            concurrency=concurrency,
            lease=lease,
            queues=queues,
            shutdown_grace=shutdown_grace,
            containment=containment,
        )
        async with on_thread(running) as worker:
            yield worker

    async def _call(
        self, method: Callable[Q, T], /, *args: Q.args, **kwargs: Q.kwargs
    ) -> T:
        return await self._offload.call(method, *args, **kwargs)

    async def close(self) -> None:
        """See `Engine.close`. Running calls end first."""

        def close() -> None:
            self._offload.close()
            self.sync.close()

        await in_thread(close)

    aclose = close  # as asyncio's own things name it

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_raised: object) -> None:
        await self.close()
