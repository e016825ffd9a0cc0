"""Opens a PostgreSQL database; its clock decides about leases."""

from collections.abc import Iterator
from contextlib import contextmanager, suppress
from functools import partial
from typing import Final

import sqlalchemy as sa

from interlock.core.errors import StoreUnavailable
from interlock.ports.clock import Clock, SystemClock
from interlock_adapters.sql.postgres import connection
from interlock_adapters.sql.postgres.dialect import PostgresDialect, unavailable
from interlock_adapters.sql.postgres.maintain import maintain
from interlock_adapters.sql.postgres.pooler import Connector, settle_transactions
from interlock_adapters.sql.postgres.same_database import SameDatabase
from interlock_adapters.sql.schema import upgrade
from interlock_adapters.sql.schema.column_types import from_json
from interlock_adapters.sql.schema.tables import TABLES, VERSION_TABLE, lifecycle
from interlock_adapters.sql.store import place
from interlock_adapters.sql.store.database import Database
from interlock_adapters.sql.store.store import SqlStore

_GRANTS: Final = (
    "GRANT SELECT, INSERT, UPDATE, DELETE ON "
    + ", ".join(name for name in TABLES if name != lifecycle.name),
    f"GRANT SELECT ON {lifecycle.name}, {VERSION_TABLE}",
    "GRANT USAGE ON SEQUENCE "
    + ", ".join(
        f"{name}_{table.autoincrement_column.name}_seq"
        for name, table in TABLES.items()
        if table.autoincrement_column is not None
    ),
)
#: Roles that may use the tables; new tables have no grants.
_GRANTED: Final = sa.text(
    "SELECT DISTINCT grantee FROM information_schema.role_table_grants"
    " WHERE table_schema = current_schema() AND table_name = 'interlock_job'"
    " AND privilege_type = 'INSERT' AND grantee <> current_user"
)
_UPGRADE_LOCK: Final = 7_305_102  # one process at a time creates or upgrades a schema


def _engine(url: str) -> tuple[Connector, sa.Engine]:
    connector = Connector(connection.target(url))
    engine = sa.create_engine(
        "postgresql+psycopg://",
        creator=connector,
        pool_pre_ping=True,
        max_overflow=20,
        json_deserializer=from_json,
    )
    engine.dialect.do_ping = connection.is_open  # type: ignore[method-assign, assignment]  # cheaper
    settle_transactions(engine, connector)
    return connector, engine


@contextmanager
def _explained(where: connection.Target, engine: sa.Engine) -> Iterator[None]:
    """Close the engine after an error, and raise what the error means."""
    try:
        yield
    except sa.exc.DBAPIError as error:
        engine.dispose()
        raise unavailable(where, error) or error from error
    except BaseException:
        engine.dispose()
        raise


def _check(where: connection.Target, opened: sa.Connection, *, create: bool) -> bool:
    """Return whether the schema is there; without `create` it must be.

    Raises:
        StoreUnavailable, SchemaMismatch: see `open_store`.
    """
    ready = upgrade.check(opened)
    version = upgrade.current(opened)
    if not ready and version is not None:
        raise upgrade.older(where.where, version)
    if not ready and not create:
        raise upgrade.none_there(f"{where.where} is empty")
    return ready


def _check_again(url: str) -> None:
    """Check a database that has taken the place of the one that was opened."""
    connector, engine = _engine(url)
    with _explained(connector.where, engine):
        with engine.connect() as opened:
            _check(connector.where, opened, create=False)
        with suppress(StoreUnavailable):  # a standby that may only be read
            place.settle(_database(engine, connector, SystemClock()))
        engine.dispose()


def _database(engine: sa.Engine, connector: Connector, clock: Clock) -> Database:
    return Database(
        engine,
        PostgresDialect(connector, clock),
        clock,
        schema=connector.where.schema,
        is_pooled=connector.is_pooled,
    )


