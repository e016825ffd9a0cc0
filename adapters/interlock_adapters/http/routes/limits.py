"""Routes for limits: of keys, of names, of queues."""

import asyncio
from dataclasses import asdict
from typing import Annotated, Any, Final

from fastapi import APIRouter, Path
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from interlock.core.limits import MAX_KEY, QUEUE
from interlock.core.records import LimitInfo
from interlock.jobs import serialize
from interlock_adapters.http.dependencies import Api, actor, refusals
from interlock_adapters.http.routes.operate import NAME, QueueName
from interlock_adapters.http.schemas import json_responses
from interlock_adapters.http.schemas.requests import LimitIn
from interlock_adapters.http.schemas.responses import (
    DeletedOut,
    LimitOut,
    LimitPageOut,
)

LimitKey = Annotated[
    str,
    Path(
        min_length=1,
        max_length=MAX_KEY,
        pattern=NAME,
        description="Percent-encoded: the key of a limit, its template, `name:N` or "
        "`queue:Q`",
    ),
]
_TAGS: Final[list[Any]] = ["operations"]


class Limits:
    """`/v1/limits`, and the limits of `/v1/queues/{queue}`."""

    def __init__(self, api: Api) -> None:
        self._engine = api.engine

    def add_to(self, router: APIRouter) -> None:
        """Add the routes; they stand behind those that pause and resume a queue."""
        add = router.add_api_route
        add(
            "/v1/limits",
            self.list_limits,
            methods=["GET"],
            response_model=LimitPageOut,
            responses=refusals(),
            tags=_TAGS,
        )
        for path, set_, methods in (
            ("/v1/limits/{key:path}", self.set_limit, ["PUT"]),
            ("/v1/queues/{queue:path}", self.set_queue_limit, ["PATCH"]),
        ):
            add(
                path,
                set_,
                methods=methods,
                response_model=LimitOut,
                responses=refusals(body=True),
                tags=_TAGS,
            )
        add(
            "/v1/limits/{key:path}",
            self.delete_limit,
            methods=["DELETE"],
            response_model=DeletedOut,
            responses=refusals(body=True),
            tags=_TAGS,
        )

    async def list_limits(self) -> Response:
        """List the limits by key: what they allow, what runs, and who has set them."""
        return json_responses.page(
            serialize.plain(asdict(limit)) for limit in await self._engine.limits.list()
        )

    async def set_limit(
        self, request: Request, key: LimitKey, limit: LimitIn
    ) -> Response:
        """Set a limit; it holds at once. A value that is left out is no limit."""
        return await self._set(request, key, limit, limit.model_dump())

    async def set_queue_limit(
        self, request: Request, queue: QueueName, limit: LimitIn
    ) -> Response:
        """Limit all jobs of a queue. A value that is left out stays as it is."""
        given = limit.model_dump(exclude_unset=True)
        return await self._set(request, QUEUE + queue, limit, given)

    async def _set(
        self, request: Request, key: str, limit: LimitIn, given: dict[str, Any]
    ) -> Response:
        by = actor(request, limit.by)
        info = await asyncio.to_thread(self._store, key, {**given, "by": by})
        return JSONResponse(serialize.plain(asdict(info)))

    def _store(self, key: str, given: dict[str, Any]) -> LimitInfo:
        engine = self._engine.sync
        with engine.together():
            for before in engine.limits.list():
                if before.key == key:
                    kept = {"max_running": before.max_running}
                    given = {**kept, "rate_limit": before.rate_limit, **given}
            engine.limits.set(key, **given)
            return next(each for each in engine.limits.list() if each.key == key)

    async def delete_limit(self, key: LimitKey) -> Response:
        """Undo what was set: what the code declares holds again."""
        return JSONResponse({"deleted": await self._engine.limits.delete(key)})
