"""A PostgreSQL server for the tests, and an empty database for each of them."""

from __future__ import annotations

import atexit
import itertools
import os
import pwd
import shutil
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

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
        if _answers(url):
            return url
    return None if given else _start_one()


def _answers(url: str) -> bool:
    try:
        with psycopg.connect(url, connect_timeout=3) as connection:
            connection.execute("SELECT 1")
    except psycopg.OperationalError:
        return False
    return True


def _start_one() -> str | None:
    """Start a server of our own from installed binaries, until the tests are over."""
    found = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"))
    initdb = str(found[-1]) if found else shutil.which("initdb")
    if initdb is None:
        return None
    folder = Path(tempfile.mkdtemp(prefix="interlock-postgres-", dir="/tmp"))
    as_other: dict[str, Any] = {"cwd": "/", "stdout": subprocess.DEVNULL}
    if os.getuid() == 0:  # the server refuses to run as root
        other = pwd.getpwnam("postgres" if found else "nobody")
        os.chown(folder, other.pw_uid, other.pw_gid)
        as_other |= {"user": other.pw_uid, "group": other.pw_gid, "extra_groups": []}
    init = [initdb, "-D", str(folder / "data"), "-U", "postgres", "-A", "trust"]
    subprocess.run([*init, "-E", "UTF8", "--no-locale"], check=True, **as_other)
    program = str(Path(initdb).with_name("postgres"))
    options = ["-h", "", "-k", str(folder), "-c", "fsync=off"]
    process = subprocess.Popen(
        [program, "-D", str(folder / "data"), *options],
        stderr=subprocess.DEVNULL,
        **as_other,
    )
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    atexit.register(process.wait)
    atexit.register(process.terminate)
    url = f"postgresql://postgres@/postgres?host={folder}"
    until = time.monotonic() + 30
    while not _answers(url) and time.monotonic() < until:
        time.sleep(0.1)
    return url


def _run(statement: str) -> None:
    url = server()
    assert url is not None
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute(statement)


def _url(name: str) -> str:
    url = server()
    assert url is not None
    return urlsplit(url)._replace(path=f"/{name}").geturl()


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
        assert not os.environ.get("INTERLOCK_REQUIRE_POSTGRES"), message
        pytest.skip(message)
    name = f"interlock_test_{os.getpid()}_{next(_numbers)}"
    _run(f"CREATE DATABASE {name} TEMPLATE {'template1' if empty else _template()}")
    try:
        yield _url(name)
    finally:
        _run(f"DROP DATABASE {name} WITH (FORCE)")
