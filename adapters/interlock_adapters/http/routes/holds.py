"""Routes for holds: of jobs, names, queues and keys."""

import asyncio
from dataclasses import asdict
from typing import Annotated, Any, Final

from fastapi import APIRouter, Path, Query
from starlette.requests import Request
from starlette.responses import Response

from interlock.api.holds import shown
from interlock.jobs import serialize
from interlock_adapters.http.dependencies import Api, actor, refusals
from interlock_adapters.http.routes.operate import NAME
from interlock_adapters.http.schemas import json_responses
from interlock_adapters.http.schemas.requests import HoldIn, Key
from interlock_adapters.http.schemas.responses import HoldPageOut

Target = Annotated[
    str,
    Path(
        min_length=1,
        max_length=300,
        pattern=NAME,
        description="Percent-encoded: `job:ID`, `name:N`, `queue:Q` or `key:K`",
    ),
]
Releaser = Annotated[
    Key | None, Query(description="Who releases it, if the token has no name")
]
_TAGS: Final[list[Any]] = ["operations"]


class Holds:
    """`/v1/holds`."""

    def __init__(self, api: Api) -> None:
        self._engine = api.engine

    def add_to(self, router: APIRouter) -> None:
        """Add the routes."""
        router.add_api_route(
            "/v1/holds",
            self.list_holds,
            methods=["GET"],
            response_model=HoldPageOut,
            responses=refusals(),
            tags=_TAGS,
        )
        for method, endpoint in (("PUT", self.set_hold), ("DELETE", self.release_hold)):
            router.add_api_route(
                "/v1/holds/{target:path}",
                endpoint,
                methods=[method],
                status_code=204,
                responses=refusals(404, 409, body=True),
                tags=_TAGS,
            )

    async def list_holds(self) -> Response:
        """List the holds, the oldest first."""
        engine = self._engine.sync
        holds = await asyncio.to_thread(lambda: shown(engine.holds(), engine.get))
        return json_responses.page(serialize.plain(asdict(hold)) for hold in holds)

    async def set_hold(
        self, request: Request, target: Target, why: HoldIn | None = None
    ) -> Response:
        """Hold a job, or all jobs of a name, a queue or a key: they do not start."""
        hold = why or HoldIn()
        by = actor(request, hold.by)
        await self._engine.hold(target, by=by, reason=hold.reason, until=hold.until)
        return Response(status_code=204)

    async def release_hold(
        self, request: Request, target: Target, by: Releaser = None
    ) -> Response:
        """Release what is held."""
        await self._engine.release_hold(target, by=actor(request, by))
        return Response(status_code=204)
