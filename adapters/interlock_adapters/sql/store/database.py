"""An open database: connections, transactions, clocks."""

import logging
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, ExitStack, contextmanager, nullcontext
from datetime import datetime
from typing import Final, Protocol, TypeVar

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql, sqlite

from interlock.core.errors import StoreUnavailable
from interlock.ports.clock import Clock
from interlock.ports.runner import Wakeup
from interlock_adapters.sql.schema.column_types import Unreadable, UtcDateTime
from interlock_adapters.sql.schema.flavor import Flavor

T = TypeVar("T")

_log = logging.getLogger("interlock.store")
_TRIES: Final = 5
#: Errors of drivers, and errors that damaged files cause.
UNUSABLE: Final = (
    *(sa.exc.DBAPIError, sa.exc.TimeoutError),
    *(UnicodeDecodeError, Unreadable),
)


class Undone(StoreUnavailable):
    """The database rolled a transaction back (a deadlock); it may be repeated."""


class Dialect(Protocol):
    """The differences between databases."""

    @property
    def flavor(self) -> Flavor:
        """The flavor for statements."""
        ...

    def lease_clock(self) -> tuple[int | None, str]:
        """Return now in microseconds of the lease clock, and what it counts from.

        None where the clock is the database's own (`Flavor.lease_now`).
        """
        ...

    def watch(self) -> Wakeup:
        """Return a new source of wake-ups."""
        ...

    def place(self, connection: sa.Connection) -> str:
        """Return where the database is; a copy of it is at another place."""
        ...

    def address(self, connection: sa.Connection) -> str:
        """Return by what this process reaches it, as far as a place can be twofold."""
        ...

    def unavailable(self, error: Exception) -> StoreUnavailable | None:
        """Return the meaning of a database error, None for a bug of Interlock."""
        ...

    def is_useless(self, error: Exception) -> bool:
        """Whether open connections are of no use after an error, though they answer."""
        ...

    def refuse_damage(self, connection: sa.Connection) -> None:
        """Check the whole database for damage, if it does not do so by itself.

        Raises:
            StoreUnavailable: it is damaged.
        """
        ...


