"""A real server on a real socket, in a thread of the test."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager

import httpx
import uvicorn
from fastapi import FastAPI

from interlock_adapters.http.connection import Connection
from interlock_adapters.http.serve import bound
from pace import deadline


class _Server(uvicorn.Server):
    def __init__(self, config: uvicorn.Config) -> None:
        super().__init__(config)
        self.is_up = threading.Event()

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        self.is_up.set()


@contextmanager
def serving(app: FastAPI) -> Iterator[str]:
    """Serve an application on a free port of loopback; yield its URL."""
    server = _Server(
        uvicorn.Config(app, http=Connection, log_level="critical", lifespan="on")
    )
    with bound("127.0.0.1", 0) as listening:
        thread = threading.Thread(target=server.run, args=([listening],))
        thread.start()
        try:
            assert server.is_up.wait(deadline(20))
            yield f"http://127.0.0.1:{listening.getsockname()[1]}"
        finally:
            server.should_exit = True
            thread.join(deadline(20))
    assert not thread.is_alive()


@contextmanager
def client_of(app: FastAPI) -> Iterator[httpx.Client]:
    """Serve an application; yield a client of it."""
    with (
        serving(app) as url,
        httpx.Client(base_url=url, timeout=deadline(30)) as client,
    ):
        yield client
