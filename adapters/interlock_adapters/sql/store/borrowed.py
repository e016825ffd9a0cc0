"""Connections of the application, so that a submit is part of its transaction.

Nothing is ever committed or rolled back here. What is not SQLAlchemy's is made to look
like it: a connection of psycopg, of `sqlite3`, or of Django. An asynchronous connection
of psycopg is used from a thread, while its event loop waits and its lock is held.
"""

import asyncio
import sqlite3
import sys
from typing import Any, Final

import sqlalchemy as sa
from sqlalchemy.orm import Session, scoped_session
from sqlalchemy.pool import StaticPool

from interlock.core.errors import InvalidOption
from interlock_adapters.sql.schema.column_types import from_json

_ALLOWED: Final = (
    "a Connection, Session or scoped_session of SQLAlchemy or SQLModel, a connection "
    "of psycopg or sqlite3, or Django's connection"
)
_LOOP: Final = (
    "connection= belongs to an event loop, which this call would block. Use "
    "AsyncEngine.submit. Nothing was stored."
)
_PIPELINE: Final = (
    "connection= is in pipeline mode, where no answer is read at once. Submit before "
    "or after the pipeline. Nothing was stored."
)
_IDLE: Final = (
    "connection= is in autocommit mode and in no transaction, so there is nothing to "
    "be part of. Begin a transaction first (Django: transaction.atomic()), or leave "
    "connection= out. Nothing was stored."
)


def borrowed(connection: object, dialect: str) -> sa.Connection:
    """Return a connection of SQLAlchemy for what the caller has.

    Raises:
        InvalidOption: it is no connection that Interlock knows, is to another kind of
            database, or has not begun a transaction.
    """
    if isinstance(connection, Session | scoped_session):
        found = connection.connection()
    elif isinstance(connection, sa.Connection):
        found = connection
    else:
        raw = _raw(connection)
        if _is_psycopg(raw):
            _refuse_busy(raw)
        if _is_idle(raw):
            raise InvalidOption.because("connection", _IDLE)
        found = _wrapped(raw)
    if found.dialect.name != dialect:
        message = (
            f"connection= is to {found.dialect.name}, but this Engine's database is "
            f"{dialect}. Use a connection to the Engine's database. Nothing was stored."
        )
        raise InvalidOption.because("connection", message)
    if found.get_execution_options().get("isolation_level") == "AUTOCOMMIT" or (
        _is_idle(found.connection.dbapi_connection)
    ):
        raise InvalidOption.because("connection", _IDLE)
    return found


def _raw(connection: object) -> Any:
    """Return the driver's connection."""
    if hasattr(connection, "ensure_connection"):  # Django's: it connects when needed
        connection.ensure_connection()
        connection = getattr(connection, "connection", None)
    if _is_psycopg(connection) or isinstance(connection, sqlite3.Connection):
        return connection
    raise InvalidOption("connection", connection, _ALLOWED)


def _is_psycopg(raw: object) -> bool:
    """Whether it is a connection of psycopg 3, which need not be installed."""
    psycopg = sys.modules.get("psycopg")
    return psycopg is not None and isinstance(
        raw, psycopg.Connection | psycopg.AsyncConnection
    )


def _refuse_busy(raw: Any) -> None:
    is_loops = isinstance(raw.lock, asyncio.Lock)
    if is_loops and not raw.lock.locked():  # `AsyncEngine` holds it
        raise InvalidOption.because("connection", _LOOP)
    if raw.info.pipeline_status.name != "OFF":
        raise InvalidOption.because("connection", _PIPELINE)


def _is_idle(raw: Any) -> bool:
    """Whether each statement would commit by itself."""
    if _is_psycopg(raw):
        return bool(raw.autocommit and raw.info.transaction_status.name == "IDLE")
    return (
        isinstance(raw, sqlite3.Connection)
        and raw.isolation_level is None
        and not raw.in_transaction
    )


class _BorrowedSqlite:
    """A connection of sqlite3 that SQLAlchemy cannot end."""

    def __init__(self, raw: sqlite3.Connection) -> None:
        self.raw = raw

    def __getattr__(self, name: str) -> Any:
        return getattr(self.raw, name)

    def cursor(self) -> sqlite3.Cursor:
        """Return a cursor whose rows are tuples, whatever the application's are."""
        cursor = self.raw.cursor()
        cursor.row_factory = None
        return cursor

    def commit(self) -> None:
        """Leave that to the application."""

    rollback = close = commit


def _borrowed_psycopg(raw: Any) -> Any:
    """Return another object for a connection of psycopg, that cannot end it.

    If it begins the transaction, then as the application's would.
    """
    psycopg: Any = sys.modules["psycopg"]

    class Borrowed(psycopg.Connection):  # type: ignore[misc]  # not imported here
        def commit(self) -> None:
            """Leave that to the application."""

        rollback = close = __del__ = commit

    pgconn = raw.pgconn
    handlers = pgconn.notice_handler, pgconn.notify_handler
    borrowed = Borrowed(pgconn)
    pgconn.notice_handler, pgconn.notify_handler = handlers  # they stay the caller's
    if raw.info.transaction_status.name == "IDLE":
        for name in ("isolation_level", "read_only", "deferrable"):
            if getattr(raw, name) is not None:
                setattr(borrowed, name, getattr(raw, name))
    return borrowed


def _wrapped(raw: Any) -> sa.Connection:
    if _is_psycopg(raw):
        engine = sa.create_engine(
            "postgresql+psycopg://",
            creator=lambda: _borrowed_psycopg(raw),
            poolclass=StaticPool,
            pool_reset_on_return=None,
            json_deserializer=from_json,
        )
    else:
        engine = sa.create_engine(
            "sqlite://",
            creator=lambda: _BorrowedSqlite(raw),
            poolclass=StaticPool,
            pool_reset_on_return=None,
        )
    return engine.connect()
