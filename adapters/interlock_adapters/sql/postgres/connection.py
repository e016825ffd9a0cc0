"""Connects to PostgreSQL so that a silent peer cannot block others for ever.

A peer may stop without a word: its host is cut off or gone, its process stands still.
Whoever waits for it must give up some day, on both sides: the server ends a transaction
whose client has left it open, for its locks hold up every other worker; the client ends
a connection on which no answer comes.
"""

import re
import select
import time
from collections.abc import Generator, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Final, TypeVar
from urllib.parse import parse_qsl, quote, urlencode, urlsplit, urlunsplit

import psycopg
import sqlalchemy as sa
from psycopg.conninfo import conninfo_to_dict
from psycopg.waiting import Ready, Wait

from interlock.core.errors import StoreUnavailable

T = TypeVar("T")
Waits = Generator[Wait, Ready | int, T]

_STATEMENT_S: Final = 60
# Longer than any statement may take: the server still tells of its own time limits.
_ANSWER_S = _STATEMENT_S + 15.0
#: Set for a session that knows its settings: a pooler has dropped the others, too.
MARK: Final = "interlock.session"
#: What is asked of the server (chapter "Client Connection Defaults" of its manual).
_SERVER: Final = {
    "statement_timeout": f"{_STATEMENT_S}s",
    "lock_timeout": "10s",
    # Below it: who waits for the locks of a silent one gets them before he gives up.
    "idle_in_transaction_session_timeout": "5s",
    # Whatever the defaults of the database or the role are. The guards are judged on
    # rows as they are; the driver reads these formats only.
    "default_transaction_isolation": "read committed",
    "datestyle": "ISO",
    "timezone": "UTC",
    "client_encoding": "UTF8",
    "extra_float_digits": "1",
    "standard_conforming_strings": "on",
}
#: Those that make sense for a session of our own only.
_SESSION: Final = {
    "tcp_keepalives_idle": "10",
    "tcp_keepalives_interval": "5",
    "tcp_keepalives_count": "3",
    "tcp_user_timeout": "15s",
    MARK: "on",
}
#: What is asked of the kernel on our side (chapter "libpq", connection parameters).
_CLIENT: Final = {
    "connect_timeout": "10",
    "keepalives_idle": "10",
    "keepalives_interval": "5",
    "keepalives_count": "3",
    "tcp_user_timeout": "15000",
    "application_name": "interlock",
}
_MAX_PORT: Final = 65_535
_SHOWN: Final = ("user", "host", "port", "dbname")
_POOLER: Final = "transaction"
_OWN: Final = ("schema", "pooler", "listen")  # in the query of a URL
_NAME: Final = re.compile(r"[A-Za-z_][A-Za-z0-9_]{0,62}")


@dataclass(frozen=True, slots=True)
class Target:
    """A database: the parameters of libpq, and what is Interlock's own in its URL.

    Args:
        parameters: of libpq; `options` are only what the URL says.
        schema: of the tables, if chosen.
        is_pooled: whether the URL says that a pooler lends connections.
        listen: the database by a direct connection, to listen for changes.
    """

    parameters: Mapping[str, str]
    schema: str | None
    is_pooled: bool = False
    listen: "Target | None" = None

    @property
    def where(self) -> str:
        """The database for people, without the password."""
        shown = {name: self.parameters.get(name, "") for name in _SHOWN}
        user = f"{shown['user']}@" if shown["user"] else ""
        port = f":{shown['port']}" if shown["port"] else ""
        return f"postgresql://{user}{shown['host']}{port}/{shown['dbname']}"


def target(url: str) -> Target:
    """Return what a URL names; what it says itself is kept.

    It is SQLAlchemy's form, which takes any password, or libpq's (chapter "Connection
    Strings"), which has several hosts. Interlock's own are `?schema=NAME`, where the
    tables are; `pooler=transaction`, see `pooler`; and `listen=HOST:PORT`.

    Raises:
        StoreUnavailable: it is neither, or its port or schema cannot exist.
    """
    try:
        given = _by_sqlalchemy(url)
    except (ValueError, sa.exc.ArgumentError):
        given = _by_libpq(url)
    _refuse_ports(given.get("port", ""))
    schema = given.pop("schema", None)
    if schema is not None and not _NAME.fullmatch(schema):
        raise StoreUnavailable(
            f"Invalid schema name {schema!r} in the URL of the database. Use letters, "
            "digits and _, at most 63. Nothing was changed."
        )
    pooler = given.pop("pooler", None)
    if pooler not in (None, _POOLER):
        raise StoreUnavailable(
            f"Invalid pooler={pooler!r} in the URL of the database. Write "
            f"pooler={_POOLER}, or leave it out: a pooler is found at the first "
            "connection, in most cases. Nothing was changed."
        )
    listen = given.pop("listen", None)
    parameters = {**_CLIENT, **given}
    return Target(
        parameters,
        schema,
        pooler is not None,
        None if listen is None else _direct(parameters, listen),
    )


