"""A pooler that lends a server connection for one transaction, as PgBouncer does.

Each transaction gets another one, so whatever is left in a session is missed at once.
Nothing is reset between two clients.
"""

from __future__ import annotations

import queue
import socket
import struct
import threading
from contextlib import suppress
from typing import Final, NamedTuple, Self

_SSL, _GSS, _CANCEL = 80877103, 80877104, 80877102  # the protocol's chapter "Formats"
_END, _READY, _IDLE = b"X", b"Z", b"I"
_ANSWERED: Final = (b"Q", b"S", b"F")  # by one ReadyForQuery each


class _Message(NamedTuple):
    kind: bytes
    body: bytes

    def sent(self) -> bytes:
        return self.kind + struct.pack("!I", len(self.body) + 4) + self.body


class _End:
    """One end of a connection, message by message."""

    def __init__(self, connection: socket.socket) -> None:
        self.socket = connection
        self._file = connection.makefile("rb")

    def exactly(self, count: int) -> bytes:
        data = self._file.read(count)
        if len(data) < count:
            raise EOFError
        return data

    def packet(self) -> bytes:
        return self.exactly(struct.unpack("!I", self.exactly(4))[0] - 4)

    def message(self) -> _Message:
        return _Message(self.exactly(1), self.packet())

    def send(self, *messages: _Message) -> None:
        self.socket.sendall(b"".join(message.sent() for message in messages))

    def close(self) -> None:
        with suppress(OSError):
            self.socket.shutdown(socket.SHUT_RDWR)
        self._file.close()
        self.socket.close()


def _startup(parameters: dict[str, str]) -> bytes:
    pairs = b"".join(
        f"{name}\0{value}\0".encode() for name, value in parameters.items()
    )
    body = struct.pack("!I", 196608) + pairs + b"\0"
    return struct.pack("!I", len(body) + 4) + body


class Pooler:
    """Listens on a free port; `server` is the path of the server's socket.

    With `ignores` the settings of a session are dropped silently; else they are refused
    (PgBouncer's `ignore_startup_parameters`).
    """

    def __init__(self, server: str, *, size: int = 3, ignores: bool = False) -> None:
        self._server = server
        self._ignores = ignores
        self._greeting: list[_Message] = []
        self._idle: queue.SimpleQueue[_End] = queue.SimpleQueue()
        self._ends: list[_End] = []
        self._threads: list[threading.Thread] = []
        for _ in range(size):
            self._idle.put(self._connect())
        self._listener = socket.create_server(("127.0.0.1", 0))
        self._start(self._accept)

    @property
    def address(self) -> str:
        """HOST:PORT."""
        return f"127.0.0.1:{self._listener.getsockname()[1]}"

    @property
    def url(self) -> str:
        """Where the server's database `postgres` is reached through the pooler."""
        return f"postgresql://postgres@{self.address}/postgres"

    def _start(self, work: object, *arguments: object) -> None:
        thread = threading.Thread(target=work, args=arguments, daemon=True)  # type: ignore[arg-type]  # any callable
        self._threads.append(thread)
        thread.start()

    def _connect(self) -> _End:
        """Return a new connection to the server; its greeting is every client's."""
        opened = socket.socket(socket.AF_UNIX)
        opened.connect(self._server)
        server = _End(opened)
        self._ends.append(server)
        opened.sendall(_startup({"user": "postgres", "database": "postgres"}))
        self._greeting = []
        while not self._greeting or self._greeting[-1].kind != _READY:
            self._greeting.append(server.message())
        return server

    def _accept(self) -> None:
        with suppress(OSError):  # closed: the test is over
            while True:
                connection, _ = self._listener.accept()
                connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                client = _End(connection)
                self._ends.append(client)
                self._start(self._serve, client)

    def _serve(self, client: _End) -> None:
        with suppress(OSError, EOFError, ValueError):
            if self._is_welcome(client):
                while True:
                    self._lend(client, client.message())
        client.close()

    def _is_welcome(self, client: _End) -> bool:
        while True:
            packet = client.packet()
            (code,) = struct.unpack("!I", packet[:4])
            if code == _CANCEL:
                return False
            if code not in (_SSL, _GSS):
                break
            client.socket.sendall(b"N")
        names = packet[4:].split(b"\0")[::2]
        if b"options" in names and not self._ignores:
            text = "unsupported startup parameter: options"
            client.send(_Message(b"E", f"SFATAL\0C08P01\0M{text}\0\0".encode()))
            return False
        client.send(*self._greeting)
        return True

    def _lend(self, client: _End, message: _Message) -> None:
        """Pass on one transaction of a client that begins with a message."""
        if message.kind == _END:
            raise EOFError
        server = self._idle.get()
        status = _IDLE
        try:
            while True:
                server.send(message)
                if message.kind in _ANSWERED:
                    status = self._answer(server, client)
                    if status == _IDLE:
                        break
                message = client.message()
                if message.kind == _END:
                    raise EOFError  # noqa: TRY301  (as if it were cut)
        except (OSError, EOFError):
            server.close()  # the server undoes the transaction
            server = self._connect()
            raise
        finally:
            self._idle.put(server)

    def _answer(self, server: _End, client: _End) -> bytes:
        answers = [server.message()]
        while answers[-1].kind != _READY:
            answers.append(server.message())
        client.send(*answers)
        return answers[-1].body

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        for end in self._ends:
            end.close()
