"""A submit in a transaction of the application, whatever connection that has."""

from __future__ import annotations

import sqlite3
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, closing, contextmanager
from pathlib import Path
from typing import Any

import psycopg
import pytest
import sqlalchemy as sa
from psycopg.rows import dict_row
from sqlalchemy.orm import Session, scoped_session, sessionmaker
from sqlmodel import Session as SqlModelSession

import postgres
from e2e import sample_jobs as jobs
from interlock import DuplicateJob, Engine, InvalidOption, JobStatus

#: From a URL, a connection in a transaction: its end is rolled back or committed.
Begin = Callable[[str], AbstractContextManager[tuple[Any, Callable[[str], object]]]]


@pytest.fixture(params=["sqlite", "postgresql", "postgresql in a schema"])
def url(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    if request.param == "sqlite":
        yield f"sqlite:///{tmp_path}/jobs.db"
        return
    with postgres.database(empty=True) as made:
        yield f"{made}?schema=jobs" if "schema" in request.param else made


@pytest.fixture
def engine(url: str) -> Iterator[Engine]:
    with Engine.open(url) as opened:
        yield opened


def _sqlalchemy(url: str) -> sa.Engine:
    plain = url.partition("?")[0]
    return sa.create_engine(plain.replace("postgresql:", "postgresql+psycopg:"))


@contextmanager
def _connection(url: str) -> Iterator[tuple[Any, Callable[[str], object]]]:
    engine = _sqlalchemy(url)
    with engine.connect() as connection:
        yield connection, lambda how: getattr(connection, how)()
    engine.dispose()


def _session(kind: Callable[[sa.Engine], Any]) -> Begin:
    @contextmanager
    def begin(url: str) -> Iterator[tuple[Any, Callable[[str], object]]]:
        engine = _sqlalchemy(url)
        session = kind(engine)
        yield session, lambda how: getattr(session, how)()
        session.close()
        engine.dispose()

    return begin


@contextmanager
def _driver(url: str) -> Iterator[tuple[Any, Callable[[str], object]]]:
    raw: Any
    if url.startswith("sqlite"):
        raw = sqlite3.connect(url.removeprefix("sqlite:///"))
        raw.row_factory = sqlite3.Row
    else:
        raw = psycopg.connect(url.partition("?")[0], row_factory=dict_row)
    with closing(raw):
        yield raw, lambda how: getattr(raw, how)()


BEGINS: dict[str, Begin] = {
    "Connection": _connection,
    "Session": _session(Session),
    "scoped_session": _session(lambda engine: scoped_session(sessionmaker(engine))),
    "SQLModel": _session(SqlModelSession),
    "driver": _driver,
}


@pytest.mark.parametrize("kind", BEGINS)
def test_the_job_is_there_when_the_application_commits(
    engine: Engine, url: str, kind: str
) -> None:
    with BEGINS[kind](url) as (connection, end):
        handle = engine.submit(jobs.add.options(connection=connection), 1)
        assert engine.counts()[JobStatus.PENDING] == 0
        end("commit")
    assert handle.job().params == {"left": 1}


@pytest.mark.parametrize("kind", BEGINS)
def test_the_job_is_gone_when_the_application_rolls_back(
    engine: Engine, url: str, kind: str
) -> None:
    with BEGINS[kind](url) as (connection, end):
        options = jobs.add.options(connection=connection, unique_key="k")
        handle = engine.submit(options, 1)
        with pytest.raises(DuplicateJob):
            engine.submit(options, 2)
        assert engine.submit_many([options.options(unique_key="l").call(3)])
        end("rollback")
    assert engine.counts()[JobStatus.PENDING] == 0
    assert handle.id


def test_a_part_of_a_transaction_is_undone_alone(engine: Engine, url: str) -> None:
    if url.startswith("sqlite"):
        pytest.skip("the driver of sqlite3 begins no savepoint by itself")
    plain = url.partition("?")[0]
    with psycopg.connect(plain, autocommit=True) as raw, raw.transaction():
        kept = engine.submit(jobs.add.options(connection=raw), 1)
        with raw.transaction(force_rollback=True):
            engine.submit(jobs.add.options(connection=raw), 2)
    assert [job.id for job in engine.search().items] == [kept.id]


@pytest.mark.parametrize("kind", [kind for kind in BEGINS if kind != "driver"])
def test_a_nested_block_is_undone_alone(engine: Engine, url: str, kind: str) -> None:
    if url.startswith("sqlite"):
        pytest.skip("the driver of sqlite3 begins no savepoint by itself")
    with BEGINS[kind](url) as (connection, end):
        options = jobs.add.options(connection=connection)
        kept = [engine.submit(options, 1)]
        outer = connection.begin_nested()
        engine.submit(options, 2)
        with connection.begin_nested():
            engine.submit_many([options.call(3)])
        outer.rollback()
        with connection.begin_nested():
            kept.append(engine.submit(options, 4))
        end("commit")
    assert {job.id for job in engine.search().items} == {h.id for h in kept}


def test_a_connection_that_is_in_no_transaction_is_refused(
    engine: Engine, url: str
) -> None:
    plain = url.partition("?")[0]
    automatic: Any
    if url.startswith("sqlite"):
        automatic = sqlite3.connect(
            url.removeprefix("sqlite:///"), isolation_level=None
        )
    else:
        automatic = psycopg.connect(plain, autocommit=True)
    with closing(automatic), pytest.raises(InvalidOption, match="autocommit mode"):
        engine.submit(jobs.add.options(connection=automatic), 1)
    other = _sqlalchemy(url).execution_options(isolation_level="AUTOCOMMIT")
    with other.connect() as opened, pytest.raises(InvalidOption, match="autocommit"):
        engine.submit(jobs.add.options(connection=opened), 1)
    other.dispose()
    assert engine.counts()[JobStatus.PENDING] == 0


def test_a_connection_to_another_kind_of_database_is_refused(engine: Engine) -> None:
    kind = engine._store.database.flavor.dialect  # type: ignore[attr-defined]  # a SqlStore
    if kind == "sqlite":
        pytest.skip("tried from the other side")
    refused = pytest.raises(InvalidOption, match="is to sqlite, but this Engine")
    with closing(sqlite3.connect(":memory:")) as raw, refused:
        engine.submit(jobs.add.options(connection=raw), 1)


@pytest.mark.parametrize("connection", ["sqlite://", 7, object()])
def test_what_is_no_connection_is_refused(engine: Engine, connection: object) -> None:
    with pytest.raises(InvalidOption, match="Django's connection"):
        engine.submit(jobs.add.options(connection=connection), 1)


_DJANGO = """
import sys, django
from django.conf import settings
url, name, kind = sys.argv[1:]
engine = "django.db.backends." + kind
settings.configure(DATABASES={"default": {"ENGINE": engine, "NAME": name,
    "USER": "USER_", "HOST": "HOST_", "PORT": "PORT_"}})
django.setup()
from django.db import connection, transaction
from interlock import Engine, InvalidOption, job

@job
def pack(left: int) -> int:
    return left

def submit(left):
    return engine.submit(pack.options(connection=connection), left).id

with Engine.open(url) as engine:
    try:
        submit(1)
    except InvalidOption as error:
        assert "transaction.atomic()" in str(error), error
    with transaction.atomic():
        kept = submit(2)
        try:
            with transaction.atomic():
                submit(3)
                raise RuntimeError
        except RuntimeError:
            pass
    with transaction.atomic():
        submit(4)
        transaction.set_rollback(True)
    assert [job.id for job in engine.search().items] == [kept]
"""


def test_djangos_connection_is_shared(url: str, tmp_path: Path) -> None:
    parsed = sa.make_url(url.partition("?")[0])
    kind = "sqlite3" if url.startswith("sqlite") else "postgresql"
    text = _DJANGO
    for word, value in (
        ("USER_", parsed.username),
        ("HOST_", parsed.host),
        ("PORT_", parsed.port),
    ):
        text = text.replace(word, str(value or ""))
    script = tmp_path / "shop.py"
    script.write_text(text)
    done = subprocess.run(
        [sys.executable, script, url, str(parsed.database), kind],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize("kind", BEGINS)
@pytest.mark.parametrize("how", ["commit", "rollback"])
def test_a_job_is_replaced_in_the_transaction_of_the_application(
    engine: Engine, url: str, kind: str, how: str
) -> None:
    keyed = jobs.add.options(unique=["left"], unique_for=60, on_conflict="debounce")
    old = engine.submit(keyed, 1)
    with BEGINS[kind](url) as (connection, end):
        new = engine.submit(keyed.options(connection=connection), 1)
        assert old.job().status is JobStatus.PENDING
        end(how)
    is_done = how == "commit"
    replaced = old.job()
    assert replaced.status is (JobStatus.CANCELED if is_done else JobStatus.PENDING)
    assert [job.id for job in engine.search(statuses=["PENDING"]).items] == [
        new.id if is_done else old.id
    ]
    engine.cancel(new.id if is_done else old.id)
    with pytest.raises(DuplicateJob, match="keeps the key until") as caught:
        engine.submit(keyed, 1)
    assert caught.value.job_id == (new.id if is_done else old.id)
    assert engine.verify() == []
