"""Routes for groups: submit a job for each of many items, and what became of them."""

from collections.abc import Callable
from dataclasses import asdict
from typing import Annotated, Any

from fastapi import APIRouter, Path, Query
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from interlock.api.group import Group
from interlock.core.lifecycle import Event, row_of
from interlock.core.records import GroupInfo
from interlock.jobs import serialize
from interlock.jobs.options import Options
from interlock_adapters.http.dependencies import Api, OnceKey, actor, refusals
from interlock_adapters.http.schemas import json_responses, responses
from interlock_adapters.http.schemas.problems import Problem
from interlock_adapters.http.schemas.reply import Reply
from interlock_adapters.http.schemas.requests import CancelIn, GroupIn, RerunFailedIn
from interlock_adapters.http.security.middleware import principal_of

GroupId = Annotated[str, Path(description="Id of the group", max_length=255)]
Limit = Annotated[int, Query(ge=1, le=1000)]
After = Annotated[int, Query(ge=-1, le=2**31, description="A place in the group")]
_SUCCEEDED = row_of(Event.SUCCEED).target


class Groups:
    """`/v1/groups`, and the routes below."""

    def __init__(self, api: Api) -> None:
        self._api = api
        self._engine = api.engine

    def add_to(self, router: APIRouter) -> None:
        """Add the routes."""
        one = "/v1/groups/{group_id}"
        routes: tuple[tuple[str, str, Callable[..., Any], Any, int], ...] = (
            ("POST", "/v1/groups", self.submit_group, responses.GroupOut, 201),
            ("GET", "/v1/groups", self.list_groups, responses.GroupPageOut, 200),
            ("GET", one, self.get_group, responses.GroupOut, 200),
            ("GET", f"{one}/jobs", self.list_group_jobs, responses.PageOut, 200),
            (
                "GET",
                f"{one}/results",
                self.list_group_results,
                responses.GroupResultPageOut,
                200,
            ),
            ("POST", f"{one}/cancel", self.cancel_group, responses.BulkOut, 200),
            (
                "POST",
                f"{one}/rerun_failed",
                self.rerun_failed_jobs,
                responses.RerunOut,
                200,
            ),
        )
        for method, path, endpoint, model, status in routes:
            is_new = method == "POST"
            router.add_api_route(
                path,
                endpoint,
                methods=[method],
                response_model=model,
                responses=refusals(404, *((409, 429) if is_new else ()), body=is_new),
                tags=["groups"],
                status_code=status,
            )

    async def submit_group(
        self, request: Request, body: GroupIn, once: OnceKey = None
    ) -> Response:
        """Submit a job for each item in one transaction; they are a group."""
        del once
        most = self._api.settings.max_batch
        if len(body.items) > most:
            detail = f"A group has at most {most} items here. Nothing was stored."
            raise Problem(422, "batch-too-long", detail)
        self._api.limits.take(principal_of(request.scope), max(1, len(body.items)))
        by = actor(request, body.options.by)
        answer = await self._api.act(request, lambda: self._submit(body, by))
        return answer.response()

    def _submit(self, body: GroupIn, by: str) -> Reply:
        self._api.let_in(body.call)
        options: Options = {**body.options.given(), "by": by}
        items = [_as_given(item) for item in body.items]
        group = self._engine.sync.map(body.job, items, name=body.name, **options)
        return Reply(status=201, body=_told(group))

    async def list_groups(
        self,
        before: Annotated[str | None, Query(max_length=255)] = None,
        limit: Limit = 50,
    ) -> Response:
        """List groups, the newest first; `next_cursor` is the next `before`."""
        found = await self._engine.list_groups(before=before, limit=limit)
        last = found[-1].id if len(found) == limit else None
        return json_responses.page(
            (serialize.plain(asdict(info)) for info in found), last
        )

    async def get_group(self, group_id: GroupId) -> Response:
        """Return a group, with how many of its jobs have each status."""
        group = await self._engine.get_group(group_id)
        info, counts = await group.info(), await group.counts()
        return JSONResponse(_shown(info, counts))

    async def list_group_jobs(
        self, group_id: GroupId, after: After = -1, limit: Limit = 100
    ) -> Response:
        """Return its jobs in their order; `next_cursor` is the next `after`."""
        found = await self._members(group_id, after, limit)
        last = str(found[-1].group_index) if len(found) == limit else None
        return json_responses.page(map(serialize.job, found), last)

    async def list_group_results(
        self, group_id: GroupId, after: After = -1, limit: Limit = 100
    ) -> Response:
        """Return the results of its jobs in their order; null while there is none."""
        found = await self._members(group_id, after, limit)
        last = str(found[-1].group_index) if len(found) == limit else None
        items = [
            {
                "group_index": job.group_index,
                "job_id": job.id,
                "job_status": job.status.value,
                "result": serialize.job(job)["result"]
                if job.status is _SUCCEEDED
                else None,
            }
            for job in found
        ]
        return json_responses.page(items, last)

    async def _members(self, group_id: str, after: int, limit: int) -> Any:
        group = await self._engine.get_group(group_id)
        return await group.page(after=after, limit=limit)

    async def cancel_group(
        self,
        request: Request,
        group_id: GroupId,
        why: CancelIn | None = None,
        once: OnceKey = None,
    ) -> Response:
        """Cancel all of its jobs that have not ended, and close it."""
        del once
        body = why or CancelIn()
        by = actor(request, body.by)

        def act() -> Reply:
            group = self._engine.sync.get_group(group_id)
            done = group.cancel(reason=body.reason, by=by)
            return Reply(status=200, body=asdict(done))

        return (await self._api.act(request, act)).response()

    async def rerun_failed_jobs(
        self,
        request: Request,
        group_id: GroupId,
        who: RerunFailedIn | None = None,
        once: OnceKey = None,
    ) -> Response:
        """Run its jobs again that have ended without success, in their places."""
        del once
        by = actor(request, who.by if who else None)

        def act() -> Reply:
            group = self._engine.sync.get_group(group_id)
            return Reply(status=200, body={"rerun": group.rerun_failed(by=by)})

        return (await self._api.act(request, act)).response()


def _as_given(item: object) -> object:
    """Return an item for `map`: a list of JSON is one by position."""
    return tuple(item) if isinstance(item, list) else item


def _told(group: Group[Any]) -> dict[str, Any]:
    return _shown(group.info(), group.counts())


def _shown(info: GroupInfo, counts: Any) -> dict[str, Any]:
    values: dict[str, Any] = serialize.plain(asdict(info))
    return {**values, "counts": {str(status): many for status, many in counts.items()}}
