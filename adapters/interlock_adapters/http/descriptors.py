"""What the server does when no file descriptor is free for another connection."""

import asyncio
import errno
import logging
import resource
import socket
import time
from collections.abc import Mapping
from typing import Any, Final

_log: Final = logging.getLogger("interlock.http")
#: Connections that wait in the kernel until they are accepted.
_WAITING: Final = 2048
_AGAIN_S: Final = 60.0
_NONE_FREE: Final = frozenset({errno.EMFILE, errno.ENFILE})


class Shortage:
    """Tells once a minute, in words, that new connections wait for a descriptor.

    asyncio accepts again after a second. It reports each failure with a traceback.
    """

    def __init__(self) -> None:
        self._told_at = -_AGAIN_S

    def __call__(
        self, loop: asyncio.AbstractEventLoop, context: Mapping[str, Any]
    ) -> None:
        """Handle what a callback of the loop raised."""
        error = context.get("exception")
        if not (isinstance(error, OSError) and error.errno in _NONE_FREE):
            loop.default_exception_handler(dict(context))
            return
        now = time.monotonic()
        if now - self._told_at >= _AGAIN_S:
            self._told_at = now
            limit, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
            _log.warning(
                "No file descriptor is free (this process may have %s): new connections"
                " wait until others close. Raise the limit (`ulimit -n`).",
                limit,
            )


def accept_one_by_one(listening: socket.socket) -> None:
    """Let many connections wait where asyncio serves with a backlog of 1.

    asyncio tries to accept as many at once as its backlog, and goes on when no
    descriptor is left: with 2048 that many failures, each with a traceback.
    """
    listening.listen(_WAITING)
