"""HEAD, OPTIONS, 405 and 304, as RFC 9110 asks of every resource."""

from typing import Any, Final

from fastapi import APIRouter
from fastapi.routing import APIRoute
from starlette.datastructures import Headers
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from interlock_adapters.http.schemas.problems import Problem

#: What a 304 leaves out: it describes the body that is not sent (RFC 9110, 15.4.5).
_OF_BODY: Final = frozenset({"content-length", "content-type"})


class OtherMethods:
    """Answers the methods of a path that have no route: OPTIONS, and 405 with Allow."""

    def __init__(self, methods: set[str]) -> None:
        self._allow = ", ".join(sorted(methods | {"OPTIONS"}))

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer 204 or 405."""
        headers = {"Allow": self._allow}
        answer: Response = Response(status_code=204, headers=headers)
        if scope["method"] != "OPTIONS":
            detail = f"{scope['method'][:20]} is not allowed here. Use {self._allow}."
            problem = Problem(405, "method-not-allowed", detail, headers=headers)
            answer = problem.response()
        await answer(scope, receive, send)


def complete(router: APIRouter) -> None:
    """Add HEAD to every GET, and answers for the methods that a path does not have."""
    methods: dict[str, set[str]] = {}
    for route in [each for each in router.routes if isinstance(each, APIRoute)]:
        own = route.methods or set()
        known = methods.setdefault(route.path, set())
        known |= own
        if "GET" in own:
            known.add("HEAD")
            hidden: dict[str, Any] = {"include_in_schema": False}
            router.add_api_route(route.path, route.endpoint, methods=["HEAD"], **hidden)
    for path, known in methods.items():
        router.add_route(path, OtherMethods(known), include_in_schema=False)  # type: ignore[arg-type]  # any ASGI application will do


def finished(request: Request, response: Response) -> Response:
    """Return a response as it is sent: 304 for what is known, HEAD without a body."""
    if request.method not in {"GET", "HEAD"}:
        return response
    tag = response.headers.get("etag")
    if response.status_code == 200 and tag and _is_known(tag, request.headers):  # noqa: PLR2004  (OK)
        kept = {k: v for k, v in response.headers.items() if k not in _OF_BODY}
        return Response(status_code=304, headers=kept)
    if request.method == "GET":
        return response
    head = Response(status_code=response.status_code)
    head.raw_headers = response.raw_headers
    return head


def _is_known(tag: str, headers: Headers) -> bool:
    """Whether If-None-Match has a tag, by weak comparison (RFC 9110, 8.8.3.2)."""
    known = ",".join(headers.getlist("if-none-match"))
    tags = {each.strip().removeprefix("W/") for each in known.split(",")}
    return "*" in tags or tag in tags
