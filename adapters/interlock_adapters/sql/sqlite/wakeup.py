"""Wakes waiters when another process has committed to a SQLite file.

inotify(7) on the folder tells of writes to the `-wal` file, which comes and goes, with
no help from the writer. Behind it, always, a slow poll of `PRAGMA data_version` (3 us),
for what inotify may miss; where there is no inotify, the poll is quick instead.
"""

import contextlib
import ctypes
import os
import select
import sqlite3
import time
from collections.abc import Iterable
from pathlib import Path
from typing import Final

from interlock.ports.runner import Source
from interlock_adapters.sql.sqlite.file_identity import identity

_IN_MODIFY, _IN_CREATE = 0x2, 0x100  # linux/inotify.h
_IN_NONBLOCK_CLOEXEC = os.O_NONBLOCK | os.O_CLOEXEC
_SLOW_S: Final = 0.5
_QUICK_S: Final = 0.02
# The last write to the WAL comes before the fsync, and the commit is visible after it:
# a write is a promise of a commit, so it is looked for closely for this long: at first
# each 0.3 ms, then later and later, by a quarter of the time since.
_CLOSELY_S: Final = 0.05
_CLOSE_S: Final = 0.0003
_LATER: Final = 4
_CHUNK: Final = 65536
_TICK_S: Final = 0.001  # poll(2) counts in milliseconds


def _inotify(folder: Path) -> int | None:
    """Return a descriptor that is readable after a write in `folder`, or None."""
    libc = ctypes.CDLL(None, use_errno=True)
    if not hasattr(libc, "inotify_init1"):
        return None
    fd: int = libc.inotify_init1(_IN_NONBLOCK_CLOEXEC)
    if fd < 0:
        return None
    if libc.inotify_add_watch(fd, os.fsencode(folder), _IN_MODIFY | _IN_CREATE) < 0:
        os.close(fd)
        return None
    return fd


class SqliteWakeup:
    """`Wakeup` for one SQLite file."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._wal = os.fsencode(f"{path.name}-wal") + b"\0"  # as events name it
        self._connection: sqlite3.Connection | None = None
        self._inotify: int | None = None
        self._file: tuple[int, int] | None = None
        self._open()
        self._seen = self._version()
        self._written_at = 0.0
        self._bell, self._ring = os.pipe2(os.O_NONBLOCK | os.O_CLOEXEC)

    def _open(self) -> None:
        """Watch the file that the path names now."""
        self._close_file()
        self._file = identity(self._path)
        with contextlib.suppress(sqlite3.Error, OSError):
            self._connection = sqlite3.connect(
                f"{self._path.as_uri()}?mode=rw",  # never a new file
                isolation_level=None,
                check_same_thread=False,
                timeout=10,
                uri=True,
            )
            self._inotify = _inotify(self._path.parent)

    def _close_file(self) -> None:
        if self._connection is not None:
            self._connection.close()
        if self._inotify is not None:
            os.close(self._inotify)
        self._connection = self._inotify = None

    def _version(self) -> int:
        """Return a number that changes with each commit, -1 if there is no file.

        A file that cannot be read is the store's to tell, whose calls say why.
        """
        try:
            if self._connection is None or identity(self._path) != self._file:
                self._open()
            if self._connection is None:
                return -1
            asked = self._connection.execute("PRAGMA data_version")
            return int(asked.fetchone()[0])
        except (sqlite3.Error, OSError):
            self._close_file()
            return -1

    def wait(self, timeout_s: float, sources: Iterable[Source] = ()) -> bool:
        """See `Wakeup.wait`."""
        slice_s = _QUICK_S if self._inotify is None else _SLOW_S
        poll = select.poll()
        for fd in (self._bell, self._inotify, *(s.fileno() for s in sources)):
            if fd is not None and fd >= 0:
                poll.register(fd, select.POLLIN)
        until = time.monotonic() + timeout_s
        while True:
            now = time.monotonic()
            since = now - self._written_at
            closely = since < _CLOSELY_S
            step_s = max(_CLOSE_S, since / _LATER) if closely else slice_s
            left_s = max(0.0, min(until - now, step_s))
            ready = {fd for fd, _ in poll.poll(left_s // _TICK_S)}
            if not ready and left_s < _TICK_S:
                time.sleep(left_s)
            if self._drain(ready):
                self._written_at = time.monotonic()
            changed = self._changed()
            if changed or ready - {self._inotify} or time.monotonic() >= until:
                return changed

    def _drain(self, ready: set[int]) -> bool:
        """Empty the bell and inotify; return whether the WAL was written."""
        is_written = False
        for fd in ready & {self._bell, self._inotify}:
            with contextlib.suppress(BlockingIOError):
                while data := os.read(fd, _CHUNK):
                    is_written |= fd == self._inotify and self._wal in data
                    if len(data) < _CHUNK // 2:  # a read returns whole events
                        break
        return is_written

    def _changed(self) -> bool:
        before, self._seen = self._seen, self._version()
        return self._seen != before

    def wake(self) -> None:
        """See `Wakeup.wake`."""
        with contextlib.suppress(OSError):  # full: it will wake anyway; or closed
            os.write(self._ring, b"!")

    def close(self) -> None:
        """See `Wakeup.close`."""
        self._close_file()
        for fd in (self._bell, self._ring):
            os.close(fd)
        self._ring = -1
