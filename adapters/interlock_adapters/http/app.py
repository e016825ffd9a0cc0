"""Builds the FastAPI application: every route, behind the guard."""

from dataclasses import replace
from typing import Final

from fastapi import APIRouter, FastAPI
from fastapi.exceptions import RequestValidationError
from fastapi.routing import APIRoute
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response

from interlock.api.aio import AsyncEngine
from interlock.api.engine import Engine
from interlock_adapters.http import methods
from interlock_adapters.http.dashboard.refusals import Refusals
from interlock_adapters.http.dashboard.routes import Pages
from interlock_adapters.http.dependencies import Api
from interlock_adapters.http.openapi import App
from interlock_adapters.http.prefix import Prefix
from interlock_adapters.http.routes.bulk import Bulk
from interlock_adapters.http.routes.events import Events
from interlock_adapters.http.routes.failures import Failures
from interlock_adapters.http.routes.groups import Groups
from interlock_adapters.http.routes.health import Health
from interlock_adapters.http.routes.holds import Holds
from interlock_adapters.http.routes.jobs import Jobs
from interlock_adapters.http.routes.limits import Limits
from interlock_adapters.http.routes.links import Links
from interlock_adapters.http.routes.metrics import Metrics
from interlock_adapters.http.routes.operate import Operate
from interlock_adapters.http.routes.records import Records
from interlock_adapters.http.routes.schedules import Schedules
from interlock_adapters.http.routes.steps import Steps
from interlock_adapters.http.schemas import problems
from interlock_adapters.http.schemas.problems import Problem
from interlock_adapters.http.security.body import Route, StrictRoute
from interlock_adapters.http.security.middleware import Guard
from interlock_adapters.http.settings import Settings, Token

#: Each class adds its routes with `add_to(router)`.
_ROOMS: Final = (
    *(Bulk, Jobs, Records, Links, Steps, Groups, Schedules),
    *(Events, Operate, Limits, Holds, Failures),
    *(Health, Metrics, Pages),
)


def create_app(
    engine: Engine | AsyncEngine,
    *,
    token: str | None = None,
    read_token: str | None = None,
    settings: Settings | None = None,
) -> FastAPI:
    """Return the HTTP API of an engine, with its guard. The caller closes the engine.

    It may be mounted below a path of another application: `app.mount("/jobs", ...)`.

    Args:
        engine: whose jobs; the jobs that it may submit are those registered here.
        token: `SECRET` or `NAME:SECRET`, needed for everything if given.
        read_token: likewise, and may only read.
        settings: limits, more tokens, names of the host.
    """
    settings = with_tokens(settings or Settings(), token, read_token)
    app = App(
        title="Interlock",
        version="1",
        description="Submit, watch and stop jobs. A status is never set directly.",
        docs_url=None,  # those pages load their scripts from elsewhere
        redoc_url=None,
        redirect_slashes=False,
    )
    api = Api(_shared(engine), settings)
    routes = _routes(api, StrictRoute)
    app.include_router(routes)
    app.state.api = api  # `serve` ends its streams before it waits for them
    app.add_exception_handler(HTTPException, _http_problem)
    app.add_exception_handler(RequestValidationError, _validation_problem)
    app.add_exception_handler(Exception, _unexpected)
    app.add_middleware(Guard, settings=settings)
    app.add_middleware(Refusals)
    app.add_middleware(Prefix, settings=settings, own=_first_segments(routes))
    return app


def router(
    engine: Engine | AsyncEngine, *, settings: Settings | None = None
) -> APIRouter:
    """Return the routes, to include in an application of your own.

    They are open to whoever reaches them: add `Guard` as a middleware, or put them
    behind the application's own checks.
    """
    return _routes(Api(_shared(engine), settings or Settings()), Route)


def _shared(engine: Engine | AsyncEngine) -> AsyncEngine:
    return engine if isinstance(engine, AsyncEngine) else AsyncEngine(engine)


def _routes(api: Api, kind: type[Route]) -> APIRouter:
    routes = APIRouter(
        route_class=kind, generate_unique_id_function=lambda route: route.name
    )
    for room in _ROOMS:
        room(api).add_to(routes)
    methods.complete(routes)
    return routes


def _first_segments(routes: APIRouter) -> frozenset[str]:
    """Return what the server's own paths begin with: `v1`, `jobs`, ..."""
    paths = {route.path for route in routes.routes if isinstance(route, APIRoute)}
    return frozenset(path.split("/")[1] for path in (*paths, "/openapi.json"))


def with_tokens(
    settings: Settings, token: str | None, read_token: str | None
) -> Settings:
    """Return the settings with these tokens too."""
    more = [
        Token.parse(text, may_write=may_write)
        for text, may_write in ((token, True), (read_token, False))
        if text is not None
    ]
    return replace(settings, tokens=(*settings.tokens, *more))


async def _http_problem(_request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)  # noqa: S101  (registered for it)
    return problems.of_http(error).response()


async def _validation_problem(_request: Request, error: Exception) -> Response:
    assert isinstance(error, RequestValidationError)  # noqa: S101  (likewise)
    return problems.of_validation(error).response()


async def _unexpected(_request: Request, _error: Exception) -> Response:
    """Hide an internal error from the client; it is in the server's log."""
    detail = (
        "The server has a bug; its log tells which. Nothing is known to be written."
    )
    return Problem(500, "internal-error", detail).response()
