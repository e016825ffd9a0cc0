"""Routes for jobs: submit, get, list, search, cancel, rerun, delete."""

from functools import partial
from http import HTTPStatus
from typing import Annotated, Any

from fastapi import APIRouter, Path, Query
from starlette.requests import Request
from starlette.responses import Response

from interlock.core.job import Phase
from interlock.core.lifecycle import JobStatus
from interlock.jobs import serialize
from interlock.jobs.options import Options
from interlock_adapters.http.dependencies import (
    Api,
    IfMatch,
    IfNoneMatch,
    OnceKey,
    actor,
    refusals,
    version,
)
from interlock_adapters.http.schemas import json_responses, reply
from interlock_adapters.http.schemas.filters import refuse_secret, search
from interlock_adapters.http.schemas.reply import Reply
from interlock_adapters.http.schemas.requests import (
    CancelIn,
    Key,
    Moment,
    RerunIn,
    SearchIn,
    SubmitIn,
)
from interlock_adapters.http.schemas.responses import EXAMPLE_ID, JobOut, PageOut
from interlock_adapters.http.security.middleware import principal_of

JobId = Annotated[str, Path(description="Id of the job", examples=[EXAMPLE_ID])]
#: Of a route that only reads: its handler asks `Api.full_id`.
PartOfId = Annotated[
    str,
    Path(
        description="Id of the job, or 4 or more digits that it begins or ends with",
        examples=[EXAMPLE_ID],
    ),
]
Wait = Annotated[
    float | None,
    Query(ge=0, le=3600, description="Seconds to wait for the end, 60 at most"),
]


