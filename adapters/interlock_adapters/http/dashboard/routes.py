"""The routes of the pages: overview, jobs, groups, schedules, and static files."""

import asyncio
import hashlib
from collections import Counter
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from importlib.resources import files
from typing import Annotated, Any, Final

from fastapi import APIRouter, Query
from starlette.datastructures import URL
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from interlock.api.holds import shown
from interlock.core.errors import (
    AmbiguousId,
    GroupNotFound,
    JobNotFound,
    ScheduleNotFound,
)
from interlock.core.job import HistoryEntry
from interlock.core.lifecycle import TERMINAL, Event, JobStatus, row_of
from interlock.jobs import serialize
from interlock.jobs.redaction import Redaction
from interlock_adapters.http.dashboard import render
from interlock_adapters.http.dashboard.charts import SPAN, charts
from interlock_adapters.http.dashboard.state_diagram import Pair, walked
from interlock_adapters.http.dashboard.timeline import timeline
from interlock_adapters.http.dependencies import Api
from interlock_adapters.http.prefix import root_of

_LINES: Final = 500  # of a log, the last ones
_LINKS: Final = 20  # jobs on each side of one
_GROUPS: Final = 50
_MEMBERS: Final = 200  # jobs of a group on a page
_SUCCEEDED: Final = row_of(Event.SUCCEED).target
_MOST: Final = 50  # limits, and holds
_RECENT: Final = 2000  # events from which the rates are counted
_ENDINGS: Final = 20_000  # from which the charts are drawn
_COMING: Final = 5  # ticks of a schedule
_TICKS: Final = 50  # that have been
_MINUTE: Final = timedelta(minutes=1)
_KINDS: Final = {"css": "text/css", "js": "text/javascript", "txt": "text/plain"}
_STATIC: Final = files("interlock_adapters.http.dashboard") / "static"


