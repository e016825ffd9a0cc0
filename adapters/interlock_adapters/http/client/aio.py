"""`AsyncClient`: the methods of `AsyncEngine`, over HTTP."""

import json
import time
from collections.abc import AsyncIterator, Iterable, Mapping
from datetime import datetime
from types import TracebackType
from typing import Any, ParamSpec, Self, TypeVar, Unpack, overload

import httpx

from interlock.api.group import arguments
from interlock.api.handle import AsyncJobHandle
from interlock.api.results import value_of
from interlock.core.bounds import check_wait, check_whole
from interlock.core.dependencies import Graph, Linked
from interlock.core.errors import StoreUnavailable, WaitTimeout
from interlock.core.job import Attempt, HistoryEntry, Job, Rejection
from interlock.core.lifecycle import JobStatus
from interlock.core.records import (
    Explanation,
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
from interlock_adapters.http.client import calls, errors, group_calls, values
from interlock_adapters.http.client.calls import Ask
from interlock_adapters.http.client.failures import AsyncFailures
from interlock_adapters.http.client.groups import AsyncClientGroup
from interlock_adapters.http.client.limits import AsyncLimits
from interlock_adapters.http.client.schedules import AsyncSchedules

P = ParamSpec("P")
R = TypeVar("R")
T = TypeVar("T")


class AsyncClient:
    """The jobs of a server. Methods without a text of their own are as in `Engine`."""

    def __init__(self, url: str, *, token: str | None = None) -> None:
        """Connect when first used. Raises InvalidOption if `url` is no server's."""
        self._http = httpx.AsyncClient(**calls.prepared(url, token))
        #: See `AsyncEngine.schedules`.
        self.schedules = AsyncSchedules(
            self._send, lambda job_id: AsyncJobHandle(job_id, self)
        )
        #: See `Engine.limits`.
        self.limits = AsyncLimits(self._send)
        #: See `Engine.failures`.
        self.failures = AsyncFailures(self._send)

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
        """See `Engine.submit`. The server knows the job by its name."""
        call = calls.submitted(job, args, kwargs)
        return AsyncJobHandle(await self._send(calls.submit(call)), self)

    async def submit_many(
        self, wanted: Iterable[Wanted]
    ) -> list[AsyncJobHandle[object]]:
        """See `Engine.submit_many`."""
        ids = await self._send(calls.submit_many(wanted))
        return [AsyncJobHandle(job_id, self) for job_id in ids]

    async def map(
        self,
        job: JobFunction[..., Any] | str,
        items: Iterable[object],
        /,
        *,
        name: str | None = None,
        **options: Unpack[Options],
    ) -> AsyncClientGroup[Any]:
        """See `Engine.map`."""
        each = [arguments(item) for item in items]
        info, _ = await self._send(group_calls.submit(job, each, name, options))
        return AsyncClientGroup(info, self)

    async def get_group(self, group_id: str) -> AsyncClientGroup[Any]:
        """See `Engine.get_group`."""
        info, _ = await self._send(group_calls.get(group_id))
        return AsyncClientGroup(info, self)

    async def list_groups(
        self, *, before: str | None = None, limit: int = 50
    ) -> list[GroupInfo]:
        """See `Engine.list_groups`."""
        return await self._send(group_calls.newest(before=before, limit=limit))

    async def handle(self, job_id: str) -> AsyncJobHandle[object]:
        """See `Engine.handle`."""
        return AsyncJobHandle((await self.get(job_id)).id, self)

    async def get(self, job_id: str) -> Job:
        """See `Engine.get`."""
        return await self._send(calls.get(job_id))

    async def find_id(self, part: str) -> str:
        """See `Engine.find_id`."""
        return await self._send(calls.find_id(part))

    async def wait(self, job_id: str, timeout: float | None = None) -> Job:  # noqa: ASYNC109  (the library's name)
        """See `Engine.wait`."""
        check_wait("timeout", timeout)
        job = await self._await(job_id, timeout)
        if not job.is_terminal:
            raise WaitTimeout(job_id, timeout or 0, job.status)
        return job

    async def _await(self, job_id: str, timeout: float | None) -> Job:  # noqa: ASYNC109  (likewise)
        until = None if timeout is None else time.monotonic() + timeout
        while True:
            left = calls.LONGEST_S if until is None else until - time.monotonic()
            job = await self._send(calls.get(job_id, wait=left))
            if job.is_terminal or (until is not None and time.monotonic() >= until):
                return job

    async def result(self, job_id: str, timeout: float | None = None) -> object:  # noqa: ASYNC109  (likewise)
        """See `Engine.result`."""
        return value_of(await self.wait(job_id, timeout))

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
        ask = calls.cancel(job_id, reason=reason, by=by, if_version=if_version)
        job = await self._send(ask)
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
        asked = calls.rerun(job_id, by=by, if_version=if_version, dependents=dependents)
        again = await self._send(asked)
        return AsyncJobHandle(again, self)

    async def delete(self, job_id: str, *, if_version: int | None = None) -> None:
        """See `Engine.delete`."""
        await self._send(calls.delete(job_id, if_version=if_version))

    async def search(self, **filters: Any) -> Page:
        """See `Engine.search`; cursors are the server's."""
        return await self._send(calls.search(filters))

    async def history(self, job_id: str) -> list[HistoryEntry]:
        """See `Engine.history`."""
        return await self._send(calls.history(job_id))

    async def events(
        self, job_id: str, *, after: int = 0
    ) -> AsyncIterator[HistoryEntry]:
        """Yield a job's history as it happens, after `after`, until the job ends."""
        path = calls.of_job(job_id, "/events")
        async with self._http.stream("GET", path, params={"after": after}) as answer:
            if answer.is_error:
                await answer.aread()
                raise errors.of(answer)
            async for line in answer.aiter_lines():
                if line.startswith("data: "):
                    yield values.entry(json.loads(line.removeprefix("data: ")))

    async def attempts(self, job_id: str) -> list[Attempt]:
        """See `Engine.attempts`."""
        return await self._send(calls.attempts(job_id))

    async def rejections(self, job_id: str) -> list[Rejection]:
        """See `Engine.rejections`; of one job."""
        return await self._send(calls.rejections(job_id))

    async def log(
        self,
        job_id: str,
        *,
        after: int = 0,
        limit: int = 10_000,
        tail: int | None = None,
    ) -> LogLines:
        """See `Engine.log`; `limit` and `tail` are 1 or more, `tail` at most 10,000."""
        if tail is not None:
            return await self._send(calls.log_tail(job_id, after=after, tail=tail))
        check_whole("after", after)
        check_whole("limit", limit, least=1)
        lines = LogLines(next_after=after)
        while lines.next_after is not None and len(lines) < limit:
            left = limit - len(lines)
            page = await self._send(
                calls.log(job_id, after=lines.next_after, limit=left)
            )
            lines = LogLines([*lines, *page], next_after=page.next_after)
        return lines

    async def dependencies(
        self, job_id: str, *, after: int = -1, limit: int = 1000
    ) -> list[Linked]:
        """See `Engine.dependencies`."""
        return await self._send(calls.dependencies(job_id, after=after, limit=limit))

    async def dependents(
        self, job_id: str, *, after: str = "", limit: int = 1000
    ) -> list[Linked]:
        """See `Engine.dependents`."""
        return await self._send(calls.dependents(job_id, after=after, limit=limit))

    async def steps(self, job_id: str) -> list[Step]:
        """See `Engine.steps`."""
        return await self._send(calls.steps(job_id))

    async def signals(self, job_id: str) -> list[SignalInfo]:
        """See `Engine.signals`."""
        return await self._send(calls.signals(job_id))

    async def signal(
        self,
        job_id: str,
        name: str,
        payload: object = None,
        *,
        by: str | None = None,
    ) -> Job:
        """See `Engine.signal`."""
        return await self._send(calls.signal(job_id, name, payload, by=by))

    async def use_token(self, token: str, payload: object = None) -> None:
        """See `Engine.use_token`. The server needs no other token for it."""
        await self._send(calls.use_token(token, payload))

    async def graph(self, job_id: str, *, limit: int = 200) -> Graph:
        """See `Engine.graph`."""
        return await self._send(calls.graph(job_id, limit=limit))

    async def explain(self, job_id: str) -> Explanation:
        """See `Engine.explain`."""
        return await self._send(calls.explain(job_id))

    async def queues(self) -> list[QueueInfo]:
        """See `Engine.queues`."""
        return await self._send(calls.queues())

    async def pause(self, queue: str) -> None:
        """See `Engine.pause`."""
        await self._send(calls.turn(queue, "pause"))

    async def resume(self, queue: str) -> None:
        """See `Engine.resume`."""
        await self._send(calls.turn(queue, "resume"))

    async def set_queue(
        self,
        queue: str,
        *,
        max_running: int | None = None,
        rate_limit: str | None = None,
        by: str | None = None,
    ) -> None:
        """See `Engine.set_queue`."""
        await self.limits.set(
            f"queue:{queue}", max_running=max_running, rate_limit=rate_limit, by=by
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
        await self._send(calls.hold(target, by=by, reason=reason, until=until))

    async def release_hold(self, target: str, *, by: str | None = None) -> None:
        """See `Engine.release_hold`."""
        await self._send(calls.release_hold(target, by=by))

    async def holds(self) -> list[Hold]:
        """See `Engine.holds`."""
        return await self._send(calls.holds())

    async def workers(self) -> list[WorkerInfo]:
        """See `Engine.workers`."""
        return await self._send(calls.workers())

    async def counts(self) -> dict[JobStatus, int]:
        """See `Engine.counts`."""
        return await self._send(calls.counts())

    async def _send(self, ask: Ask[T]) -> T:
        try:
            answer = await self._http.request(
                ask.method,
                ask.path,
                params=ask.query,
                json=ask.body,
                headers=ask.headers,
            )
        except (httpx.TransportError, httpx.InvalidURL) as error:
            raise StoreUnavailable(
                f"{self._http.base_url} cannot be reached: {error}"
            ) from error
        if answer.is_error:
            raise errors.of(answer)
        return ask.read(answer.json() if answer.content else None)

    async def close(self) -> None:
        """Close the connections."""
        await self._http.aclose()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        await self.close()
