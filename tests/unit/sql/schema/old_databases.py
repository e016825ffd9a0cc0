"""Databases as an older version made them: dumps of real ones, with jobs in them."""

from __future__ import annotations

import os
import socket
import sqlite3
from collections.abc import Iterator, Mapping
from contextlib import closing, contextmanager
from datetime import datetime
from pathlib import Path
from typing import Protocol

import psycopg

import postgres
from interlock.ports.clock import boot_id
from interlock_adapters.sql.schema.column_types import to_us
from interlock_adapters.sql.schema.flavor import POSTGRES

_DUMPS = Path(__file__).parent / "dumps"
#: How many jobs of each status a dump holds.
COUNTS = {"PENDING": 2, "SUCCEEDED": 2, "FAILED": 1, "TIMEOUT": 1, "CANCELED": 2}
COUNTS_0003 = {
    "PENDING": 4,
    "RUNNING": 3,
    "SUCCEEDED": 7,
    "FAILED": 1,
    "TIMEOUT": 1,
    "CANCELED": 1,
}
#: The results of the jobs `v-NAME` of dump 0003, which are their params and metadata.
VALUES_0003 = {
    "text": "a",
    "yes": True,
    "nothing": None,
    "list": [1.5, "x", {"k": []}],
    "big": 1e300,
    "half": 0.5,
    "int": 12,
}


class OldDatabase(Protocol):
    """A database, and raw SQL in it."""

    url: str

    def run(self, *statements: str) -> None:
        """Run statements as whoever owns it."""
        ...

    def version(self) -> str:
        """Return the version of its schema."""
        ...


class _Sqlite:
    def __init__(self, path: Path) -> None:
        self.path = path
        self.url = f"sqlite:///{path}"

    def run(self, *statements: str) -> None:
        with closing(sqlite3.connect(self.path, isolation_level=None)) as raw:
            for statement in statements:
                raw.executescript(statement)

    def version(self) -> str:
        query = "SELECT version_num FROM interlock_schema_version"
        with closing(sqlite3.connect(self.path)) as raw:
            return str(raw.execute(query).fetchone()[0])


class _Postgres:
    def __init__(self, url: str) -> None:
        self.url = url

    def run(self, *statements: str) -> None:
        with psycopg.connect(self.url, autocommit=True) as raw:
            for statement in statements:
                raw.execute(statement.encode())

    def version(self) -> str:
        query = "SELECT version_num FROM interlock_schema_version"
        with psycopg.connect(self.url) as raw:
            (found,) = raw.execute(query).fetchone() or ("",)
            return str(found)


@contextmanager
def empty_database(kind: str, folder: Path) -> Iterator[OldDatabase]:
    """Yield a database without a table."""
    if kind == POSTGRES:
        with postgres.database(empty=True) as url:
            yield _Postgres(url)
    else:
        yield _Sqlite(folder / "jobs.db")


@contextmanager
def old_database(kind: str, folder: Path, version: str) -> Iterator[OldDatabase]:
    """Yield a database that the code of an older version made."""
    with empty_database(kind, folder) as made:
        made.run((_DUMPS / f"{version}.{kind}.sql").read_text(encoding="utf-8"))
        yield made


def worker_seen(kind: str, at: datetime, **other: object) -> str:
    """Return the INSERT of a worker of schema 0002: by default this very process."""
    when: object = at.isoformat() if kind == POSTGRES else to_us(at)
    row: Mapping[str, object] = {
        "id": "w-old",
        "host": socket.gethostname(),
        "pid": os.getpid(),
        "boot_id": boot_id(),
        "containment": "namespace",
        "concurrency": 1,
        "started_at": when,
        "seen_at": when,
        **other,
    }
    values = ", ".join(f"'{v}'" if isinstance(v, str) else str(v) for v in row.values())
    return f"INSERT INTO worker ({', '.join(row)}) VALUES ({values})"
