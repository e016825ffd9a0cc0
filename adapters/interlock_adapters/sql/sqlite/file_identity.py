"""Detects that a path now names another file: a new mount, or a restored backup.

A connection that is open keeps the old file, and would go on to read and write what
nobody else sees.
"""

from pathlib import Path
from typing import Final

import sqlalchemy as sa

from interlock.core.errors import StoreUnavailable

_INFO: Final = "file"


def identity(path: Path) -> tuple[int, int] | None:
    """Return the identity of the file at a path, None if there is no file."""
    try:
        found = path.stat()
    except OSError:
        return None
    return found.st_dev, found.st_ino


def keep(engine: sa.Engine, path: Path) -> None:
    """Make the engine's connections use the file that the path names now.

    Once there was a file, no connection makes an empty one: its disk may be away.
    """
    known: set[tuple[int, int]] = set()

    def look() -> tuple[int, int] | None:
        found = identity(path)
        if found is not None:
            known.add(found)
        elif known:
            raise StoreUnavailable(
                f"{path} is gone: it was moved or deleted, or its disk is not mounted. "
                "Put it back, and work continues by itself. Nothing was written."
            )
        return found

    @sa.event.listens_for(engine, "do_connect")
    def _connect(*_: object) -> None:
        look()

    @sa.event.listens_for(engine, "checkout")
    def _checkout(
        _connection: object, record: sa.pool.ConnectionPoolEntry, _proxy: object
    ) -> None:
        found = look()
        if record.info.setdefault(_INFO, found) is None:
            record.info[_INFO] = found  # SQLite makes a new file with the first access
        if record.info[_INFO] != found:
            raise sa.exc.DisconnectionError("another file has its name now")
