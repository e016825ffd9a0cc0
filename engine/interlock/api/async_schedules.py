"""`Schedules` for asyncio: the same names, awaited."""

from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Unpack

from interlock.api.handle import AsyncJobHandle
from interlock.api.offload import Offload
from interlock.api.schedules import Schedules
from interlock.core.schedule import Schedule
from interlock.core.ticks import ScheduleEdit, ScheduleInfo, Tick
from interlock.jobs.options import Options
from interlock.jobs.registry import JobFunction

_Infos = list[ScheduleInfo]
_Moments = list[datetime]
_Ticks = list[Tick]
_Edits = list[ScheduleEdit]


class AsyncSchedules:
    """See `Schedules`."""

    def __init__(
        self,
        schedules: Schedules,
        offload: Offload,
        handle: Callable[[str], AsyncJobHandle[object]],
    ) -> None:
        self.sync = schedules
        self._offload = offload
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
        return await self._offload.call(
            self.sync.create,
            name,
            job,
            params,
            schedule=schedule,
            reason=reason,
            **options,
        )

    async def list(self) -> _Infos:
        """See `Schedules.list`."""
        return await self._offload.call(self.sync.list)

    async def get(self, name: str) -> ScheduleInfo:
        """See `Schedules.get`."""
        return await self._offload.call(self.sync.get, name)

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
        return await self._offload.call(
            self.sync.update,
            name,
            schedule=schedule,
            params=params,
            reason=reason,
            **options,
        )

    async def pause(
        self, name: str, *, by: str | None = None, reason: str | None = None
    ) -> ScheduleInfo:
        """See `Schedules.pause`."""
        return await self._offload.call(self.sync.pause, name, by=by, reason=reason)

    async def resume(
        self, name: str, *, by: str | None = None, reason: str | None = None
    ) -> ScheduleInfo:
        """See `Schedules.resume`."""
        return await self._offload.call(self.sync.resume, name, by=by, reason=reason)

    async def trigger(
        self, name: str, *, by: str | None = None
    ) -> AsyncJobHandle[object]:
        """See `Schedules.trigger`."""
        handle = await self._offload.call(self.sync.trigger, name, by=by)
        return self._handle(handle.id)

    async def preview(
        self, which: str | Schedule, n: int = 5, *, after: datetime | None = None
    ) -> _Moments:
        """See `Schedules.preview`."""
        return await self._offload.call(self.sync.preview, which, n, after=after)

    async def ticks(self, name: str, limit: int = 100) -> _Ticks:
        """See `Schedules.ticks`."""
        return await self._offload.call(self.sync.ticks, name, limit)

    async def edits(self, name: str) -> _Edits:
        """See `Schedules.edits`."""
        return await self._offload.call(self.sync.edits, name)

    async def delete(
        self, name: str, *, by: str | None = None, reason: str | None = None
    ) -> None:
        """See `Schedules.delete`."""
        await self._offload.call(self.sync.delete, name, by=by, reason=reason)
