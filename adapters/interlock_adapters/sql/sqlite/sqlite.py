"""Opens a SQLite file: WAL, durable by default, refused on network disks."""

import os
import re
import sqlite3
import time
import weakref
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from pathlib import Path
from typing import Final, NamedTuple

import sqlalchemy as sa

from interlock.core.errors import InvalidOption, StoreUnavailable
from interlock.ports.clock import Clock, SystemClock
from interlock_adapters.sql.schema import upgrade
from interlock_adapters.sql.sqlite import file_identity, network_disks
from interlock_adapters.sql.sqlite.dialect import (
    BUSY_S,
    SqliteDialect,
    sentence,
    unavailable,
)
from interlock_adapters.sql.sqlite.maintain import maintain
from interlock_adapters.sql.sqlite.write_queue import WriteQueue
from interlock_adapters.sql.store.database import UNUSABLE, Database
from interlock_adapters.sql.store.store import SqlStore

_AGAIN_S: Final = 0.005
_PERMISSIONS: Final = re.compile(r"0?[0-7]{3}")


class _File(NamedTuple):
    """A database file, and the permissions that it gets when it is created."""

    path: Path
    permissions: int


def open_store(
    url: str, clock: Clock | None = None, *, create: bool = True
) -> SqlStore:
    """Open (and create or upgrade) the file of `url`: entry point `sqlite`.

    `?synchronous=NORMAL` trades the last commits at a power cut for speed; a crash of
    processes loses nothing either way.

    Raises:
        StoreUnavailable: the file cannot be used, and why; without `create` also if it
            is not there.
        SchemaMismatch: its schema is newer or weakened, or older and `create` is False
            or older workers still use it.
    """
    clock = clock or SystemClock()
    file, engine = _connect(url)
    path = file.path
    with _explained(path, engine):
        if create:
            _make(file)
        else:
            _refuse_missing(path)
        ready = _is_ready(engine)
        if not ready and not create:
            raise _unready(engine, path)
        _use_wal(engine)  # before the first transaction that writes
        if not ready:
            _bring_to_head(engine, clock)
    dialect = SqliteDialect(path, clock)
    store = SqlStore(Database(engine, dialect, clock, turns=WriteQueue(BUSY_S)))
    if create:
        with suppress(StoreUnavailable):  # a file that may only be read
            store.place()
    return store


def _connect(url: str) -> tuple[_File, sa.Engine]:
    parsed = sa.make_url(url)
    if not parsed.database or parsed.database == ":memory:":
        raise StoreUnavailable(
            "An SQLite database in memory works with one connection only. Use a file "
            "(sqlite:///jobs.db), or `memory:` for tests."
        )
    query = {name: str(value) for name, value in parsed.query.items()}
    synchronous = query.pop("synchronous", "FULL").upper()
    permissions = query.pop("permissions", "0600")
    if query:
        raise StoreUnavailable(
            f"Unknown parameter in the URL of the SQLite file: {min(query)}. There are "
            "`synchronous` and `permissions`. Nothing was changed."
        )
    if synchronous not in {"FULL", "NORMAL", "EXTRA"}:
        raise StoreUnavailable(
            f"Invalid value for synchronous: {synchronous}. Use FULL, EXTRA or NORMAL."
        )
    if not _PERMISSIONS.fullmatch(permissions):
        raise StoreUnavailable(
            f"Invalid value for permissions: {permissions}. Use three octal digits, "
            "as 0600 or 0660. Nothing was changed."
        )
    path = Path(parsed.database).absolute()
    if _is_folder(path):
        raise StoreUnavailable(
            f"{path} is a folder. Name a file in it, as sqlite:///{path}/jobs.db. "
            "Nothing was created."
        )
    network_disks.refuse(path)
    engine = sa.create_engine(
        sa.URL.create("sqlite+pysqlite", database=str(path)),
        connect_args={"timeout": BUSY_S, "check_same_thread": False},
    )
    _prepare(engine, synchronous)
    file_identity.keep(engine, path)
    return _File(path, int(permissions, 8)), engine


def _is_folder(path: Path) -> bool:
    try:
        return path.is_dir()
    except OSError as error:
        raise StoreUnavailable(sentence(path, "SQLITE_PERM", error.strerror)) from error