def _direct(parameters: Mapping[str, str], listen: str) -> Target:
    """Return where to listen: HOST or HOST:PORT of the same database, or a URL."""
    if "://" in listen:
        return target(listen)
    host, colon, port = listen.rpartition(":")
    if not colon or "]" in port:
        host, port = listen, "5432"
    if not host or not port.isdecimal():
        raise StoreUnavailable(
            f"Invalid listen={listen!r} in the URL of the database. Write "
            "listen=HOST:PORT of the PostgreSQL server itself, or the URL of the "
            "database there, percent-encoded. Nothing was changed."
        )
    others = {name: text for name, text in parameters.items() if name != "hostaddr"}
    return Target({**others, "host": host.strip("[]"), "port": port}, None)


def settings(schema: str | None) -> dict[str, str]:
    """Return what is asked of the server for a session or for a transaction."""
    return dict(_SERVER) if schema is None else {**_SERVER, "search_path": schema}


def _refuse_ports(ports: str) -> None:
    """Refuse a port that no server has; there is one for each host."""
    for port in filter(None, ports.split(",")):
        if not (port.isdecimal() and 0 < int(port) <= _MAX_PORT):
            raise StoreUnavailable(
                f"Invalid port {port} in the URL of the PostgreSQL database. Use 1 to "
                f"{_MAX_PORT}. Nothing was changed."
            )


def _by_sqlalchemy(url: str) -> dict[str, str]:
    parsed = sa.make_url(url)
    given = parsed.translate_connect_args(username="user", database="dbname")
    if parsed.port is not None:
        given["port"] = parsed.port  # SQLAlchemy leaves out 0
    for name, value in parsed.query.items():
        given[name] = value if isinstance(value, str) else ",".join(value)
    return {name: str(value) for name, value in given.items()}


def _by_libpq(url: str) -> dict[str, str]:
    try:
        split = urlsplit(url)
        query = parse_qsl(split.query, keep_blank_values=True)
        own = {name: value for name, value in query if name in _OWN}
        others = [pair for pair in query if pair[0] not in _OWN]
        encoded = urlencode(others, quote_via=quote)
        plain = urlunsplit(split._replace(scheme="postgresql", query=encoded))
        found = conninfo_to_dict(plain)
    except (ValueError, psycopg.ProgrammingError) as error:
        raise StoreUnavailable(
            "The URL of the PostgreSQL database cannot be read"
            f" ({_line(error)}). Write postgresql://USER:PASSWORD@HOST:PORT/DATABASE, "
            "with %40 for @ and %2F for / in the password. Nothing was changed."
        ) from None
    return own | {
        name: str(value) for name, value in found.items() if value is not None
    }


def is_open(opened: psycopg.Connection[Any]) -> bool:
    """Whether the server has not closed a connection that was idle: no round trip.

    A server that ends a connection says so, and then closes it: that can be read.
    """
    if opened.closed:
        return False
    poll = select.poll()
    poll.register(opened.fileno(), select.POLLIN)
    return not poll.poll(0)


def _line(error: Exception) -> str:
    return " ".join(str(error).split())


def connect(
    where: Target, *, autocommit: bool = False, is_pooled: bool = False
) -> "Impatient":
    """Return a new connection. With `autocommit` each statement commits by itself.

    With `is_pooled` nothing of it is a session's: no settings, no prepared statements.
    """
    if is_pooled:
        opened = Impatient.connect(
            **dict(where.parameters),  # type: ignore[arg-type]  # parameters of libpq are text
            autocommit=autocommit,
            prepare_threshold=None,
        )
        if not autocommit:  # in the BEGIN: a statement would be too late
            opened.isolation_level = psycopg.IsolationLevel.READ_COMMITTED
        return opened
    return Impatient.connect(**session_parameters(where), autocommit=autocommit)  # type: ignore[arg-type]  # the same


def session_parameters(where: Target) -> dict[str, str]:
    """Return the parameters of libpq for a session of our own, with its settings."""
    each = {**settings(where.schema), **_SESSION}.items()
    options = [f"-c {name}={_escaped(value)}" for name, value in each]
    # Of two values for one setting the last one counts: the URL's.
    options.append(where.parameters.get("options", ""))
    return {**where.parameters, "options": " ".join(options).strip()}


def _escaped(value: str) -> str:
    return value.replace("\\", r"\\").replace(" ", r"\ ")


@contextmanager
def patient(opened: sa.Connection) -> Iterator[None]:
    """Let statements take as long as they need: an upgrade, a vacuum."""
    driver: Any = opened.connection.driver_connection
    driver.answer_s = float("inf")
    try:
        yield
    finally:
        del driver.answer_s  # the usual patience again


class Impatient(psycopg.Connection[Any]):
    """A connection that is closed when its server does not answer for too long."""

    answer_s: float = _ANSWER_S  # without a byte of an answer

    def wait(self, gen: Waits[T], *args: Any, **kwargs: Any) -> T:
        """Wait as psycopg does, but not for ever."""
        return super().wait(self._bounded(gen), *args, **kwargs)

    def _bounded(self, gen: Waits[T]) -> Waits[T]:
        """Run psycopg's generator; it gets Ready.NONE while nothing is readable."""
        until = time.monotonic() + self.answer_s
        try:
            events = next(gen)
            while True:
                ready = yield events
                now = time.monotonic()
                if ready:
                    until = now + self.answer_s
                elif now > until:
                    self.close()
                    raise psycopg.OperationalError(f"no answer for {self.answer_s:g} s")
                events = gen.send(ready)
        except StopIteration as stop:
            value: T = stop.value
            return value
