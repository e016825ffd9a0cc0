"""Routes for health checks: alive, and ready."""

from datetime import UTC, datetime, timedelta

from fastapi import APIRouter
from starlette.responses import JSONResponse, Response

from interlock.core.errors import SchemaMismatch, StoreUnavailable
from interlock_adapters.http.dependencies import Api, refusals
from interlock_adapters.http.schemas.overview import AliveOut, ReadyOut


class Health:
    """`/healthz` and `/readyz`."""

    def __init__(self, api: Api) -> None:
        self._api = api

    def add_to(self, router: APIRouter) -> None:
        """Add the routes."""
        router.add_api_route(
            "/healthz",
            self.get_health,
            methods=["GET"],
            response_model=AliveOut,
            responses=refusals(),
            tags=["operations"],
        )
        not_ready = {"model": ReadyOut, "description": "Not ready, and why"}
        router.add_api_route(
            "/readyz",
            self.get_readiness,
            methods=["GET"],
            response_model=ReadyOut,
            responses={**refusals(), 503: not_ready},
            tags=["operations"],
        )

    async def get_health(self) -> Response:
        """Check that the server answers."""
        return JSONResponse({"status": "alive"})

    async def get_readiness(self) -> Response:
        """Check the store, its schema, and that a worker is running."""
        store, worker = await self._store(), "unknown"
        if store == "ok":
            worker = await self._worker()
        ready = (store, worker) == ("ok", "ok")
        verdict = {"status": "ready" if ready else "not ready"}
        return JSONResponse(
            {**verdict, "store": store, "worker": worker}, 200 if ready else 503
        )

    async def _store(self) -> str:
        try:
            await self._api.engine.monitor.check()
        except SchemaMismatch:
            return "its schema is not the one of this version, or was weakened"
        except StoreUnavailable:
            return "cannot be reached"
        return "ok"

    async def _worker(self) -> str:
        recent = timedelta(seconds=self._api.settings.worker_recent)
        since = datetime.now(UTC) - recent
        workers = await self._api.engine.workers()
        if any(worker.seen_at >= since for worker in workers):
            return "ok"
        return f"none was seen within {recent.total_seconds():g} s"
