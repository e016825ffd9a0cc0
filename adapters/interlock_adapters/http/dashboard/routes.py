"""The routes of the pages, of groups and schedules, and of static files."""

import asyncio
import hashlib
from datetime import UTC, datetime
from importlib.resources import files
from typing import Annotated, Final

from fastapi import APIRouter, Query
from starlette.requests import Request
from starlette.responses import Response

from interlock.core.errors import GroupNotFound, ScheduleNotFound
from interlock.core.lifecycle import Event, row_of
from interlock.core.ticks import ScheduleInfo
from interlock.jobs import serialize
from interlock_adapters.http.dashboard import render, words
from interlock_adapters.http.dashboard.job_page import JobPage
from interlock_adapters.http.dashboard.jobs_page import JobsPages
from interlock_adapters.http.dashboard.name_pages import NamePages
from interlock_adapters.http.dashboard.overview_page import OverviewPage
from interlock_adapters.http.dashboard.timetable import TICKS, Day, day
from interlock_adapters.http.dependencies import Api

_GROUPS: Final = 50
_MEMBERS: Final = 200  # jobs of a group on a page
_SUCCEEDED: Final = row_of(Event.SUCCEED).target
_COMING: Final = 5  # ticks of a schedule
_KINDS: Final = {"css": "text/css", "js": "text/javascript", "txt": "text/plain"}
_STATIC: Final = files("interlock_adapters.http.dashboard") / "static"


class Pages:
    """All pages: they only read; their buttons call the API."""

    def __init__(self, api: Api) -> None:
        self._api = api
        self._engine = api.engine

    def add_to(self, router: APIRouter) -> None:
        """Add the routes; they are not in the OpenAPI document."""
        job, jobs = JobPage(self._api), JobsPages(self._engine)
        names, overview = NamePages(self._engine), OverviewPage(self._engine)
        for path, page in (
            ("/", overview.show),
            ("/jobs", jobs.list),
            ("/jobs/{job_id}", job.show),
            ("/jobs/{job_id}/output", job.output),
            ("/jobs/{job_id}/output.txt", job.download),
            ("/failures", jobs.failures),
            ("/names", names.names),
            ("/names/{name:path}", names.name),
            ("/queues/{queue:path}", names.queue),
            ("/groups", self.groups),
            ("/groups/{group_id}", self.group),
            ("/schedules", self.schedules),
            ("/schedules/{name}", self.schedule),
            ("/static/{name}", self.static),
        ):
            router.add_api_route(path, page, methods=["GET"], include_in_schema=False)

    async def groups(self, request: Request) -> Response:
        """List the newest groups."""
        infos = await self._engine.list_groups(limit=_GROUPS)
        each = [await self._engine.get_group(info.id) for info in infos]
        counts = await asyncio.gather(*(group.counts() for group in each))
        found = list(zip(infos, counts, strict=True))
        now = datetime.now(UTC)
        return render.page(request, "groups.html", groups=found, now=now)

    async def group(
        self,
        request: Request,
        group_id: str,
        after: Annotated[int, Query(ge=-1, le=2**31)] = -1,
    ) -> Response:
        """Show one group: its bar, and a page of its jobs."""
        try:
            group = await self._engine.get_group(group_id)
        except GroupNotFound as error:
            return render.problem(request, 404, "Group not found", error)
        info, counts, jobs = await asyncio.gather(
            group.info(), group.counts(), group.page(after=after, limit=_MEMBERS)
        )
        ended = {status: many for status, many in counts.items() if status.is_terminal}
        is_last = len(jobs) < _MEMBERS
        return render.page(
            request,
            "group.html",
            now=datetime.now(UTC),
            info=info,
            counts=counts,
            total=sum(counts.values()),
            ended=sum(ended.values()),
            failed=sum(ended.values()) - counts[_SUCCEEDED],
            jobs=jobs,
            params=words.of_job,
            after=after,
            following=None if is_last else jobs[-1].group_index,
        )

    async def schedules(self, request: Request) -> Response:
        """List the schedules."""
        found = await self._engine.schedules.list()
        now = datetime.now(UTC)
        days = await asyncio.gather(*(self._day(info, now) for info in found))
        return render.page(
            request,
            "schedules.html",
            now=now,
            schedules=found,
            days={info.name: each for info, each in zip(found, days, strict=True)},
        )

    async def _day(self, info: ScheduleInfo, now: datetime) -> Day:
        ticks = await self._engine.schedules.ticks(info.name, TICKS)
        coming = (
            []
            if info.paused
            else await self._engine.schedules.preview(info.name, TICKS)
        )
        return day(ticks, coming, now=now)

    async def schedule(self, request: Request, name: str) -> Response:
        """Show one schedule."""
        schedules = self._engine.schedules
        try:
            info, coming, ticks, edits = await asyncio.gather(
                schedules.get(name),
                schedules.preview(name, _COMING),
                schedules.ticks(name, TICKS),
                schedules.edits(name),
            )
        except ScheduleNotFound as error:
            return render.problem(request, 404, "Schedule not found", error)
        return render.page(
            request,
            "schedule.html",
            now=datetime.now(UTC),
            info=info,
            shown=serialize.schedule(info),
            coming=coming,
            ticks=ticks,
            edits=list(reversed(edits)),
        )

    async def static(self, request: Request, name: str) -> Response:
        """Send a style sheet or a script."""
        file = _STATIC / name
        kind = _KINDS.get(name.rpartition(".")[2])
        if kind is None or "/" in name or not file.is_file():
            return render.problem(request, 404, "File not found", name)
        content = file.read_bytes()
        digest = hashlib.sha256(content).hexdigest()[:16]
        headers = {"Cache-Control": "public, max-age=3600", "ETag": f'"{digest}"'}
        return Response(content, media_type=kind, headers=headers)