class Database:
    """Connections and transactions, shared by the parts of `SqlStore`."""

    def __init__(
        self,
        engine: sa.Engine,
        dialect: Dialect,
        clock: Clock,
        *,
        turns: Callable[[], AbstractContextManager[None]] = nullcontext,
        schema: str | None = None,
        is_pooled: bool = False,
    ) -> None:
        self.schema = schema  # of the tables; None: where the search_path finds them
        self._is_pooled = is_pooled  # a statement alone would miss its settings
        self._turns = turns  # of the writers of this process
        self.engine = engine
        self.dialect = dialect
        self.flavor = dialect.flavor
        self.clock = clock
        self._joined = threading.local()
        self._writer = engine.execution_options(write=True)
        self._relaxed = engine.execution_options(write=True, relaxed=True)
        self._asker = engine.execution_options(alone=True)
        self._alone = (
            engine.execution_options(isolation_level="AUTOCOMMIT")
            if self.flavor.is_postgres
            else engine
        )

    @contextmanager
    def together(self) -> Iterator[None]:
        """See `JobStore.together`. The transaction begins with the first write."""
        if self._is_joined:  # within a block: a part of it, which may be undone alone
            with self.write() as connection, connection.begin_nested():
                yield
            return
        with ExitStack() as stack:
            self._joined.stack = stack
            try:
                yield
            finally:
                self._joined.stack = self._joined.connection = None

    @property
    def _is_joined(self) -> bool:
        """Whether this thread is inside `together`."""
        return getattr(self._joined, "stack", None) is not None

    @property
    def has_begun(self) -> bool:
        """Whether this thread has already written inside `together`."""
        return getattr(self._joined, "connection", None) is not None

    @contextmanager
    def write(self, *, durable: bool = True) -> Iterator[sa.Connection]:
        """Yield a connection in a write transaction; commit, or undo everything.

        One that need not be `durable` survives every crash of processes, but a power
        cut may undo it. Inside of `together` all are.
        """
        stack: ExitStack | None = getattr(self._joined, "stack", None)
        if stack is None:
            with self._transaction(durable=durable) as connection:
                yield connection
            return
        shared: sa.Connection | None = getattr(self._joined, "connection", None)
        if shared is None:
            shared = stack.enter_context(self._transaction())
            self._joined.connection = shared
        yield shared

    def repeated(
        self, work: Callable[[sa.Connection], T], *, durable: bool = True
    ) -> T:
        """Run `work` in a write transaction of its own, and return its result.

        It is repeated as a whole when the database undid it, because of a deadlock for
        instance. Inside of `together` it is not: that block is the transaction.
        """
        tries = 1 if self._is_joined else _TRIES
        while True:
            tries -= 1
            try:
                with self.write(durable=durable) as connection:
                    return work(connection)
            except Undone as undone:
                if not tries:
                    raise
                _log.warning("the transaction is repeated: %s", undone)

    @property
    def can_write_alone(self) -> bool:
        """Whether a single statement may commit by itself, and saves round trips."""
        is_able = self.flavor.is_postgres and not self._is_pooled
        return is_able and not self._is_joined

    def write_alone(
        self, statement: sa.Executable, values: Sequence[Mapping[str, object]]
    ) -> None:
        """Execute one statement that commits by itself."""
        try:
            with self._alone.connect() as connection:
                connection.execute(statement, values)
        except sa.exc.IntegrityError:
            raise
        except UNUSABLE as error:
            raise self._meaning(error) from error

    @contextmanager
    def _transaction(self, *, durable: bool = True) -> Iterator[sa.Connection]:
        writer = self._writer if durable else self._relaxed
        try:
            with self._turns(), writer.begin() as connection:
                yield connection
        except UNUSABLE as error:
            raise self._meaning(error) from error

    def _meaning(self, error: Exception) -> Exception:
        """Return what to tell of an error, and open a SQLite file anew after it.

        A disk that failed and was mounted again holds another file in its place.
        """
        meaning = self.dialect.unavailable(error)
        if meaning is not None and self.dialect.is_useless(error):
            self.engine.dispose()
        return meaning or error

    @contextmanager
    def read(self, *, alone: bool = False) -> Iterator[sa.Connection]:
        """Yield a connection for SELECTs: the joined one if there is one.

        They see one state of the database. A SELECT that is `alone` does so by itself.
        """
        joined = getattr(self._joined, "connection", None)
        if joined is not None:
            yield joined
            return
        try:
            with (self._asker if alone else self.engine).connect() as connection:
                yield connection
        except UNUSABLE as error:
            raise self._meaning(error) from error

    def rows(
        self, statement: sa.Executable, facts: Mapping[str, object] | None = None
    ) -> list[sa.RowMapping]:
        """Return the rows of one SELECT."""
        with self.read(alone=True) as connection:
            return list(connection.execute(statement, facts).mappings())

    def present(self, connection: sa.Connection) -> datetime:
        """Return the time of the clock that decides: the database's, if it has one."""
        if self.flavor.now is None:
            return self.clock.now()
        query = sa.text(f"SELECT {self.flavor.now} AS now").columns(now=UtcDateTime)
        found: datetime = connection.execute(query).scalar_one()
        return found

    def lease_now(self, connection: sa.Connection) -> tuple[int, str]:
        """Return the time of the lease clock, from the database if it is its clock."""
        now, epoch = self.dialect.lease_clock()
        if now is None:
            now = int(connection.scalar(sa.text(f"SELECT {self.flavor.lease_now}")))
        return now, epoch

    def upsert(
        self, table: sa.Table, key: dict[str, object], values: dict[str, object]
    ) -> None:
        """Insert or change a row in one transaction."""
        made = self.put(table, key, values)
        self.repeated(lambda connection: connection.execute(made))

    def put(
        self, table: sa.Table, key: Mapping[str, object], values: Mapping[str, object]
    ) -> sa.Insert:
        """Return what inserts or changes a row: somebody else may insert it too."""
        insert = postgresql.insert if self.flavor.is_postgres else sqlite.insert
        new = insert(table).values({**key, **values})
        return new.on_conflict_do_update(index_elements=list(key), set_=values)