class Pages:
    """`/`, `/jobs`, `/groups`, `/schedules`: they only read; buttons call the API."""

    def __init__(self, api: Api) -> None:
        self._api = api
        self._engine = api.engine

    def add_to(self, router: APIRouter) -> None:
        """Add the routes; they are not in the OpenAPI document."""
        for path, page in (
            ("/", self.overview),
            ("/jobs", self.jobs),
            ("/jobs/{job_id}", self.job),
            ("/groups", self.groups),
            ("/groups/{group_id}", self.group),
            ("/schedules", self.schedules),
            ("/schedules/{name}", self.schedule),
            ("/static/{name}", self.static),
        ):
            router.add_api_route(path, page, methods=["GET"], include_in_schema=False)

    async def overview(self, request: Request) -> Response:
        """Show the overview: the diagram, charts, queues, limits, holds, workers."""
        now = datetime.now(UTC)
        engine = self._engine
        counts, queues, workers, recent, endings = await asyncio.gather(
            engine.counts(),
            engine.queues(),
            engine.workers(),
            engine.monitor.recent(_RECENT),
            engine.monitor.ended_jobs(since=now - SPAN, limit=_ENDINGS),
        )
        limits, holds = await asyncio.gather(engine.limits.list(), engine.holds())
        return _page(
            request,
            "overview.html",
            now=now,
            counts=counts,
            rates=_per_minute(recent, now),
            charts=charts(endings, now=now),
            queues=queues,
            limits=limits[:_MOST],
            more_limits=len(limits[_MOST:]),
            holds=await asyncio.to_thread(shown, holds[:_MOST], engine.sync.get),
            more_holds=len(holds[_MOST:]),
            workers=workers,
            events=recent[:12],
        )

    async def jobs(  # noqa: PLR0917  (FastAPI reads the signature)
        self,
        request: Request,
        name: Annotated[str, Query(max_length=200)] = "",
        queue: Annotated[str, Query(max_length=200)] = "",
        submitted_by: Annotated[str, Query(max_length=200)] = "",
        schedule: Annotated[str, Query(max_length=200)] = "",
        group: Annotated[str, Query(max_length=255)] = "",
        status: Annotated[list[JobStatus] | None, Query(max_length=20)] = None,
        cursor: Annotated[str | None, Query(max_length=500)] = None,
    ) -> Response:
        """List jobs by the filters in the address."""
        chosen = status or []
        filters: dict[str, Any] = {
            "name": name or None,
            "queue": queue or None,
            "submitted_by": submitted_by or None,
            "schedule": schedule or None,
            "group": group or None,
            "statuses": chosen,
        }
        page = await self._engine.search(**filters, limit=50, cursor=cursor)
        following = page.next_cursor
        return _page(
            request,
            "jobs.html",
            now=datetime.now(UTC),
            jobs=page.items,
            filters={
                "name": name,
                "queue": queue,
                "submitted_by": submitted_by,
                "schedule": schedule,
                "group": group,
            },
            chosen=chosen,
            matching=_cancelable(filters, chosen),
            url=_here(request.url),
            following=following
            and _here(request.url.include_query_params(cursor=following)),
            first=_here(request.url.remove_query_params("cursor")) if cursor else None,
        )

    async def job(self, request: Request, job_id: str) -> Response:
        """Show one job; a part of an id leads to the page of its job."""
        engine = self._engine
        try:
            found = await self._api.full_id(job_id)
            if found != job_id:
                return RedirectResponse(f"{root_of(request.scope)}/jobs/{found}", 303)
            job, history, attempts, lines, why, rejections = await asyncio.gather(
                engine.get(job_id),
                engine.history(job_id),
                engine.attempts(job_id),
                engine.log(job_id, tail=_LINES),
                engine.explain(job_id),
                engine.rejections(job_id),
            )
            dependencies, dependents, children, done, signals = await asyncio.gather(
                engine.dependencies(job_id, limit=_LINKS),
                engine.dependents(job_id, limit=_LINKS),
                engine.search(parent=job_id, limit=_LINKS),
                engine.steps(job_id),
                engine.signals(job_id),
            )
        except (JobNotFound, AmbiguousId) as error:
            return _missing(request, "Job", error)
        hidden = Redaction(job)
        return _page(
            request,
            "job.html",
            now=job.read_at,
            job=job,
            shown=serialize.job(job),
            history=[serialize.history(entry, hidden) for entry in history],
            walked=walked(history),
            stretches=timeline(job, attempts),
            attempts=[serialize.attempt(attempt, hidden) for attempt in attempts],
            lines=[serialize.line(line, hidden) for line in lines],
            has_earlier=lines.has_earlier,
            why=why,
            dependencies=dependencies,
            dependents=dependents,
            children=children,
            steps=[serialize.step(each, hidden) for each in done],
            signals=[serialize.signal(each, hidden) for each in signals],
            refused=[
                serialize.rejection(rejection, hidden) for rejection in rejections
            ],
        )

    async def groups(self, request: Request) -> Response:
        """List the newest groups."""
        infos = await self._engine.list_groups(limit=_GROUPS)
        each = [await self._engine.get_group(info.id) for info in infos]
        counts = await asyncio.gather(*(group.counts() for group in each))
        return _page(
            request, "groups.html", groups=list(zip(infos, counts, strict=True))
        )

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
            return _missing(request, "Group", error)
        info, counts, jobs = await asyncio.gather(
            group.info(), group.counts(), group.page(after=after, limit=_MEMBERS)
        )
        ended = {status: many for status, many in counts.items() if status.is_terminal}
        is_last = len(jobs) < _MEMBERS
        return _page(
            request,
            "group.html",
            info=info,
            counts=counts,
            total=sum(counts.values()),
            ended=sum(ended.values()),
            failed=sum(ended.values()) - counts[_SUCCEEDED],
            jobs=[(job, serialize.job(job)) for job in jobs],
            following=None if is_last else jobs[-1].group_index,
        )

    async def schedules(self, request: Request) -> Response:
        """List the schedules."""
        found = await self._engine.schedules.list()
        return _page(request, "schedules.html", now=datetime.now(UTC), schedules=found)

    async def schedule(self, request: Request, name: str) -> Response:
        """Show one schedule."""
        schedules = self._engine.schedules
        try:
            info, coming, ticks, edits = await asyncio.gather(
                schedules.get(name),
                schedules.preview(name, _COMING),
                schedules.ticks(name, _TICKS),
                schedules.edits(name),
            )
        except ScheduleNotFound as error:
            return _missing(request, "Schedule", error)
        return _page(
            request,
            "schedule.html",
            info=info,
            shown=serialize.schedule(info),
            coming=coming,
            ticks=ticks,
            edits=reversed(edits),
        )

    async def static(self, request: Request, name: str) -> Response:
        """Send a style sheet or a script."""
        file = _STATIC / name
        kind = _KINDS.get(name.rpartition(".")[2])
        if kind is None or "/" in name or not file.is_file():
            return _missing(request, "File", name)
        content = file.read_bytes()
        digest = hashlib.sha256(content).hexdigest()[:16]
        headers = {"Cache-Control": "public, max-age=3600", "ETag": f'"{digest}"'}
        return Response(content, media_type=kind, headers=headers)


def _page(request: Request, name: str, status: int = 200, **values: Any) -> Response:
    return render.page(name, status, root=root_of(request.scope), **values)


def _missing(request: Request, what: str, detail: object) -> Response:
    title = f"{what} not found"
    return _page(request, "problem.html", 404, title=title, detail=detail)


def _here(url: URL) -> str:
    """Return a URL without the host, whose name and scheme a proxy may change."""
    return f"{url.path}?{url.query}" if url.query else url.path


def _cancelable(
    filters: Mapping[str, object], chosen: list[JobStatus]
) -> Mapping[str, object] | None:
    """Return filters of jobs to cancel, None if they match no such job, or all jobs."""
    live = [status for status in chosen if status not in TERMINAL]
    if (chosen and not live) or not any(filters.values()):
        return None
    return {**filters, "statuses": live}


def _per_minute(recent: list[HistoryEntry], now: datetime) -> Mapping[Pair, int]:
    """Return the transitions per minute along each arrow, from the newest events."""
    fresh = [entry for entry in recent if entry.at > now - _MINUTE]
    moves = Counter(
        (entry.source, entry.target)
        for entry in fresh
        if entry.source is not None and entry.source is not entry.target
    )
    if len(fresh) < _RECENT:
        return moves
    seconds = max((now - fresh[-1].at).total_seconds(), 0.001)
    return {pair: round(count * 60 / seconds) for pair, count in moves.items()}
