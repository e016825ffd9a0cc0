"""A wire between clients and a PostgreSQL server that can go silent without closing."""

from __future__ import annotations

import socket
import threading
from collections.abc import Callable
from contextlib import suppress
from typing import Self


class Wire:
    """Forwards bytes both ways, until it is told to be silent or to drop all."""

    def __init__(self, server: str) -> None:
        """Listen on a free port; `server` is the path of the server's socket."""
        self._server = server
        self._flows = threading.Event()
        self._flows.set()
        self._last_word: bytes | None = None
        self._holds = threading.Event()
        self._ends: list[socket.socket] = []
        self._threads: list[threading.Thread] = []
        self._listener = socket.create_server(("127.0.0.1", 0))
        self._start(self._accept)

    def _start(self, work: Callable[..., None], *arguments: object) -> None:
        thread = threading.Thread(target=work, args=arguments, daemon=True)
        self._threads.append(thread)
        thread.start()

    @property
    def url(self) -> str:
        """Where the server is reached through the wire."""
        port = self._listener.getsockname()[1]
        return f"postgresql://postgres@127.0.0.1:{port}/postgres"

    @property
    def is_silent(self) -> bool:
        """Whether nothing gets through."""
        return not self._flows.is_set()

    @property
    def holds(self) -> bool:
        """Whether a question, or the answer to one, was held back."""
        return self._holds.is_set()

    def silence(self) -> None:
        """Hold back all bytes, and close nothing."""
        self._flows.clear()

    def silence_after(self, words: bytes) -> None:
        """Be silent as soon as a client has sent these words to the server."""
        self._last_word = words

    def forward(self) -> None:
        """Let the bytes flow, those held back first."""
        self._flows.set()

    def drop(self) -> None:
        """Close every connection, and take new ones."""
        for end in self._ends:
            with suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)
        self._flows.set()

    def _accept(self) -> None:
        with suppress(OSError):  # closed: the test is over
            while True:
                client, _ = self._listener.accept()
                server = socket.socket(socket.AF_UNIX)
                server.connect(self._server)
                self._ends += [client, server]
                self._start(self._pump, client, server)
                self._start(self._pump, server, client)

    def _pump(self, source: socket.socket, sink: socket.socket) -> None:
        with suppress(OSError):
            while data := source.recv(65536):
                if not self._flows.is_set():
                    self._holds.set()
                    self._flows.wait()
                if self._last_word and self._last_word in data:
                    self._last_word = None
                    self._flows.clear()
                sink.sendall(data)
        for end in (source, sink):
            with suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._listener.shutdown(socket.SHUT_RDWR)
        self.drop()
        for thread in self._threads:
            thread.join()
        for end in (self._listener, *self._ends):
            end.close()
