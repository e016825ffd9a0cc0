"""Queues the writing threads of one process, first come, first served.

SQLite lets one write at a time. Who waits for it in SQLite looks again in ever longer
sleeps, and others overtake him; a `threading.Lock` mostly goes back to the thread that
has just released it. So each turn is handed over, to the one that has waited longest.
"""

import os
import threading
import weakref
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager

import sqlalchemy as sa


class WriteQueue:
    """A queue in front of a lock."""

    def __init__(self, most_s: float) -> None:
        """Make a queue in which a thread waits at most `most_s` seconds."""
        self._most_s = most_s
        self._begin()
        again = weakref.WeakMethod(self._begin)
        os.register_at_fork(after_in_child=lambda: (begin := again()) and begin())

    def _begin(self) -> None:
        """Clear the queue after a fork: the waiters are threads of another process."""
        self._lock = threading.Lock()
        self._waiting: deque[threading.Lock] = deque()
        self._is_taken = False

    @contextmanager
    def __call__(self) -> Iterator[None]:
        """Wait for a turn, and hold it for a block.

        Raises:
            sqlalchemy.exc.TimeoutError: the one before took too long.
        """
        self._take()
        try:
            yield
        finally:
            self._give()

    def _take(self) -> None:
        with self._lock:
            if not self._is_taken:
                self._is_taken = True
                return
            mine = threading.Lock()
            mine.acquire()
            self._waiting.append(mine)
        given = False
        try:
            given = mine.acquire(timeout=self._most_s)
        finally:
            if not given:
                self._leave(mine)
        if not given:
            raise sa.exc.TimeoutError("another thread of this process writes")

    def _leave(self, mine: threading.Lock) -> None:
        """Stop waiting; a turn that was just given goes to the next thread."""
        with self._lock:
            if mine in self._waiting:
                self._waiting.remove(mine)
                return
        self._give()

    def _give(self) -> None:
        with self._lock:
            if self._waiting:
                self._waiting.popleft().release()
            else:
                self._is_taken = False
