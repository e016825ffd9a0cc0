"""`Client.schedules` and `AsyncClient.schedules`: as `Engine.schedules`, over HTTP."""

from collections.abc import Awaitable, Callable, Mapping
from datetime import UTC, datetime
from typing import Final, Protocol, TypeVar, Unpack

from interlock.api.handle import AsyncJobHandle, JobHandle
from interlock.core.bounds import check_whole
from interlock.core.schedule import Schedule
from interlock.core.ticks import ScheduleEdit, ScheduleInfo, Tick
from interlock.jobs.options import Options, check_instant
from interlock.jobs.registry import JobFunction
from interlock_adapters.http.client import schedule_calls as calls
from interlock_adapters.http.client.calls import Ask

T = TypeVar("T")
_MOST: Final = 1000
_Infos = list[ScheduleInfo]
_Moments = list[datetime]
_Ticks = list[Tick]
_Edits = list[ScheduleEdit]


class _Send(Protocol):
    def __call__(self, ask: Ask[T], /) -> T: ...


class _AsyncSend(Protocol):
    def __call__(self, ask: Ask[T], /) -> Awaitable[T]: ...


def _check(n: int, after: datetime | None) -> None:
    check_whole("n", n, least=1, most=_MOST)
    if after is not None:
        check_instant("after", after)


class Schedules:
    """See `interlock.Engine.schedules`."""

    def __init__(self, send: _Send, handle: Callable[[str], JobHandle[object]]) -> None:
        self._send = send
        self._handle = handle

    def create(
        self,
        name: str,
        job: JobFunction[..., object] | str,
        params: Mapping[str, object] | None = None,
        *,
        schedule: Schedule,
        reason: str | None = None,
        **options: Unpack[Options],
    ) -> ScheduleInfo:
        """See `Schedules.create`."""
        ask = calls.create(
            name, job, params, schedule=schedule, reason=reason, options=options
        )
        return self._send(ask)

    def list(self) -> _Infos:
        """See `Schedules.list`."""
        return self._send(calls.every())

    def get(self, name: str) -> ScheduleInfo:
        """See `Schedules.get`."""
        return self._send(calls.get(name))

    def update(
        self,
        name: str,
        *,
        schedule: Schedule | None = None,
        params: Mapping[str, object] | None = None,
        reason: str | None = None,
        **options: Unpack[Options],
    ) -> ScheduleInfo:
        """See `Schedules.update`."""
        ask = calls.update(
            name, schedule=schedule, params=params, reason=reason, options=options
        )
        return self._send(ask)

    def pause(
        self, name: str, *, by: str | None = None, reason: str | None = None
    ) -> ScheduleInfo:
        """See `Schedules.pause`."""
        return self._send(calls.turn(name, "pause", by=by, reason=reason))

    def resume(
        self, name: str, *, by: str | None = None, reason: str | None = None
    ) -> ScheduleInfo:
        """See `Schedules.resume`."""
        return self._send(calls.turn(name, "resume", by=by, reason=reason))

    def trigger(self, name: str, *, by: str | None = None) -> JobHandle[object]:
        """See `Schedules.trigger`."""
        return self._handle(self._send(calls.trigger(name, by=by)))

    def preview(
        self, which: str | Schedule, n: int = 5, *, after: datetime | None = None
    ) -> _Moments:
        """See `Schedules.preview`."""
        _check(n, after)
        if isinstance(which, Schedule):
            return which.upcoming(n, after=after or datetime.now(UTC))
        return self._send(calls.preview(which, n, after))

    def ticks(self, name: str, limit: int = 100) -> _Ticks:
        """See `Schedules.ticks`."""
        check_whole("limit", limit, least=1, most=_MOST)
        return self._send(calls.ticks(name, limit))

    def edits(self, name: str) -> _Edits:
        """See `Schedules.edits`."""
        return self._send(calls.edits(name))

    def delete(
        self, name: str, *, by: str | None = None, reason: str | None = None
    ) -> None:
        """See `Schedules.delete`."""
        self._send(calls.delete(name, by=by, reason=reason))


class AsyncSchedules:
    """See `interlock.AsyncEngine.schedules`."""

    def __init__(
        self, send: _AsyncSend, handle: Callable[[str], AsyncJobHandle[object]]
    ) -> None:
        self._send = send
        self._handle = handle

    async def create(
        self,
        name: str,
        job: JobFunction[..., object] | str,
        params: Mapping[str, object] | None = None,
        *,
        schedule: Schedule,
        reason: str | None = None,
        **options: Unpack[Options],
    ) -> ScheduleInfo:
        """See `Schedules.create`."""
        ask = calls.create(
            name, job, params, schedule=schedule, reason=reason, options=options
        )
        return await self._send(ask)

    async def list(self) -> _Infos:
        """See `Schedules.list`."""
        return await self._send(calls.every())

    async def get(self, name: str) -> ScheduleInfo:
        """See `Schedules.get`."""
        return await self._send(calls.get(name))

    async def update(
        self,
        name: str,
        *,
        schedule: Schedule | None = None,
        params: Mapping[str, object] | None = None,
        reason: str | None = None,
        **options: Unpack[Options],
    ) -> ScheduleInfo:
        """See `Schedules.update`."""
        ask = calls.update(
            name, schedule=schedule, params=params, reason=reason, options=options
        )
        return await self._send(ask)

    async def pause(
        self, name: str, *, by: str | None = None, reason: str | None = None
    ) -> ScheduleInfo:
        """See `Schedules.pause`."""
        return await self._send(calls.turn(name, "pause", by=by, reason=reason))

    async def resume(
        self, name: str, *, by: str | None = None, reason: str | None = None
    ) -> ScheduleInfo:
        """See `Schedules.resume`."""
        return await self._send(calls.turn(name, "resume", by=by, reason=reason))

    async def trigger(
        self, name: str, *, by: str | None = None
    ) -> AsyncJobHandle[object]:
        """See `Schedules.trigger`."""
        return self._handle(await self._send(calls.trigger(name, by=by)))

    async def preview(
        self, which: str | Schedule, n: int = 5, *, after: datetime | None = None
    ) -> _Moments:
        """See `Schedules.preview`."""
        _check(n, after)
        if isinstance(which, Schedule):
            return which.upcoming(n, after=after or datetime.now(UTC))
        return await self._send(calls.preview(which, n, after))

    async def ticks(self, name: str, limit: int = 100) -> _Ticks:
        """See `Schedules.ticks`."""
        check_whole("limit", limit, least=1, most=_MOST)
        return await self._send(calls.ticks(name, limit))

    async def edits(self, name: str) -> _Edits:
        """See `Schedules.edits`."""
        return await self._send(calls.edits(name))

    async def delete(
        self, name: str, *, by: str | None = None, reason: str | None = None
    ) -> None:
        """See `Schedules.delete`."""
        await self._send(calls.delete(name, by=by, reason=reason))