def open_store(
    url: str, clock: Clock | None = None, *, create: bool = True
) -> SqlStore:
    """Open the database of `url`, and create the schema if it is empty.

    Raises:
        StoreUnavailable: the database cannot be used, and why; without `create` also if
            it is empty.
        SchemaMismatch: its schema is older (`interlock db upgrade`), newer or weakened.
    """
    clock = clock or SystemClock()
    connector, engine = _engine(url)
    where = connector.where
    with _explained(where, engine):
        with engine.connect() as opened:
            ready = _check(where, opened, create=create)
        if not ready:
            _upgrade(engine, where)
        same = SameDatabase(where, partial(_check_again, url))
        with engine.connect() as opened:
            same.note(opened)
    connector.require = same.require
    store = SqlStore(_database(engine, connector, clock))
    if create:
        with suppress(StoreUnavailable):  # a standby that may only be read
            store.place()
    return store


def _upgrade(engine: sa.Engine, where: connection.Target) -> list[str]:
    with engine.begin() as opened, connection.patient(opened):
        opened.exec_driver_sql("SET LOCAL statement_timeout = 0")
        if where.schema is not None:
            create = f'CREATE SCHEMA IF NOT EXISTS "{where.schema}"'
            opened.exec_driver_sql(create)
        if opened.scalar(sa.text("SELECT current_schema()")) is None:
            raise StoreUnavailable(
                f"{where.where} has no schema in its search_path. Add ?schema=NAME to "
                "the URL: the tables will be in that schema. Nothing was changed."
            )
        if upgrade.current(opened) is None:
            _refuse_encoding(opened, where)
        lock = sa.text("SELECT pg_advisory_xact_lock(:key)")
        opened.execute(lock, {"key": _UPGRADE_LOCK})
        now = opened.execute(sa.text("SELECT clock_timestamp()")).scalar_one()
        weak = upgrade.upgrade(opened, now=now)  # workers' heartbeats are by this clock
        for role in opened.execute(_GRANTED).scalars():
            _grant(opened, "PUBLIC" if role == "PUBLIC" else _quoted(engine, role))
        return weak


def _grant(opened: sa.Connection, role: str) -> None:
    """Let a role, as SQL names it, use all tables."""
    for statement in _GRANTS:
        opened.exec_driver_sql(f"{statement} TO {role}")


def _quoted(engine: sa.Engine, role: str) -> str:
    return engine.dialect.identifier_preparer.quote_identifier(role)


def _refuse_encoding(opened: sa.Connection, where: connection.Target) -> None:
    """Refuse to create tables where not every text can be stored and found.

    Raises:
        StoreUnavailable: the encoding, and what to do.
    """
    encoding = opened.scalar(sa.text("SHOW server_encoding"))
    if encoding != "UTF8":
        raise StoreUnavailable(
            f"{where.where} has the encoding {encoding}, which cannot hold every text. "
            "Create a database with UTF8: CREATE DATABASE name ENCODING 'UTF8' "
            "TEMPLATE template0. Nothing was changed."
        )


class PostgresSchema:
    """The commands of `interlock db`: entry point `postgresql`."""

    def __init__(self, url: str) -> None:
        self._connector, self._engine = _engine(url)
        self._where = self._connector.where

    def upgrade(self) -> list[str]:
        """Upgrade the schema; return the guards that had to be restored."""
        with _explained(self._where, self._engine):
            weak = _upgrade(self._engine, self._where)
            self._engine.dispose()
        return weak

    def maintain(self, *, full: bool) -> list[str]:
        """See `interlock.ports.discovery.maintain_store`."""
        with _explained(self._where, self._engine):
            with self._engine.connect() as opened:
                if not upgrade.check(opened):
                    version = upgrade.current(opened)
                    raise upgrade.older(self._where.where, version or "none")
            database = _database(self._engine, self._connector, SystemClock())
            done = maintain(database, full=full)
            self._engine.dispose()
        return done

    def grant(self, role: str) -> None:
        """Let a role use the store; it owns no table, so it cannot disable guards.

        Raises:
            StoreUnavailable: there is no such role, or it may not be granted.
        """
        name = _quoted(self._engine, role)
        with _explained(self._where, self._engine):
            with self._engine.begin() as opened:
                here = opened.scalar(sa.text("SELECT quote_ident(current_schema())"))
                opened.exec_driver_sql(f"GRANT USAGE ON SCHEMA {here} TO {name}")
                _grant(opened, name)
            self._engine.dispose()

    def current(self) -> str | None:
        """Return the schema's version, None for an empty database."""
        with _explained(self._where, self._engine):
            with self._engine.connect() as opened:
                version = upgrade.current(opened)
            self._engine.dispose()
        return version
