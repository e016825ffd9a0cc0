"""Know at once that somebody has committed to a PostgreSQL database.

The guard's triggers announce what waiters may care about (NOTIFY, at commit); one
connection a waiter listens. A lost connection is a change: who waits looks for himself,
and the next wait connects again.
"""

import contextlib
import logging
import os
import select
import time
from collections.abc import Iterable
from typing import Any, Final

import psycopg

from interlock.ports.runner import Source
from interlock_adapters.sql.postgres.pooler import Connector
from interlock_adapters.sql.schema.plpgsql import CHANNEL

_log: Final = logging.getLogger("interlock.store")
_AGAIN_S: Final = 1.0  # between two attempts to connect
_FIRST_SILENCE_S, _LONGEST_SILENCE_S = 5.0, 300.0  # between two warnings


class PostgresWakeup:
    """`Wakeup` for one PostgreSQL database."""

    def __init__(self, connector: Connector | None) -> None:
        """Listen by connections of `connector`; without it nobody tells of changes."""
        self._connector = connector
        self._connection: psycopg.Connection[Any] | None = None
        self._retry_at = 0.0
        self._report_at = 0.0
        self._silent_s = _FIRST_SILENCE_S
        self._bell, self._ring = os.pipe2(os.O_NONBLOCK | os.O_CLOEXEC)
        self._connect()

    def _connect(self) -> None:
        """Listen, or try again later: meanwhile there is the worker's slow poll."""
        if self._connector is None or time.monotonic() < self._retry_at:
            return
        self._retry_at = time.monotonic() + _AGAIN_S
        try:  # it may be away, or a standby for now
            opened = self._connector(autocommit=True)
            try:
                opened.execute(f"LISTEN {CHANNEL}")
            except psycopg.Error:
                opened.close()
                raise
        except psycopg.Error as error:
            self._report(error, self._connector.where.where)
        else:
            self._connection = opened
            self._silent_s = _FIRST_SILENCE_S

    def _report(self, error: psycopg.Error, where: str) -> None:
        """Log why nobody listens: again and again, with growing pauses."""
        now = time.monotonic()
        if now >= self._report_at:
            self._report_at = now + self._silent_s
            self._silent_s = min(2 * self._silent_s, _LONGEST_SILENCE_S)
            _log.warning(
                "Cannot listen for changes at %s: %s. Jobs and cancels are found by "
                "polling, up to 2 s later, until a connection succeeds.",
                where,
                " ".join(str(error).split()),
            )

    def wait(self, timeout_s: float, sources: Iterable[Source] = ()) -> bool:
        """See `Wakeup.wait`."""
        lost = self._connection is None
        if lost:
            self._connect()
        back = lost and self._connection is not None
        poll = select.poll()
        for fd in (self._bell, self._fd(), *(s.fileno() for s in sources)):
            if fd >= 0:
                poll.register(fd, select.POLLIN)
        is_trying = self._connection is None and self._connector is not None
        most_s = min(timeout_s, _AGAIN_S) if is_trying else timeout_s
        ready = {fd for fd, _ in poll.poll(0 if back else max(0.0, most_s) * 1000)}
        if self._bell in ready:
            with contextlib.suppress(BlockingIOError):
                os.read(self._bell, 65536)
        return back or self._heard(ready)

    def _fd(self) -> int:
        return -1 if self._connection is None else self._connection.fileno()

    def _heard(self, ready: set[int]) -> bool:
        """Take in what was announced; whether there was anything."""
        if self._connection is None or self._connection.fileno() not in ready:
            return False
        try:
            return bool(list(self._connection.notifies(timeout=0)))
        except psycopg.Error:
            self._connection.close()
            self._connection = None
            return True

    def wake(self) -> None:
        """See `Wakeup.wake`."""
        with contextlib.suppress(OSError):  # full: it will wake anyway; or closed
            os.write(self._ring, b"!")

    def close(self) -> None:
        """See `Wakeup.close`."""
        if self._connection is not None:
            self._connection.close()
        for fd in (self._bell, self._ring):
            os.close(fd)
        self._ring = -1
