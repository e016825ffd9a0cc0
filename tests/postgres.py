"""A PostgreSQL server for the tests, and an empty database for each of them."""

from __future__ import annotations

import atexit
import itertools
import os
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache

import psycopg
import pytest

from interlock_adapters.sql.postgres import PostgresSchema

_numbers = itertools.count(1)
_CANDIDATES = (
    "postgresql://postgres@127.0.0.1:5432/postgres",
    "postgresql://root@127.0.0.1:5432/postgres",
)


@cache
def server() -> str | None:
    """Return the URL of a server where databases may be made, None without any."""
    given = os.environ.get("INTERLOCK_TEST_POSTGRES")
    for url in (given,) if given else _CANDIDATES:
        try:
            with psycopg.connect(url, connect_timeout=3) as connection:
                connection.execute("SELECT 1")
        except psycopg.OperationalError:
            continue
        return url
    return None


def _run(statement: str) -> None:
    url = server()
    assert url is not None
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute(statement)


def _url(name: str) -> str:
    url = server()
    assert url is not None
    return f"{url.rpartition('/')[0]}/{name}"


@cache
def _template() -> str:
    """Make a database with the schema, once: copying it takes a tenth of making it."""
    name = f"interlock_template_{os.getpid()}"
    _run(f"CREATE DATABASE {name}")
    atexit.register(_run, f"DROP DATABASE {name} WITH (FORCE)")
    PostgresSchema(_url(name)).upgrade()
    return name


@contextmanager
def database(*, empty: bool = False) -> Iterator[str]:
    """Make a database; yield its URL; drop it. Skip loudly without a server."""
    if server() is None:
        message = "NO POSTGRESQL: nothing is tested on it; set INTERLOCK_TEST_POSTGRES"
        assert not os.environ.get("CI"), message
        pytest.skip(message)
    name = f"interlock_test_{os.getpid()}_{next(_numbers)}"
    _run(f"CREATE DATABASE {name} TEMPLATE {'template1' if empty else _template()}")
    try:
        yield _url(name)
    finally:
        _run(f"DROP DATABASE {name} WITH (FORCE)")
