"""A connection of the server that does not wait for ever for a request to begin."""

import asyncio
from typing import Final

import h11
from uvicorn.protocols.http.h11_impl import H11Protocol

_HEAD_S: Final = 30.0


class Connection(H11Protocol):
    """Closes when the head of a request is not there in time.

    uvicorn limits only the time between requests: a client that has sent one byte may
    keep its connection, and a file descriptor of the server, without an end.
    """

    head_s = _HEAD_S
    _overdue: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]  # as uvicorn's
        """See `asyncio.Protocol`."""
        super().connection_made(transport)
        self._overdue = self.loop.call_later(self.head_s, transport.abort)

    def data_received(self, data: bytes) -> None:
        """See `asyncio.Protocol`."""
        super().data_received(data)
        if self.conn.their_state is not h11.IDLE:
            self._forget()
        elif self._overdue is None:
            self._overdue = self.loop.call_later(self.head_s, self.transport.abort)

    def connection_lost(self, exc: Exception | None) -> None:
        """See `asyncio.Protocol`."""
        self._forget()
        super().connection_lost(exc)

    def _forget(self) -> None:
        if self._overdue is not None:
            self._overdue.cancel()
            self._overdue = None
