"""Connects to PostgreSQL so that a silent peer cannot block others for ever.

A peer may stop without a word: its host is cut off or gone, its process stands still.
Whoever waits for it must give up some day, on both sides: the server ends a transaction
whose client has left it open, for its locks hold up every other worker; the client ends
a connection on which no answer comes.
"""

import time
from collections.abc import Generator
from typing import Any, Final, TypeVar

import psycopg
import sqlalchemy as sa
from psycopg.waiting import Ready, Wait

T = TypeVar("T")
Waits = Generator[Wait, Ready | int, T]

_CONNECT_S = 10
_STATEMENT_S: Final = 60
# Longer than any statement may take: the server still tells of its own time limits.
_ANSWER_S = _STATEMENT_S + 15.0
#: What is asked of the server (chapter "Client Connection Defaults" of its manual).
_SERVER: Final = {
    "statement_timeout": f"{_STATEMENT_S}s",
    "lock_timeout": "10s",
    # Below it: who waits for the locks of a silent one gets them before he gives up.
    "idle_in_transaction_session_timeout": "5s",
    # Whatever the database's default is: the guards are judged on rows as they are.
    "default_transaction_isolation": r"read\ committed",
    "tcp_keepalives_idle": "10",
    "tcp_keepalives_interval": "5",
    "tcp_keepalives_count": "3",
    "tcp_user_timeout": "15s",
}
#: What is asked of the kernel on our side (chapter "libpq", connection parameters).
_CLIENT: Final = {
    "keepalives_idle": 10,
    "keepalives_interval": 5,
    "keepalives_count": 3,
    "tcp_user_timeout": 15_000,
    "application_name": "interlock",
}


def arguments() -> dict[str, Any]:
    """Return the arguments of every connection."""
    options = " ".join(f"-c {name}={value}" for name, value in _SERVER.items())
    return {**_CLIENT, "connect_timeout": _CONNECT_S, "options": options}


def connect(url: sa.URL) -> "Impatient":
    """Return a new connection that commits each statement by itself."""
    given = url.translate_connect_args(username="user", database="dbname")
    everything = {**given, **dict(url.query), **arguments()}
    return Impatient.connect(**everything, autocommit=True)


class Impatient(psycopg.Connection[Any]):
    """A connection that is closed when its server does not answer for too long."""

    def wait(self, gen: Waits[T], *args: Any, **kwargs: Any) -> T:
        """Wait as psycopg does, but not for ever."""
        return super().wait(self._bounded(gen), *args, **kwargs)

    def _bounded(self, gen: Waits[T]) -> Waits[T]:
        """Run psycopg's generator; it gets Ready.NONE while nothing is readable."""
        until = time.monotonic() + _ANSWER_S
        try:
            wanted = next(gen)
            while True:
                ready = yield wanted
                now = time.monotonic()
                if ready:
                    until = now + _ANSWER_S
                elif now > until:
                    self.close()
                    raise psycopg.OperationalError(f"no answer for {_ANSWER_S:g} s")
                wanted = gen.send(ready)
        except StopIteration as stop:
            value: T = stop.value
            return value
