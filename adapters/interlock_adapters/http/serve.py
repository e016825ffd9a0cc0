"""Serves an engine with uvicorn; outside loopback only with a token."""

import asyncio
import os
import signal
import socket
from collections.abc import Callable
from dataclasses import replace
from types import FrameType

import uvicorn
from fastapi import FastAPI

from interlock.api.engine import Engine
from interlock.core.errors import InvalidOption
from interlock_adapters.http import descriptors
from interlock_adapters.http.app import create_app
from interlock_adapters.http.connection import Connection
from interlock_adapters.http.security.access import is_loopback
from interlock_adapters.http.settings import Settings

_PATIENCE_S = 10  # for requests under way, after SIGTERM
_MAX_PORT = 65_535


class Server(uvicorn.Server):
    """A server that ends its streams at shutdown, and reports when it is up."""

    def __init__(
        self, app: FastAPI, config: uvicorn.Config, is_up: Callable[[], None]
    ) -> None:
        super().__init__(config)
        self._tail = app.state.api.tail
        self._is_up = is_up

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """See `uvicorn.Server`."""
        await super().startup(sockets)
        for listening in sockets or ():
            descriptors.accept_one_by_one(listening)
        asyncio.get_running_loop().set_exception_handler(descriptors.Shortage())
        self._is_up()

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        """Treat any second signal as uvicorn treats a second Ctrl-C."""
        super().handle_exit(signal.SIGINT if self.should_exit else sig, frame)

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """End the streams: uvicorn waits for every open connection."""
        self._tail.close()
        await super().shutdown(sockets)


def serve(
    engine: Engine,
    *,
    host: str,
    port: int,
    settings: Settings,
    say: Callable[[str], None],
) -> bool:
    """Serve until SIGTERM or Ctrl-C.

    Args:
        engine: whose jobs.
        host: address to bind.
        port: 0 takes a free one.
        settings: tokens and limits.
        say: is told the URL when the server is up.

    Returns:
        Whether a second signal came while it let open requests end.

    Raises:
        InvalidOption: the address is not loopback and there is no token, or it cannot
            be bound.
    """
    refuse_open(host, settings)
    names = {host} if is_loopback(host) else {host, socket.gethostname()}
    settings = replace(settings, hosts=settings.hosts | {n.lower() for n in names})
    app = create_app(engine, settings=settings)
    with bound(host, port) as listening:
        where = f"[{host}]" if ":" in host else host
        url = f"http://{where}:{listening.getsockname()[1]}{settings.root_path}"
        config = uvicorn.Config(
            app,
            http=Connection,
            backlog=1,  # see `accept_one_by_one`
            log_config=None,
            server_header=False,
            proxy_headers=False,
            timeout_graceful_shutdown=_PATIENCE_S,
        )
        # uvicorn sends itself the signal again afterwards: by then it is old news.
        for signum in (signal.SIGTERM, signal.SIGINT):
            signal.signal(signum, lambda _signum, _frame: None)
        if signal.getsignal(signal.SIGHUP) is not signal.SIG_IGN:  # nohup(1)
            signal.signal(signal.SIGHUP, _hang_up())
        server = Server(app, config, lambda: say(f"serving on {url}"))
        server.run([listening])
        return server.force_exit


def _hang_up() -> Callable[[int, object], None]:
    """Return a handler: the signals of a closed terminal are one SIGTERM."""
    told: list[int] = []

    def on_hangup(signum: int, _frame: object) -> None:
        if not told:
            os.kill(os.getpid(), signal.SIGTERM)
        told.append(signum)

    return on_hangup


def refuse_open(host: str, settings: Settings) -> None:
    """Refuse an address that other machines can reach, unless a token is required.

    Raises:
        InvalidOption: which.
    """
    if not settings.tokens and not is_loopback(host):
        message = (
            f"Other machines can reach the address {host!r}, so it needs --token or "
            "--token-file. Without a token use a loopback address such as 127.0.0.1."
        )
        raise InvalidOption.because("--host", message)


def bound(host: str, port: int) -> socket.socket:
    """Return a listening socket, whose connections send small answers at once.

    Raises:
        InvalidOption: there is no such port or address, or it is taken.
    """
    if not 0 <= port <= _MAX_PORT:
        raise InvalidOption(
            "port", port, f"a port from 0 to {_MAX_PORT}; 0: a free one"
        )
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    try:
        listening = socket.create_server((host, port), family=family, backlog=2048)
    except OSError as error:
        why = os.strerror(error.errno) if error.errno else str(error)
        message = (
            f"Port {port} of {host} cannot be opened: {why}. Choose a free one with "
            "--port, and an address of this machine with --host."
        )
        raise InvalidOption.because("--host, --port", message) from error
    # Its connections inherit it. asyncio sets it only on sockets whose protocol number
    # is given; without it an answer waits 40 ms for a delayed ACK (RFC 9293, 3.7.4).
    listening.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return listening