class Jobs:
    """`/v1/jobs`, and the routes that change a job."""

    def __init__(self, api: Api) -> None:
        self._api = api
        self._engine = api.engine

    def add_to(self, router: APIRouter) -> None:
        """Add the routes."""
        path = "/v1/jobs/{job_id}"
        job: dict[str, Any] = {"response_model": JobOut, "tags": ["jobs"]}
        page: dict[str, Any] = {"response_model": PageOut, "tags": ["jobs"]}
        add = router.add_api_route
        add(
            "/v1/jobs",
            self.submit_job,
            methods=["POST"],
            status_code=201,
            responses=refusals(409, 429, body=True),
            **job,
        )
        add("/v1/jobs", self.list_jobs, methods=["GET"], responses=refusals(), **page)
        add(
            "/v1/jobs/search",
            self.search_jobs,
            methods=["POST"],
            responses=refusals(body=True),
            **page,
        )
        add(
            path,
            self.get_job,
            methods=["GET"],
            responses={304: {"description": "As that ETag says"}, **refusals(404)},
            **job,
        )
        add(
            path,
            self.delete_job,
            methods=["DELETE"],
            status_code=204,
            responses=refusals(404, 409, 412, body=True),
            tags=["jobs"],
        )
        add(
            f"{path}/cancel",
            self.cancel_job,
            methods=["POST"],
            responses={
                202: {"model": JobOut, "description": "Asked for; it is being stopped"},
                **refusals(404, 409, 412, body=True),
            },
            **job,
        )
        add(
            f"{path}/rerun",
            self.rerun_job,
            methods=["POST"],
            status_code=201,
            responses=refusals(404, 409, 412, 429, body=True),
            **job,
        )

    async def submit_job(
        self, request: Request, call: SubmitIn, once: OnceKey = None
    ) -> Response:
        """Submit a job; a worker runs it. An acknowledged job survives a power cut."""
        del once  # read by `act`
        self._api.limits.take(principal_of(request.scope), 1)
        by = actor(request, call.options.by)
        return (await self._api.act(request, lambda: self._submit(call, by))).response()

    def _submit(self, call: SubmitIn, by: str) -> Reply:
        self._api.let_in(call)
        options: Options = {**call.options.given(), "by": by}
        handle = self._engine.sync.submit(call.name, call.params, **options)
        return reply.created(handle.job())

    async def get_job(
        self, job_id: PartOfId, wait: Wait = None, known: IfNoneMatch = None
    ) -> Response:
        """Return a job; with `wait`, once it has ended or the time is over."""
        job_id = await self._api.full_id(job_id)
        del known  # read by `methods.finished`
        if wait:
            return json_responses.job_response(await self._api.waited(job_id, wait))
        return json_responses.job_response(await self._engine.get(job_id))

    async def list_jobs(  # noqa: PLR0917  (FastAPI reads the signature)
        self,
        name: Key | None = None,
        queue: Key | None = None,
        status: Annotated[list[JobStatus] | None, Query(max_length=20)] = None,
        created_after: Moment | None = None,
        created_before: Moment | None = None,
        submitted_by: Key | None = None,
        schedule: Key | None = None,
        group: Key | None = None,
        parent: Key | None = None,
        tag: Annotated[list[Key] | None, Query(max_length=100)] = None,
        name_part: Key | None = None,
        error: Annotated[str | None, Query(max_length=500)] = None,
        phase: Annotated[list[Phase] | None, Query(max_length=20)] = None,
        limit: Annotated[int, Query(ge=1, le=1000)] = 50,
        cursor: Annotated[str | None, Query(max_length=500)] = None,
    ) -> Response:
        """List jobs, newest first; `next_cursor` is for the next page."""
        return await self.search_jobs(
            SearchIn(
                name=name,
                queue=queue,
                statuses=status or [],
                created_after=created_after,
                created_before=created_before,
                submitted_by=submitted_by,
                schedule=schedule,
                group=group,
                parent=parent,
                tags=tag or [],
                name_part=name_part,
                error=error,
                phases=phase or [],
                limit=limit,
                cursor=cursor,
            )
        )

    async def search_jobs(self, body: SearchIn) -> Response:
        """Search jobs by the contents of their parameters, and by other filters."""
        refuse_secret(body.params)
        filters = search(body)
        page = await self._engine.search(
            **filters,
            limit=body.limit,
            cursor=body.cursor,
        )
        items = [serialize.job(job) for job in page.items]
        return json_responses.page(items, page.next_cursor)

    async def cancel_job(
        self,
        request: Request,
        job_id: JobId,
        why: CancelIn | None = None,
        *,
        wait: Wait = None,
        if_match: IfMatch = None,
        once: OnceKey = None,
    ) -> Response:
        """Cancel a job: 200 when it is CANCELED, 202 while it is being stopped.

        With `wait` the answer comes when none of its processes is alive any more.
        """
        del once
        body = why or CancelIn()
        by = actor(request, body.by)
        if_version = version(if_match)
        answer = await self._api.act(
            request, lambda: self._cancel(job_id, body.reason, by, if_version)
        )
        if wait and answer.status == HTTPStatus.ACCEPTED:
            job = await self._api.waited(job_id, wait)
            answer = reply.job(job, 200 if job.is_terminal else 202)
        return answer.response()

    def _cancel(
        self, job_id: str, reason: str | None, by: str, if_version: int | None
    ) -> Reply:
        job = self._engine.sync.cancel(
            job_id, reason=reason, by=by, if_version=if_version
        )
        return reply.job(job, 200 if job.is_terminal else 202)

    async def rerun_job(
        self,
        request: Request,
        job_id: JobId,
        who: RerunIn | None = None,
        *,
        if_match: IfMatch = None,
        once: OnceKey = None,
    ) -> Response:
        """Run a job that has ended again, as a new job with the same parameters."""
        del once
        self._api.limits.take(principal_of(request.scope), 1)
        body = who or RerunIn()
        by = actor(request, body.by)
        rerun = partial(
            self._rerun,
            job_id,
            by=by,
            if_version=version(if_match),
            dependents=body.dependents,
        )
        return (await self._api.act(request, rerun)).response()

    def _rerun(self, job_id: str, **how: Any) -> Reply:
        handle = self._engine.sync.rerun(job_id, **how)
        return reply.created(handle.job())

    async def delete_job(self, job_id: JobId, if_match: IfMatch = None) -> Response:
        """Delete a job that has ended, with its records; 409 for any other job."""
        await self._engine.delete(job_id, if_version=version(if_match))
        return Response(status_code=204)
