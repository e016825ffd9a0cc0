"""Routes for schedules."""

from collections.abc import Callable
from dataclasses import asdict
from datetime import datetime
from typing import Annotated, Any, Final

from fastapi import APIRouter, Path, Query
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from interlock.core.ticks import ScheduleInfo
from interlock.jobs import serialize
from interlock.jobs.options import Options
from interlock_adapters.http.dependencies import Api, OnceKey, actor, refusals
from interlock_adapters.http.schemas import json_responses, reply
from interlock_adapters.http.schemas.reply import Reply
from interlock_adapters.http.schemas.requests import (
    Moment,
    OptionsIn,
    RerunIn,
    ScheduleEditIn,
    ScheduleIn,
    ScheduleUpdateIn,
)
from interlock_adapters.http.schemas.responses import (
    JobOut,
    PreviewOut,
    ScheduleEditPageOut,
    ScheduleOut,
    SchedulePageOut,
    TickPageOut,
)
from interlock_adapters.http.security.middleware import principal_of

_PATH: Final = "/v1/schedules/{name}"
Name = Annotated[str, Path(min_length=1, max_length=200, pattern=r"^[^\x00-\x1f]+$")]


class Schedules:
    """`/v1/schedules`."""

    def __init__(self, api: Api) -> None:
        self._api = api
        self._schedules = api.engine.schedules

    def add_to(self, router: APIRouter) -> None:
        """Add the routes."""
        tags: dict[str, Any] = {"tags": ["schedules"]}
        one: dict[str, Any] = {"response_model": ScheduleOut, **tags}
        add = router.add_api_route
        for path, endpoint, model in (
            ("/v1/schedules", self.list_schedules, SchedulePageOut),
            (_PATH, self.get_schedule, ScheduleOut),
            (f"{_PATH}/preview", self.preview_schedule, PreviewOut),
            (f"{_PATH}/ticks", self.list_ticks, TickPageOut),
            (f"{_PATH}/edits", self.list_schedule_edits, ScheduleEditPageOut),
        ):
            codes = refusals(*([404] if path != "/v1/schedules" else []))
            add(
                path,
                endpoint,
                methods=["GET"],
                response_model=model,
                responses=codes,
                **tags,
            )
        writes = refusals(404, 409, body=True)
        add(
            "/v1/schedules",
            self.create_schedule,
            methods=["POST"],
            status_code=201,
            responses=refusals(409, body=True),
            **one,
        )
        add(_PATH, self.update_schedule, methods=["PATCH"], responses=writes, **one)
        add(
            _PATH,
            self.delete_schedule,
            methods=["DELETE"],
            status_code=204,
            responses=writes,
            **tags,
        )
        for verb, turn in (
            ("pause", self.pause_schedule),
            ("resume", self.resume_schedule),
        ):
            path = f"{_PATH}/{verb}"
            add(path, turn, methods=["POST"], responses=writes, **one)
        add(
            f"{_PATH}/trigger",
            self.trigger_schedule,
            methods=["POST"],
            status_code=201,
            response_model=JobOut,
            responses=refusals(404, 409, 429, body=True),
            **tags,
        )

    async def list_schedules(self) -> Response:
        """List the schedules, by name."""
        return json_responses.page(
            serialize.schedule(info) for info in await self._schedules.list()
        )

    async def get_schedule(self, name: Name) -> Response:
        """Return a schedule."""
        return JSONResponse(serialize.schedule(await self._schedules.get(name)))

    async def create_schedule(
        self, request: Request, body: ScheduleIn, once: OnceKey = None
    ) -> Response:
        """Create a schedule: workers submit a job at each of its ticks from now on."""
        del once
        options = _options(body.options, actor(request, body.by))
        return await self._answer(
            request,
            lambda: self._schedules.sync.create(
                body.name,
                body.job,
                body.params,
                schedule=body.schedule.value(),
                reason=body.reason,
                **options,
            ),
            201,
        )

    async def update_schedule(
        self,
        request: Request,
        name: Name,
        body: ScheduleUpdateIn,
        once: OnceKey = None,
    ) -> Response:
        """Change a schedule; what is left out stays as it is."""
        del once
        options = _options(body.options, actor(request, body.by))
        schedule = None if body.schedule is None else body.schedule.value()
        return await self._answer(
            request,
            lambda: self._schedules.sync.update(
                name,
                schedule=schedule,
                params=body.params,
                reason=body.reason,
                **options,
            ),
        )

    async def pause_schedule(
        self,
        request: Request,
        name: Name,
        body: ScheduleEditIn | None = None,
        once: OnceKey = None,
    ) -> Response:
        """Pause a schedule: its jobs go on, and it submits none."""
        del once
        edit = _edit(request, body)
        return await self._answer(
            request, lambda: self._schedules.sync.pause(name, **edit)
        )

    async def resume_schedule(
        self,
        request: Request,
        name: Name,
        body: ScheduleEditIn | None = None,
        once: OnceKey = None,
    ) -> Response:
        """Resume a paused schedule, with its next tick."""
        del once
        edit = _edit(request, body)
        return await self._answer(
            request, lambda: self._schedules.sync.resume(name, **edit)
        )

    async def _answer(
        self, request: Request, act: Callable[[], ScheduleInfo], status: int = 200
    ) -> Response:
        def answered() -> Reply:
            info = act()
            where = {"Location": f"/v1/schedules/{info.name}"} if status == 201 else {}  # noqa: PLR2004  (created)
            return Reply(status=status, body=serialize.schedule(info), headers=where)

        return (await self._api.act(request, answered)).response()

    async def delete_schedule(
        self,
        request: Request,
        name: Name,
        body: ScheduleEditIn | None = None,
    ) -> Response:
        """Delete a schedule with its ticks; its jobs and edits stay."""
        await self._schedules.delete(name, **_edit(request, body))
        return Response(status_code=204)

    async def trigger_schedule(
        self,
        request: Request,
        name: Name,
        who: RerunIn | None = None,
        once: OnceKey = None,
    ) -> Response:
        """Submit a job of a schedule now."""
        del once
        self._api.limits.take(principal_of(request.scope), 1)
        by = actor(request, who.by if who else None)
        answer = await self._api.act(
            request,
            lambda: reply.created(self._schedules.sync.trigger(name, by=by).job()),
        )
        return answer.response()

    async def preview_schedule(
        self,
        name: Name,
        n: Annotated[int, Query(ge=1, le=1000)] = 5,
        after: Moment | None = None,
    ) -> Response:
        """Return the next ticks of a schedule, in its time zone."""
        return json_responses.page(
            map(datetime.isoformat, await self._schedules.preview(name, n, after=after))
        )

    async def list_ticks(
        self, name: Name, limit: Annotated[int, Query(ge=1, le=1000)] = 100
    ) -> Response:
        """List what became of the ticks of a schedule, the newest first."""
        return json_responses.page(
            serialize.plain(asdict(tick))
            for tick in await self._schedules.ticks(name, limit)
        )

    async def list_schedule_edits(self, name: Name) -> Response:
        """List who changed a schedule, when and why."""
        return json_responses.page(
            serialize.plain(asdict(edit)) for edit in await self._schedules.edits(name)
        )


def _options(given: OptionsIn, by: str) -> Options:
    return {**given.given(), "by": by}


def _edit(request: Request, body: ScheduleEditIn | None) -> dict[str, Any]:
    body = body or ScheduleEditIn()
    return {"by": actor(request, body.by), "reason": body.reason}