def _make(file: _File) -> None:
    """Create a missing file, empty; its `-wal` and `-shm` get its permissions."""
    with suppress(OSError):  # it is there; or SQLite says why it cannot be
        made = os.open(file.path, os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
        os.fchmod(made, file.permissions)
        os.close(made)


@contextmanager
def _explained(path: Path, engine: sa.Engine) -> Iterator[None]:
    """Close the engine after an error, and raise what the error means."""
    try:
        yield
    except (*UNUSABLE, sqlite3.Error) as error:  # also of a raw connection
        engine.dispose()
        raise unavailable(path, error) or error from error
    except BaseException:
        engine.dispose()
        raise


class SqliteSchema:
    """The commands of `interlock db`: entry point `sqlite`."""

    def __init__(self, url: str) -> None:
        self._file, self._engine = _connect(url)
        self._path = self._file.path

    def upgrade(self) -> list[str]:
        """Upgrade the schema; return the guards that had to be restored."""
        _make(self._file)
        with _explained(self._path, self._engine):
            with self._engine.execution_options(write=True).begin() as connection:
                weak = upgrade.upgrade(connection, now=SystemClock().now())
            self._engine.dispose()
        return weak

    def maintain(self, *, full: bool) -> list[str]:
        """See `interlock.ports.discovery.maintain_store`."""
        _refuse_missing(self._path)
        with _explained(self._path, self._engine):
            if not _is_ready(self._engine):
                raise _unready(self._engine, self._path)
            clock = SystemClock()
            opened = Database(
                self._engine,
                SqliteDialect(self._path, clock),
                clock,
                turns=WriteQueue(BUSY_S),
            )
            done = maintain(opened, self._path, full=full)
            self._engine.dispose()
        return done

    def grant(self, role: str) -> None:
        """Refuse: every user who may write the file may write the database."""
        message = (
            f"Nothing can be granted to {role!r}: a SQLite file has no roles. "
            "Every user who may write the file may write the database."
        )
        raise InvalidOption.because("role", message)

    def current(self) -> str | None:
        """Return the schema's version, None for an empty database or no file."""
        if not self._path.exists():
            return None
        with _explained(self._path, self._engine):
            with self._engine.connect() as connection:
                version = upgrade.current(connection)
            self._engine.dispose()
        return version


def _prepare(engine: sa.Engine, synchronous: str) -> None:
    @sa.event.listens_for(engine, "connect")
    def _connect(connection: sqlite3.Connection, _record: object) -> None:
        connection.isolation_level = None  # no BEGIN by the driver: `_begin` does it

    @sa.event.listens_for(engine, "begin")
    def _begin(connection: sa.Connection) -> None:
        # A deferred transaction that reads and then writes fails at once with
        # SQLITEBUSY_SNAPSHOT, whatever the timeout; writers take the lock first.
        options = connection.get_execution_options()
        if options.get("alone"):
            return
        if options.get("write"):
            mode = "NORMAL" if options.get("relaxed") else synchronous
            if connection.info.get("synchronous") != mode:
                connection.exec_driver_sql(f"PRAGMA synchronous = {mode}")
                connection.info["synchronous"] = mode
        connection.exec_driver_sql(
            "BEGIN IMMEDIATE" if options.get("write") else "BEGIN"
        )

    # A connection carried over a fork would break the file's locks.
    weak = weakref.ref(engine)
    os.register_at_fork(after_in_child=lambda: _forget_connections(weak()))


def _forget_connections(engine: sa.Engine | None) -> None:
    if engine is not None:
        engine.dispose(close=False)


def _refuse_missing(path: Path) -> None:
    if not path.exists():  # looking into it would make an empty one
        raise upgrade.none_there(f"There is no database at {path}")


def _is_ready(engine: sa.Engine) -> bool:
    with engine.connect() as connection:
        return upgrade.check(connection)


def _unready(engine: sa.Engine, path: Path) -> StoreUnavailable:
    with engine.connect() as connection:
        version = upgrade.current(connection)
    if version is None:
        return upgrade.none_there(f"{path} is empty")
    return upgrade.older(str(path), version)


def _bring_to_head(engine: sa.Engine, clock: Clock) -> None:
    with engine.execution_options(write=True).begin() as connection:
        if not upgrade.check(connection):  # nobody else did it meanwhile
            upgrade.upgrade(connection, now=clock.now())


def _use_wal(engine: sa.Engine) -> None:
    """Switch the file to WAL.

    While several processes do so, SQLite refuses at once, without its timeout, a lock
    for which they would wait in a circle (sqlite3_busy_handler): it is tried again.
    """
    until = time.monotonic() + BUSY_S
    while True:
        try:
            _switch_to_wal(engine)
        except sqlite3.OperationalError as error:
            is_passing = error.sqlite_errorname.startswith("SQLITE_BUSY")
            if not is_passing or time.monotonic() >= until:
                raise
            time.sleep(_AGAIN_S)
        else:
            return


def _switch_to_wal(engine: sa.Engine) -> None:
    with closing(engine.raw_connection()) as raw:  # outside of a transaction
        cursor = raw.cursor()
        (mode,) = cursor.execute("PRAGMA journal_mode").fetchone()
        if mode != "wal":  # else it would wait for writers, to change nothing
            cursor.execute("PRAGMA auto_vacuum = INCREMENTAL")  # of an empty file
            cursor.execute("PRAGMA journal_mode = WAL")
        cursor.close()
