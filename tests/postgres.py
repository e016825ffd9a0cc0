"""A PostgreSQL server for the tests, and an empty database for each of them.

The server is one of our own that never waits for a disk: to make a database takes a
third of the time then. Where none can be started, it is that of the machine.
"""

from __future__ import annotations

import atexit
import itertools
import os
import pwd
import shutil
import socket
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import psycopg
import pytest

from interlock_adapters.sql.postgres.postgres import PostgresSchema
from pace import deadline

_numbers = itertools.count(1)
_CANDIDATES = (
    "postgresql://postgres@127.0.0.1:5432/postgres",
    "postgresql://root@127.0.0.1:5432/postgres",
)


@cache
def server() -> str | None:
    """Return the URL of a server where databases may be made, None without any."""
    given = os.environ.get("INTERLOCK_TEST_POSTGRES")
    if given == "none":  # as in `make quick`
        return None
    if given:
        return given if _answers(given) else None
    return _start_one() or next(filter(_answers, _CANDIDATES), None)


def _answers(url: str) -> bool:
    try:
        with psycopg.connect(url, connect_timeout=3) as connection:
            connection.execute("SELECT 1")
    except psycopg.OperationalError:
        return False
    return True


class OwnServer:
    """A server of our own from installed binaries, that a test may kill."""

    def __init__(
        self,
        initdb: str,
        address: str = "",
        *options: str,
        port: int = 5432,
        backup: str = "",
    ) -> None:
        """Make and start it; `address` is one to listen on beside its socket.

        With a `backup` (the output folder of pg_basebackup) it recovers that one to its
        end, on a timeline of its own.
        """
        self._address = address
        self._options = (f"--port={port}", *options)
        self._folder = Path(tempfile.mkdtemp(prefix="interlock-postgres-", dir="/tmp"))
        self._as_other: dict[str, Any] = {"cwd": "/", "stdout": subprocess.DEVNULL}
        if os.getuid() == 0:  # the server refuses to run as root
            debian = initdb.startswith("/usr/lib/postgresql")
            other = pwd.getpwnam("postgres" if debian else "nobody")
            os.chown(self._folder, other.pw_uid, other.pw_gid)
            self._as_other |= {"user": other.pw_uid, "group": other.pw_gid}
            self._as_other |= {"extra_groups": []}
        self.data = str(self._folder / "data")
        self._pg_ctl = [str(Path(initdb).with_name("pg_ctl")), "-w", "-D", self.data]
        if backup:
            self._restore(backup)
        else:
            init = [initdb, "-D", self.data, "-U", "postgres", "-A", "trust"]
            init += ["-E", "UTF8", "--no-locale", "--no-sync"]
            subprocess.run(init, check=True, **self._as_other)
        with Path(self.data, "pg_hba.conf").open("a") as rules:
            rules.write(f"host all all {address}/24 trust\n" if address else "")
        self.url = f"postgresql://postgres@/postgres?port={port}&host={self._folder}"
        self.socket = str(self._folder / f".s.PGSQL.{port}")
        self.start()

    def _restore(self, backup: str) -> None:
        shutil.copytree(backup, self.data)
        Path(self.data, "recovery.signal").touch()
        with Path(self.data, "postgresql.auto.conf").open("a") as settings:
            settings.write("restore_command = 'false'\n")
        for path in (self.data, *map(str, Path(self.data).rglob("*"))):
            if os.getuid() == 0:
                os.chown(path, self._as_other["user"], self._as_other["group"])
        Path(self.data).chmod(0o700)

    def start(self) -> None:
        """Start it, and wait until it answers. It is nobody's child then.

        A test that kills all that it has started does not kill it.
        """
        options = f"-h '{self._address}' -k {self._folder} {' '.join(self._options)}"
        log = str(self._folder / "log")
        patience = str(round(deadline(30)))
        start = [*self._pg_ctl, "-t", patience, "-l", log, "-o", options, "start"]
        subprocess.run(start, check=True, **self._as_other)

    @property
    def pid(self) -> int:
        """Its first process, above all others."""
        return int(Path(self.data, "postmaster.pid").read_text().split()[0])

    def stop_at_once(self) -> None:
        """Stop it as a crash would."""
        stop = [*self._pg_ctl, "-m", "immediate", "stop"]
        subprocess.run(stop, check=False, stderr=subprocess.DEVNULL, **self._as_other)

    def remove(self) -> None:
        """Stop it and forget its data."""
        self.stop_at_once()
        shutil.rmtree(self._folder, ignore_errors=True)


def initdb() -> str | None:
    """Return the program that makes a server's folder, None where none is installed."""
    programs = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"))
    return str(programs[-1]) if programs else shutil.which("initdb")


def _start_one() -> str | None:
    """Start a server of our own, until the tests are over."""
    program = initdb()
    if program is None:
        return None
    off = ("fsync", "full_page_writes", "synchronous_commit")  # nothing of it is kept
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    options = [f"--{name}=off" for name in off]
    started = OwnServer(program, "127.0.0.1", *options, port=port)
    atexit.register(started.remove)
    return f"postgresql://postgres@127.0.0.1:{port}/postgres"


@cache
def _connection() -> psycopg.Connection:
    """Return one for all databases that are made and dropped."""
    url = server()
    assert url is not None
    opened = psycopg.connect(url, autocommit=True)
    atexit.register(opened.close)
    return opened


def _run(statement: str) -> None:
    _connection().execute(statement.encode())


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
