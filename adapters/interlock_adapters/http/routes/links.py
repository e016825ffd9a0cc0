"""Routes for what a job depends on, what depends on it, and what it has submitted."""

from dataclasses import asdict
from typing import Annotated

from fastapi import APIRouter, Query
from starlette.responses import JSONResponse, Response

from interlock.core.dependencies import MAX_DEPENDENCIES, Linked
from interlock.jobs import serialize
from interlock_adapters.http.dependencies import Api, refusals
from interlock_adapters.http.routes.jobs import PartOfId
from interlock_adapters.http.schemas import json_responses, responses

_PAGE = 100
Limit = Annotated[int, Query(ge=1, le=1000)]


class Links:
    """`/v1/jobs/{job_id}/dependencies`, `dependents`, `children` and `graph`."""

    def __init__(self, api: Api) -> None:
        self._api = api
        self._engine = api.engine

    def add_to(self, router: APIRouter) -> None:
        """Add the routes."""
        for name, endpoint, model in (
            ("dependencies", self.list_dependencies, responses.LinkedPageOut),
            ("dependents", self.list_dependents, responses.LinkedPageOut),
            ("children", self.list_children, responses.PageOut),
            ("graph", self.get_graph, responses.GraphOut),
        ):
            router.add_api_route(
                f"/v1/jobs/{{job_id}}/{name}",
                endpoint,
                methods=["GET"],
                response_model=model,
                responses=refusals(404),
                tags=["records"],
            )

    async def list_dependencies(
        self,
        job_id: PartOfId,
        after: Annotated[int, Query(ge=-1, le=MAX_DEPENDENCIES)] = -1,
        limit: Limit = _PAGE,
    ) -> Response:
        """Return the jobs that a job depends on; `next_cursor` is the next `after`."""
        job_id = await self._api.full_id(job_id)
        found = await self._engine.dependencies(job_id, after=after, limit=limit)
        last = str(found[-1].dependency.position) if len(found) == limit else None
        return json_responses.page(map(linked, found), last)

    async def list_dependents(
        self,
        job_id: PartOfId,
        after: Annotated[str, Query(max_length=255)] = "",
        limit: Limit = _PAGE,
    ) -> Response:
        """Return the jobs that depend on a job; `next_cursor` is the next `after`."""
        job_id = await self._api.full_id(job_id)
        found = await self._engine.dependents(job_id, after=after, limit=limit)
        last = found[-1].dependency.job_id if len(found) == limit else None
        return json_responses.page(map(linked, found), last)

    async def list_children(
        self,
        job_id: PartOfId,
        cursor: Annotated[str | None, Query(max_length=500)] = None,
        limit: Limit = _PAGE,
    ) -> Response:
        """Return the jobs that a job has submitted, newest first."""
        job_id = await self._api.full_id(job_id)
        await self._engine.get(job_id)
        page = await self._engine.search(parent=job_id, limit=limit, cursor=cursor)
        items = [serialize.job(job) for job in page.items]
        return json_responses.page(items, page.next_cursor)

    async def get_graph(self, job_id: PartOfId, limit: Limit = 200) -> Response:
        """Return a job with all that depends on it and that it depends on, and so on.

        The nearest `limit` jobs; `mermaid` draws them.
        """
        job_id = await self._api.full_id(job_id)
        found = await self._engine.graph(job_id, limit=limit)
        return JSONResponse(
            {
                "jobs": [serialize.job(job) for job in found.jobs],
                "edges": [asdict(edge) for edge in found.edges],
                "is_whole": found.is_whole,
                "mermaid": found.mermaid(),
            }
        )


def linked(one: Linked) -> dict[str, object]:
    """Return a dependency and its job as JSON."""
    job = None if one.job is None else serialize.job(one.job)
    return {**asdict(one.dependency), "job": job}
