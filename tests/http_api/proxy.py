"""A reverse proxy on a socket of its own, in front of a server."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import asynccontextmanager, contextmanager

import httpx
from fastapi import FastAPI
from starlette.requests import Request
from starlette.responses import Response, StreamingResponse

from .server import serving


@contextmanager
def proxied(
    url: str,
    prefix: str,
    *,
    strip: bool = True,
    headers: Mapping[str, str] | None = None,
) -> Iterator[str]:
    """Show a server below a prefix; yield the URL of that.

    Args:
        url: of the server.
        prefix: at which the proxy answers; another path is 404.
        strip: whether the server gets the path without the prefix.
        headers: what the proxy adds to each request.
    """
    clients: list[httpx.AsyncClient] = []

    @asynccontextmanager
    async def connected(_app: FastAPI) -> AsyncIterator[None]:
        # A kept connection may be closed by the server as the next request leaves.
        limits = httpx.Limits(max_keepalive_connections=0)
        async with httpx.AsyncClient(
            base_url=url, timeout=None, limits=limits
        ) as client:
            clients.append(client)
            yield

    async def passed(request: Request) -> Response:
        path = request.url.path
        if path != prefix and not path.startswith(f"{prefix}/"):
            return Response("no such place", 404)
        inner = path.removeprefix(prefix) or "/" if strip else path
        query = f"?{request.url.query}" if request.url.query else ""
        (client,) = clients
        asked = client.build_request(
            request.method,
            inner + query,
            headers={**request.headers, **(headers or {})},
            content=await request.body(),
        )
        answer = await client.send(asked, stream=True)
        kept = {k: v for k, v in answer.headers.items() if k != "transfer-encoding"}
        return StreamingResponse(_body(answer), answer.status_code, kept)

    app = FastAPI(openapi_url=None, lifespan=connected)
    every = ["GET", "HEAD", "POST", "DELETE", "OPTIONS"]
    app.add_route("/{path:path}", passed, methods=every)
    with serving(app) as address:
        yield address + prefix


async def _body(answer: httpx.Response) -> AsyncIterator[bytes]:
    try:
        async for part in answer.aiter_raw():
            yield part
    finally:
        await answer.aclose()
