"""Routes for operators: queues, workers, counts, the lifecycle."""

from dataclasses import asdict
from typing import Annotated, Any, Final

from fastapi import APIRouter, Path, Query
from starlette.responses import JSONResponse, Response

from interlock.core.lifecycle import (
    EVENT_MEANING,
    INITIAL,
    STATUS_MEANING,
    TABLE,
    JobStatus,
)
from interlock.core.machine import legal
from interlock.jobs import serialize
from interlock_adapters import diagrams
from interlock_adapters.http.dependencies import Api, refusals
from interlock_adapters.http.schemas import json_responses, overview
from interlock_adapters.http.schemas.responses import CountsOut

NAME: Final = r"^[^\x00-\x1f\ufffd]+$"
QueueName = Annotated[str, Path(min_length=1, max_length=255, pattern=NAME)]
QueueQuery = Annotated[str, Query(min_length=1, max_length=255, pattern=NAME)]


class Operate:
    """`/v1/queues`, `/v1/workers`, `/v1/counts`, `/v1/lifecycle`."""

    def __init__(self, api: Api) -> None:
        self._engine = api.engine

    def add_to(self, router: APIRouter) -> None:
        """Add the routes."""
        reads: dict[str, Any] = {"methods": ["GET"], "responses": refusals()}
        reads["tags"] = ["operations"]
        for path, endpoint, model in (
            ("/v1/queues", self.list_queues, overview.QueuePageOut),
            ("/v1/workers", self.list_workers, overview.WorkerPageOut),
            ("/v1/counts", self.count_jobs, CountsOut),
            ("/v1/lifecycle", self.get_lifecycle, overview.LifecycleOut),
        ):
            router.add_api_route(path, endpoint, response_model=model, **reads)
        writes: dict[str, Any] = {
            "methods": ["POST"],
            "response_model": overview.QueueOut,
            "responses": refusals(body=True),
            "tags": ["operations"],
        }
        for name, turn in (
            ("pause", (self.pause_queue, self.pause_named_queue)),
            ("resume", (self.resume_queue, self.resume_named_queue)),
        ):
            router.add_api_route(f"/v1/queues/{{queue:path}}/{name}", turn[0], **writes)
            router.add_api_route(f"/v1/queues/{name}", turn[1], **writes)

    async def list_queues(self) -> Response:
        """List the queues: their depth, and whether they are paused."""
        return json_responses.page(
            serialize.plain(asdict(q)) for q in await self._engine.queues()
        )

    async def pause_queue(self, queue: QueueName) -> Response:
        """Pause a queue: running jobs go on, no new one starts."""
        await self._engine.pause(queue)
        return await self._queue(queue)

    async def resume_queue(self, queue: QueueName) -> Response:
        """Resume a paused queue."""
        await self._engine.resume(queue)
        return await self._queue(queue)

    async def pause_named_queue(self, queue: QueueQuery) -> Response:
        """Pause a queue of any name, also `.` and `..`, which paths cannot have."""
        return await self.pause_queue(queue)

    async def resume_named_queue(self, queue: QueueQuery) -> Response:
        """Resume a queue of any name."""
        return await self.resume_queue(queue)

    async def _queue(self, queue: str) -> Response:
        info = next(q for q in await self._engine.queues() if q.name == queue)
        return JSONResponse(serialize.plain(asdict(info)))

    async def list_workers(self) -> Response:
        """List the registered workers."""
        return json_responses.page(
            serialize.plain(asdict(w)) for w in await self._engine.workers()
        )

    async def count_jobs(self) -> Response:
        """Return how many jobs have each status."""
        return JSONResponse(serialize.plain(await self._engine.counts()))

    async def get_lifecycle(self) -> Response:
        """Return the table of transitions, and its diagram in Mermaid."""
        statuses = [
            {
                "status": status,
                "meaning": STATUS_MEANING[status],
                "terminal": status.is_terminal,
                "events": sorted(legal(status)),
            }
            for status in JobStatus
        ]
        rows = [{**asdict(row), "meaning": EVENT_MEANING[row.event]} for row in TABLE]
        return JSONResponse(
            {
                "initial": INITIAL,
                "statuses": serialize.plain(statuses),
                "transitions": serialize.plain(rows),
                "mermaid": diagrams.mermaid(),
            }
        )
