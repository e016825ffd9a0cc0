"""Routes for failures: failed jobs by cause, and what people say of the causes."""

from dataclasses import asdict
from typing import Annotated, Any, Final

from fastapi import APIRouter, Path, Query
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from interlock.api.failures import MOST
from interlock.core.causes import KEY_DIGITS
from interlock.jobs import serialize
from interlock_adapters.http.dependencies import Api, actor, refusals
from interlock_adapters.http.schemas import json_responses
from interlock_adapters.http.schemas.requests import RemarkIn
from interlock_adapters.http.schemas.responses import CausePageOut, RemarkOut

Key = Annotated[
    str,
    Path(pattern=f"^[0-9a-f]{{{KEY_DIGITS}}}$", description="The key of a cause"),
]
Looked = Annotated[
    int, Query(ge=1, le=MOST, description="Failed jobs to look at, the newest ones")
]
_TAGS: Final[list[Any]] = ["operations"]


class Failures:
    """`/v1/failures`."""

    def __init__(self, api: Api) -> None:
        self._engine = api.engine

    def add_to(self, router: APIRouter) -> None:
        """Add the routes."""
        router.add_api_route(
            "/v1/failures",
            self.list_failures,
            methods=["GET"],
            response_model=CausePageOut,
            responses=refusals(),
            tags=_TAGS,
        )
        router.add_api_route(
            "/v1/failures/{cause}/remarks",
            self.remark_on_failures,
            methods=["POST"],
            status_code=201,
            response_model=RemarkOut,
            responses=refusals(body=True),
            tags=_TAGS,
        )

    async def list_failures(self, limit: Looked = MOST) -> Response:
        """List the causes of the newest failed jobs, those with most to do first."""
        causes = await self._engine.failures.list(limit)
        return json_responses.page(serialize.cause(cause) for cause in causes)

    async def remark_on_failures(
        self, request: Request, cause: Key, said: RemarkIn
    ) -> Response:
        """Keep a note on a cause, acknowledge it, or reopen it."""
        by = actor(request, said.by)
        failures = self._engine.failures
        remark = await failures.remark(cause, said.kind, said.text, by=by)
        return JSONResponse(serialize.plain(asdict(remark)), 201)
