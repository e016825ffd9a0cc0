"""Opens a SQLite file: WAL, durable by default, refused on network disks."""

import os
import re
import sqlite3
import weakref
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Final, NamedTuple

import sqlalchemy as sa

from interlock.core.errors import InvalidOption, SchemaMismatch, StoreUnavailable
from interlock.ports.clock import Clock, SystemClock, boot_id
from interlock.ports.runner import Wakeup
from interlock_adapters.sql.schema import upgrade
from interlock_adapters.sql.schema.flavor import SQLITE, Flavor
from interlock_adapters.sql.sqlite import file_identity
from interlock_adapters.sql.sqlite.maintain import maintain
from interlock_adapters.sql.sqlite.wakeup import SqliteWakeup
from interlock_adapters.sql.sqlite.write_queue import WriteQueue
from interlock_adapters.sql.store.database import UNUSABLE, Database
from interlock_adapters.sql.store.store import SqlStore

#: WAL needs memory shared between processes of one host (sqlite.org/wal.html).
NETWORK: Final = frozenset(
    {
        *("nfs", "nfs4", "cifs", "smb3", "smbfs", "9p", "afs", "ceph", "lustre"),
        *("glusterfs", "fuse.glusterfs", "fuse.sshfs", "fuse.s3fs", "beegfs"),
    }
)
_BUSY_S: Final = 30.0
_PERMISSIONS: Final = re.compile(r"0?[0-7]{3}")
_OCTAL: Final = re.compile(r"\\(\d{3})")  # how mountinfo writes a space

#: What each family of errors means, and what to do.
_PLAIN: Final = {
    "SQLITE_NOTADB": "is not a SQLite database",
    "SQLITE_CORRUPT": "is damaged: restore a backup, or save what can be read with "
    "`sqlite3 FILE .recover`",
    "SQLITE_FULL": "cannot grow: its disk is full; free some space, and work continues "
    "by itself",
    "SQLITE_READONLY": "cannot be written: the file or its folder is read-only",
    "SQLITE_CANTOPEN": "cannot be opened: its folder is missing or not writable",
    "SQLITE_BUSY": f"was locked by another writer for {_BUSY_S:g} s",
    "SQLITE_IOERR": "cannot be read or written: the disk reports an error; repair it, "
    "and work continues by itself",
    "SQLITE_PERM": "cannot be opened: no permission",
    "SQLITE_AUTH": "cannot be opened: no permission",
}


class _File(NamedTuple):
    """A database file, and the permissions that it gets when it is created."""

    path: Path
    permissions: int


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
            raise StoreUnavailable(_sentence(self._path, "SQLITE_CORRUPT", found))


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
    return kind(_sentence(path, family, cause))


def _sentence(path: Path, family: str, cause: object) -> str:
    kept = (
        "" if family == "SQLITE_CORRUPT" else "; what was acknowledged before is kept"
    )
    return f"{path} {_PLAIN[family]} ({cause}). Nothing was written by this call{kept}."


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
    store = SqlStore(Database(engine, dialect, clock, turns=WriteQueue(_BUSY_S)))
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
    _refuse_network(path)
    engine = sa.create_engine(
        sa.URL.create("sqlite+pysqlite", database=str(path)),
        connect_args={"timeout": _BUSY_S, "check_same_thread": False},
    )
    _prepare(engine, synchronous)
    file_identity.keep(engine, path)
    return _File(path, int(permissions, 8)), engine


def _is_folder(path: Path) -> bool:
    try:
        return path.is_dir()
    except OSError as error:
        raise StoreUnavailable(
            _sentence(path, "SQLITE_PERM", error.strerror)
        ) from error


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
    except UNUSABLE as error:
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
                turns=WriteQueue(_BUSY_S),
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
        # SQLITE_BUSY_SNAPSHOT, whatever the timeout; writers take the lock first.
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
    raw = engine.raw_connection()  # outside of a transaction
    raw.cursor().execute("PRAGMA auto_vacuum = INCREMENTAL").close()  # of an empty file
    raw.cursor().execute("PRAGMA journal_mode = WAL").close()
    raw.close()


def _refuse_network(path: Path) -> None:
    kind = filesystem(path)
    if kind in NETWORK:
        raise StoreUnavailable(
            f"{path} is on a network file system ({kind}), where SQLite's locks do not "
            "hold. Use a local disk, or PostgreSQL. Nothing was written."
        )


def filesystem(path: Path, mounts: str | None = None) -> str | None:
    """Return the type of the file system of `path`, None if unknown."""
    if mounts is None:
        try:
            mounts = Path("/proc/self/mountinfo").read_text(encoding="utf-8")
        except OSError:
            return None
    best: tuple[int, str | None] = (0, None)
    real = path.resolve()
    for line in mounts.splitlines():  # proc(5): id parent dev root POINT ... - TYPE
        fields, _, tail = line.partition(" - ")
        point = _OCTAL.sub(lambda code: chr(int(code[1], 8)), fields.split()[4])
        if real.is_relative_to(point) and len(point) >= best[0]:
            best = (len(point), tail.split()[0])
    return best[1]
