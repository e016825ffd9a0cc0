"""What is SQLite's own: its clock, its place, and what its errors mean."""

from pathlib import Path
from typing import Final

import sqlalchemy as sa

from interlock.core.errors import SchemaMismatch, StoreUnavailable
from interlock.ports.clock import Clock, boot_id
from interlock.ports.runner import Wakeup
from interlock_adapters.sql.schema.flavor import SQLITE, Flavor
from interlock_adapters.sql.sqlite import file_identity
from interlock_adapters.sql.sqlite.wakeup import SqliteWakeup

BUSY_S: Final = 30.0  # that a writer waits for the others
#: What each family of errors means, and what to do.
_PLAIN: Final = {
    "SQLITE_NOTADB": "is not a SQLite database",
    "SQLITE_CORRUPT": "is damaged: restore a backup, or save what can be read with "
    "`sqlite3 FILE .recover`",
    "SQLITE_FULL": "cannot grow: its disk is full; free some space, and work continues "
    "by itself",
    "SQLITE_READONLY": "cannot be written: the file or its folder is read-only",
    "SQLITE_CANTOPEN": "cannot be opened: its folder is missing or not writable",
    "SQLITE_BUSY": f"was locked by another writer for {BUSY_S:g} s",
    "SQLITE_LOCKED": "was locked by another connection of this process",
    "SQLITE_PROTOCOL": "could not be locked for 10 s: many processes opened it at "
    "once, or one of them stands still; try again",
    "SQLITE_NOMEM": "cannot be used: there is no memory left",
    "SQLITE_IOERR": "cannot be read or written: the disk reports an error; repair it, "
    "and work continues by itself",
    "SQLITE_PERM": "cannot be opened: no permission",
    "SQLITE_AUTH": "cannot be opened: no permission",
}


class SqliteDialect:
    """See `Dialect`. One host: leases by its boot clock, which no clock step moves."""

    def __init__(self, path: Path, clock: Clock) -> None:
        self._path = path
        self._clock = clock
        self._boot_id = boot_id()

    flavor = Flavor(SQLITE)

    def lease_clock(self) -> tuple[int | None, str]:
        """See `Dialect.lease_clock`."""
        return round(self._clock.boot() * 1_000_000), self._boot_id

    def place(self, connection: sa.Connection) -> str:
        """See `Dialect.place`: the device and the inode of the file."""
        del connection
        found = file_identity.identity(self._path)
        return "/".join(map(str, found or ()))

    def address(self, connection: sa.Connection) -> str:
        """See `Dialect.address`: a file is on one host."""
        del connection
        return ""

    def watch(self) -> Wakeup:
        """See `Dialect.watch`."""
        return SqliteWakeup(self._path)

    def unavailable(self, error: Exception) -> StoreUnavailable | None:
        """See `Dialect.unavailable`."""
        return unavailable(self._path, error)

    def is_useless(self, error: Exception) -> bool:
        """See `Dialect.is_useless`: the path may name another file by now."""
        del error
        return True

    def refuse_damage(self, connection: sa.Connection) -> None:
        """See `Dialect.refuse_damage`."""
        found = connection.exec_driver_sql("PRAGMA integrity_check(1)").scalar_one()
        if found != "ok":
            raise StoreUnavailable(sentence(self._path, "SQLITE_CORRUPT", found))


def unavailable(path: Path, error: Exception) -> StoreUnavailable | None:
    """Return the meaning of an error of SQLite, None for a bug of Interlock."""
    cause = getattr(error, "orig", error)
    name = getattr(cause, "sqlite_errorname", "")
    if isinstance(error, sa.exc.TimeoutError):  # of the pool
        name = "SQLITE_BUSY"
    if isinstance(cause, ValueError) or "Could not decode" in str(cause):
        name = "SQLITE_CORRUPT"  # pages that are whole, with what nobody wrote in them
    family = "_".join(name.split("_")[:2])
    if family not in _PLAIN:
        return None
    kind = SchemaMismatch if family == "SQLITE_NOTADB" else StoreUnavailable
    return kind(sentence(path, family, cause))


def sentence(path: Path, family: str, cause: object) -> str:
    """Return what a family of errors of SQLite means for a file."""
    kept = (
        "" if family == "SQLITE_CORRUPT" else "; what was acknowledged before is kept"
    )
    return f"{path} {_PLAIN[family]} ({cause}). Nothing was written by this call{kept}."
