"""The guard: an ASGI middleware that checks every request before any route.

It denies what it does not know, so routes that are added later are protected too.
"""

import asyncio
from typing import Final

from starlette.datastructures import Headers, MutableHeaders
from starlette.middleware.cors import CORSMiddleware
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from interlock_adapters.http.schemas.problems import Problem
from interlock_adapters.http.security.access import GuardedRequest, Principal, admit
from interlock_adapters.http.security.body import MAX_DEPTH
from interlock_adapters.http.settings import Settings

PRINCIPAL: Final = "interlock.principal"  # in the scope, for the routes
#: Headers that pages of other origins may send, and those that they may read.
_SENT: Final = (
    *("Authorization", "Content-Type", "Idempotency-Key", "If-Match", "If-None-Match"),
    *("Last-Event-ID", "Traceparent", "Tracestate", "X-Actor"),
)
_READ: Final = ("ETag", "Location", "Retry-After")
_HEADERS: Final = {
    "Cache-Control": "no-store",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
}


class Guard:
    """Checks tokens, host names, origins and sizes in front of an application."""

    def __init__(self, app: ASGIApp, settings: Settings) -> None:
        self._app = app
        self._settings = settings
        self._shared = _with_origins(self._judge, settings)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Let a request through, or answer it with a problem."""
        if scope["type"] == "lifespan":
            await self._app(scope, receive, send)
        elif scope["type"] == "http":
            await self._shared(scope, receive, _with_headers(send))
        else:  # nothing here speaks WebSocket
            await send({"type": "websocket.close", "code": 1008, "reason": "refused"})

    async def _judge(self, scope: Scope, receive: Receive, send: Send) -> None:
        headers = Headers(scope=scope)
        request = GuardedRequest(
            method=scope["method"],
            path=scope["path"].removeprefix(scope.get("root_path", "")),
            headers=headers,
            client=(scope.get("client") or ("",))[0],
            server=_address_of(scope),
        )
        try:
            principal = admit(request, self._settings)
            body = (
                b"" if request.method == "GET" else await self._timely(scope, receive)
            )
        except Problem as problem:
            await problem.response()(scope, receive, send)
            return
        if body is None:
            return
        scope[PRINCIPAL] = principal
        scope[MAX_DEPTH] = self._settings.max_depth
        await self._app(scope, _replayed(body, receive), send)

    async def _timely(self, scope: Scope, receive: Receive) -> bytes | None:
        """Return what `_body` does. Raises Problem (408) if it does not arrive."""
        seconds = self._settings.max_receive
        try:
            async with asyncio.timeout(seconds):
                return await self._body(Headers(scope=scope), receive)
        except TimeoutError:
            detail = f"The body did not arrive within {seconds:g} s. Nothing was done."
            closed = {"Connection": "close"}
            raise Problem(408, "too-slow", detail, headers=closed) from None

    async def _body(self, headers: Headers, receive: Receive) -> bytes | None:
        """Return the whole body, None if the client has disconnected.

        Raises:
            Problem: it is larger than allowed; what is left of it is not read.
        """
        limit = self._settings.max_body
        length = headers.get("content-length", "0")
        if length.isdecimal() and int(length) > limit:
            raise _too_large(limit)
        body = bytearray()
        while True:
            message = await receive()
            if message["type"] != "http.request":
                return None
            body += message.get("body", b"")
            if len(body) > limit:
                raise _too_large(limit)
            if not message.get("more_body", False):
                return bytes(body)


def principal_of(scope: Scope) -> Principal:
    """Return the caller; without the guard, only its address is known."""
    principal = scope.get(PRINCIPAL)
    if isinstance(principal, Principal):
        return principal
    return Principal(name=None, address=(scope.get("client") or ("",))[0])


def _address_of(scope: Scope) -> str | None:
    """Return the address that was connected to; None: a socket of the file system."""
    host, port = scope.get("server") or (None, None)
    return None if port is None else host


def _too_large(limit: int) -> Problem:
    return Problem(413, "too-large", f"The body is larger than {limit} bytes.")


def _replayed(body: bytes, receive: Receive) -> Receive:
    is_replayed = False

    async def again() -> Message:
        nonlocal is_replayed
        if is_replayed:
            return await receive()
        is_replayed = True
        return {"type": "http.request", "body": body, "more_body": False}

    return again


def _with_origins(app: ASGIApp, settings: Settings) -> ASGIApp:
    """Let the pages of `Settings.origins` ask, and read the answers (CORS)."""
    if not settings.origins:
        return app
    return CORSMiddleware(
        app,
        allow_origins=sorted(settings.origins),
        allow_methods=("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE"),
        allow_headers=_SENT,
        expose_headers=_READ,
    )


def _with_headers(send: Send) -> Send:
    async def sending(message: Message) -> None:
        if message["type"] == "http.response.start":
            headers = MutableHeaders(scope=message)
            for name, value in _HEADERS.items():
                headers.setdefault(name, value)
        await send(message)

    return sending
