"""`Client`: the methods of `Engine`, over HTTP."""

import json
import time
from collections.abc import Iterable, Iterator, Mapping
from datetime import datetime
from types import TracebackType
from typing import Any, ParamSpec, Self, TypeVar, Unpack, overload

import httpx

from interlock.api.group import arguments
from interlock.api.handle import JobHandle
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
from interlock_adapters.http.client.failures import Failures
from interlock_adapters.http.client.groups import ClientGroup
from interlock_adapters.http.client.limits import Limits
from interlock_adapters.http.client.schedules import Schedules

P = ParamSpec("P")
R = TypeVar("R")
T = TypeVar("T")


class Client:
    """The jobs of a server. Methods without a text of their own are as in `Engine`."""

    def __init__(self, url: str, *, token: str | None = None) -> None:
        """Connect when first used. Raises InvalidOption if `url` is no server's."""
        self._http = httpx.Client(**calls.prepared(url, token))
        #: See `Engine.schedules`.
        self.schedules = Schedules(self._send, lambda job_id: JobHandle(job_id, self))
        #: See `Engine.limits`.
        self.limits = Limits(self._send)
        #: See `Engine.failures`.
        self.failures = Failures(self._send)

    @overload
    def submit(
        self, job: JobFunction[P, R], /, *args: P.args, **kwargs: P.kwargs
    ) -> JobHandle[R]: ...
    @overload
    def submit(
        self,
        job: str,
        params: Mapping[str, object] | None = None,
        /,
        **options: Unpack[Options],
    ) -> JobHandle[object]: ...
    def submit(self, job, /, *args, **kwargs):  # type: ignore[no-untyped-def]  # the overloads are the type
        """See `Engine.submit`. The server knows the job by its name."""
        call = calls.submitted(job, args, kwargs)
        return JobHandle(self._send(calls.submit(call)), self)

    def submit_many(self, wanted: Iterable[Wanted]) -> list[JobHandle[object]]:
        """See `Engine.submit_many`."""
        ids = self._send(calls.submit_many(wanted))
        return [JobHandle(job_id, self) for job_id in ids]

    def map(
        self,
        job: JobFunction[..., Any] | str,
        items: Iterable[object],
        /,
        *,
        name: str | None = None,
        **options: Unpack[Options],
    ) -> ClientGroup[Any]:
        """See `Engine.map`."""
        each = [arguments(item) for item in items]
        info, _ = self._send(group_calls.submit(job, each, name, options))
        return ClientGroup(info, self)

    def get_group(self, group_id: str) -> ClientGroup[Any]:
        """See `Engine.get_group`."""
        info, _ = self._send(group_calls.get(group_id))
        return ClientGroup(info, self)

    def list_groups(
        self, *, before: str | None = None, limit: int = 50
    ) -> list[GroupInfo]:
        """See `Engine.list_groups`."""
        return self._send(group_calls.newest(before=before, limit=limit))

    def handle(self, job_id: str) -> JobHandle[object]:
        """See `Engine.handle`."""
        return JobHandle(self.get(job_id).id, self)

    def get(self, job_id: str) -> Job:
        """See `Engine.get`."""
        return self._send(calls.get(job_id))

    def find_id(self, part: str) -> str:
        """See `Engine.find_id`."""
        return self._send(calls.find_id(part))

    def wait(self, job_id: str, timeout: float | None = None) -> Job:
        """See `Engine.wait`."""
        check_wait("timeout", timeout)
        job = self._await(job_id, timeout)
        if not job.is_terminal:
            raise WaitTimeout(job_id, timeout or 0, job.status)
        return job

    def _await(self, job_id: str, timeout: float | None) -> Job:
        until = None if timeout is None else time.monotonic() + timeout
        while True:
            left = calls.LONGEST_S if until is None else until - time.monotonic()
            job = self._send(calls.get(job_id, wait=left))
            if job.is_terminal or (until is not None and time.monotonic() >= until):
                return job

    def result(self, job_id: str, timeout: float | None = None) -> object:
        """See `Engine.result`."""
        return value_of(self.wait(job_id, timeout))

    def cancel(
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
        job = self._send(ask)
        if wait is None or job.is_terminal:
            return job
        return self._await(job_id, wait)

    def rerun(
        self,
        job_id: str,
        *,
        by: str | None = None,
        if_version: int | None = None,
        dependents: bool = False,
    ) -> JobHandle[object]:
        """See `Engine.rerun`."""
        asked = calls.rerun(job_id, by=by, if_version=if_version, dependents=dependents)
        again = self._send(asked)
        return JobHandle(again, self)

    def delete(self, job_id: str, *, if_version: int | None = None) -> None:
        """See `Engine.delete`."""
        self._send(calls.delete(job_id, if_version=if_version))

    def search(self, **filters: Any) -> Page:
        """See `Engine.search`; cursors are the server's."""
        return self._send(calls.search(filters))

    def history(self, job_id: str) -> list[HistoryEntry]:
        """See `Engine.history`."""
        return self._send(calls.history(job_id))

    def events(self, job_id: str, *, after: int = 0) -> Iterator[HistoryEntry]:
        """Yield a job's history as it happens, after `after`, until the job ends."""
        path = calls.of_job(job_id, "/events")
        with self._http.stream("GET", path, params={"after": after}) as answer:
            if answer.is_error:
                answer.read()
                raise errors.of(answer)
            for line in answer.iter_lines():
                if line.startswith("data: "):
                    yield values.entry(json.loads(line.removeprefix("data: ")))

    def attempts(self, job_id: str) -> list[Attempt]:
        """See `Engine.attempts`."""
        return self._send(calls.attempts(job_id))

    def rejections(self, job_id: str) -> list[Rejection]:
        """See `Engine.rejections`; of one job."""
        return self._send(calls.rejections(job_id))

    def log(
        self,
        job_id: str,
        *,
        after: int = 0,
        limit: int = 10_000,
        tail: int | None = None,
    ) -> LogLines:
        """See `Engine.log`; `limit` and `tail` are 1 or more, `tail` at most 10,000."""
        if tail is not None:
            return self._send(calls.log_tail(job_id, after=after, tail=tail))
        check_whole("after", after)
        check_whole("limit", limit, least=1)
        lines = LogLines(next_after=after)
        while lines.next_after is not None and len(lines) < limit:
            left = limit - len(lines)
            page = self._send(calls.log(job_id, after=lines.next_after, limit=left))
            lines = LogLines([*lines, *page], next_after=page.next_after)
        return lines

    def dependencies(
        self, job_id: str, *, after: int = -1, limit: int = 1000
    ) -> list[Linked]:
        """See `Engine.dependencies`."""
        return self._send(calls.dependencies(job_id, after=after, limit=limit))

    def dependents(
        self, job_id: str, *, after: str = "", limit: int = 1000
    ) -> list[Linked]:
        """See `Engine.dependents`."""
        return self._send(calls.dependents(job_id, after=after, limit=limit))

    def steps(self, job_id: str) -> list[Step]:
        """See `Engine.steps`."""
        return self._send(calls.steps(job_id))

    def signals(self, job_id: str) -> list[SignalInfo]:
        """See `Engine.signals`."""
        return self._send(calls.signals(job_id))

    def signal(
        self,
        job_id: str,
        name: str,
        payload: object = None,
        *,
        by: str | None = None,
    ) -> Job:
        """See `Engine.signal`."""
        return self._send(calls.signal(job_id, name, payload, by=by))

    def use_token(self, token: str, payload: object = None) -> None:
        """See `Engine.use_token`. The server needs no other token for it."""
        self._send(calls.use_token(token, payload))

    def graph(self, job_id: str, *, limit: int = 200) -> Graph:
        """See `Engine.graph`."""
        return self._send(calls.graph(job_id, limit=limit))

    def explain(self, job_id: str) -> Explanation:
        """See `Engine.explain`."""
        return self._send(calls.explain(job_id))

    def queues(self) -> list[QueueInfo]:
        """See `Engine.queues`."""
        return self._send(calls.queues())

    def pause(self, queue: str) -> None:
        """See `Engine.pause`."""
        self._send(calls.turn(queue, "pause"))

    def resume(self, queue: str) -> None:
        """See `Engine.resume`."""
        self._send(calls.turn(queue, "resume"))

    def set_queue(
        self,
        queue: str,
        *,
        max_running: int | None = None,
        rate_limit: str | None = None,
        by: str | None = None,
    ) -> None:
        """See `Engine.set_queue`."""
        self.limits.set(
            f"queue:{queue}", max_running=max_running, rate_limit=rate_limit, by=by
        )

    def hold(
        self,
        target: str,
        *,
        by: str | None = None,
        reason: str | None = None,
        until: datetime | None = None,
    ) -> None:
        """See `Engine.hold`."""
        self._send(calls.hold(target, by=by, reason=reason, until=until))

    def release_hold(self, target: str, *, by: str | None = None) -> None:
        """See `Engine.release_hold`."""
        self._send(calls.release_hold(target, by=by))

    def holds(self) -> list[Hold]:
        """See `Engine.holds`."""
        return self._send(calls.holds())

    def workers(self) -> list[WorkerInfo]:
        """See `Engine.workers`."""
        return self._send(calls.workers())

    def counts(self) -> dict[JobStatus, int]:
        """See `Engine.counts`."""
        return self._send(calls.counts())

    def _send(self, ask: Ask[T]) -> T:
        try:
            answer = self._http.request(
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

    def close(self) -> None:
        """Close the connections."""
        self._http.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()
