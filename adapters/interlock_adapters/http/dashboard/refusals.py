"""Tells people in a page what tells programs a problem: to browsers, of pages."""

import json
from http import HTTPStatus
from typing import Final

from starlette.datastructures import Headers, MutableHeaders
from starlette.requests import Request
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from interlock_adapters.http.dashboard import render
from interlock_adapters.http.schemas.problems import MEDIA_TYPE

_TITLES: Final = {
    401: "A token is needed",
    404: "Page not found",
    422: "This address means nothing",
    503: "Not available now",
}
_KEPT: Final = ("www-authenticate", "retry-after", "allow")


class Refusals:
    """Turns problems into pages, if a browser asked for a page."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request."""
        if not _is_of_page(scope):
            await self._app(scope, receive, send)
            return
        start: Message | None = None
        body = b""

        async def told(message: Message) -> None:
            nonlocal start, body
            if message["type"] == "http.response.start":
                kind = Headers(raw=message["headers"]).get("content-type", "")
                if kind.startswith(MEDIA_TYPE):
                    start = message
                    return
            if start is None:
                await send(message)
                return
            body += message.get("body", b"")
            if not message.get("more_body"):
                await _page(scope, start, body)(scope, receive, send)

        await self._app(scope, receive, told)


def _is_of_page(scope: Scope) -> bool:
    if scope["type"] != "http" or scope["method"] != "GET":
        return False
    path = scope["path"].removeprefix(scope.get("root_path", ""))
    wants = Headers(scope=scope).get("accept", "")
    return "text/html" in wants and not path.startswith("/v1/")


def _page(scope: Scope, start: Message, body: bytes) -> ASGIApp:
    status = start["status"]
    title = _TITLES.get(status, HTTPStatus(status).phrase)
    answer = render.problem(Request(scope), status, title, json.loads(body)["detail"])
    headers = MutableHeaders(raw=start["headers"])
    for name in _KEPT:
        if name in headers:
            answer.headers[name] = headers[name]
    return answer
