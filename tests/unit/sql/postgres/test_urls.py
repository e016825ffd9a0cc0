"""What a PostgreSQL URL says is kept, and what the driver depends on is set."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import psycopg
import pytest
import sqlalchemy as sa

import postgres
from interlock import DuplicateJob, Engine, JobStatus, StoreUnavailable
from interlock.core.lifecycle import Event, Proof
from interlock.ports import discovery
from interlock.testing.clock import ManualClock
from interlock.testing.scenario import Scenario
from interlock_adapters.sql.postgres import connection
from interlock_adapters.sql.postgres import postgres as postgres_store
from interlock_adapters.sql.store.store import SqlStore

HOSTILE = {
    "datestyle": "'SQL, DMY'",
    "timezone": "'Asia/Kolkata'",
    "client_encoding": "'LATIN1'",
    "default_transaction_isolation": "'serializable'",
    "extra_float_digits": "'-15'",
    "standard_conforming_strings": "off",
    "intervalstyle": "'sql_standard'",
    "bytea_output": "'escape'",
    "statement_timeout": "'1ms'",
    "lock_timeout": "'1ms'",
    "jit_above_cost": "0",
    "plan_cache_mode": "'force_generic_plan'",
    "enable_indexscan": "off",
}


@pytest.fixture
def url() -> Iterator[str]:
    with postgres.database(empty=True) as made:
        yield made


def _run(url: str, *statements: str) -> list[tuple[object, ...]]:
    with psycopg.connect(url, autocommit=True) as raw:
        cursor = raw.cursor()
        for statement in statements:
            cursor.execute(statement.encode())
        return cursor.fetchall() if cursor.description else []


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        ("postgresql://u@h/d", {"user": "u", "host": "h", "dbname": "d"}),
        ("postgres://u:p@h:5/d", {"port": "5", "password": "p"}),
        ("postgresql+psycopg://u@h/d", {"host": "h"}),
        ("postgresql://u:a%40b:c%2F%25@h/d", {"password": "a@b:c/%", "host": "h"}),
        ("postgresql:///d?host=/run/pg&user=x", {"host": "/run/pg", "user": "x"}),
        ("postgresql://u@h/d?sslmode=require", {"sslmode": "require"}),
        ("postgresql://u@h/d?application_name=mine", {"application_name": "mine"}),
        ("postgresql://u@h/d?connect_timeout=3", {"connect_timeout": "3"}),
        (
            "postgresql://u:p%40@a:1,b:2/d?target_session_attrs=read-write&schema=s",
            {
                "host": "a,b",
                "port": "1,2",
                "password": "p@",
                "target_session_attrs": "read-write",
            },
        ),
    ],
)
def test_what_a_url_says_is_kept(url: str, expected: dict[str, str]) -> None:
    parameters = connection.target(url).parameters
    assert {name: parameters[name] for name in expected} == expected
    assert "schema" not in parameters


def test_options_of_a_url_are_merged_and_count_last() -> None:
    own = "-c%20statement_timeout=7s%20-c%20work_mem=8MB"
    where = connection.target(f"postgresql://h/d?options={own}")
    options = connection.session_parameters(where)["options"]
    assert options.endswith("-c statement_timeout=7s -c work_mem=8MB")
    assert "lock_timeout=10s" in options


def test_the_password_is_not_shown() -> None:
    where = connection.target("postgresql://u:secret@a:1,b:2/d").where
    assert where == "postgresql://u@a,b:1,2/d"


@pytest.mark.parametrize("name", ["a-b", "x" * 64, "1a", 'a"b', "a.b"])
def test_a_schema_that_is_no_name_is_refused(name: str) -> None:
    with pytest.raises(StoreUnavailable, match="Invalid schema name"):
        connection.target(f"postgresql://h/d?schema={name}")


def test_where_to_listen_is_a_host_or_a_url() -> None:
    said = "postgresql://u:p@pool:6432/d?sslmode=require&listen="
    near = connection.target(f"{said}db.internal").listen
    assert near is not None
    expected = {"user": "u", "password": "p", "host": "db.internal", "port": "5432"}
    expected |= {"dbname": "d", "sslmode": "require"}
    assert {name: near.parameters[name] for name in expected} == expected
    other = connection.target(f"{said}[::1]:5433").listen
    assert other is not None
    assert (other.parameters["host"], other.parameters["port"]) == ("::1", "5433")
    url = connection.target(f"{said}postgresql%3A%2F%2Fv%40h%3A5%2Fe").listen
    assert url is not None
    assert url.where == "postgresql://v@h:5/e"
    many = connection.target("postgresql://u:p%40@a:1,b:2/d?listen=a:1").listen
    assert many is not None
    assert many.where == "postgresql://u@a:1/d"


@pytest.mark.parametrize(
    ("query", "message"),
    [
        ("listen=host:x", r"Invalid listen='host:x'.*listen=HOST:PORT"),
        ("pooler=session", "Invalid pooler='session'.*pooler=transaction"),
    ],
)
def test_what_a_url_says_of_a_pooler_is_checked(query: str, message: str) -> None:
    for url in ("postgresql://u@h/d", "postgresql://u@a:1,b:2/d"):
        with pytest.raises(StoreUnavailable, match=message):
            connection.target(f"{url}?{query}")


def test_a_url_that_nobody_can_read_is_refused_with_the_form() -> None:
    with pytest.raises(StoreUnavailable, match=r"cannot be read.*%40 for @"):
        connection.target("postgresql://u@h:x/d?nonsense=1")


def test_defaults_of_a_database_and_a_role_change_nothing(url: str) -> None:
    name = url.rpartition("/")[2]
    changes = [f"ALTER DATABASE {name} SET {k} = {v}" for k, v in HOSTILE.items()]
    _run(url, *changes)
    clock = ManualClock()
    store = postgres_store.open_store(url, clock)
    scene = Scenario(store, clock)
    store.set_limit("name:f", 1)
    value = {"text": "\u00e9\U0001f600", "number": 0.1 + 0.2, "back": "a\\b"}
    fields: dict[str, Any] = {
        "params": value,
        "metadata": value,
        "queue": "\u00e9\U0001f600",
    }
    job = scene.running(name="f", timeout_s=0.1 + 0.2, **fields)
    assert store.get(job.id).queue == fields["queue"]
    assert (job.params, job.timeout_s, job.created_at) == (
        value,
        0.1 + 0.2,
        clock.now(),
    )
    scene.apply(job, Event.SUCCEED, proof=Proof.CGROUP, result=value)
    assert store.get(job.id).result == value
    with store.database.engine.connect() as opened:
        level = opened.exec_driver_sql("SHOW transaction_isolation").scalar()
    assert level == "read committed"
    assert store.verify() == []
    store.close()


def test_each_schema_of_a_database_has_its_own_jobs(url: str) -> None:
    _run(url, "CREATE TABLE job (mine text)", "INSERT INTO job VALUES ('kept')")
    with (
        Engine.open(f"{url}?schema=one") as one,
        Engine.open(f"{url}?schema=two") as two,
        Engine.open(url) as plain,
    ):
        scenes = [
            Scenario(engine._store, ManualClock()) for engine in (one, two, plain)
        ]
        for number, scene in enumerate(scenes, start=1):
            scene.store.add([scene.new() for _ in range(number)])
        counts = [e.counts()[JobStatus.PENDING] for e in (one, two, plain)]
        assert counts == [1, 2, 3]
        assert [e.verify() for e in (one, two, plain)] == [[], [], []]
    assert _run(url, "SELECT mine FROM job") == [("kept",)]
    query = (
        "SELECT nspname FROM pg_namespace WHERE nspname IN ('one', 'two') ORDER BY 1"
    )
    assert _run(url, query) == [("one",), ("two",)]


def test_the_guards_keep_to_their_schema_whoever_writes(url: str) -> None:
    with Engine.open(f"{url}?schema=one") as engine:
        scene = Scenario(engine._store, ManualClock())
        scene.running("j")
    with pytest.raises(psycopg.errors.CheckViolation, match="must carry write_attempt"):
        _run(
            url,
            "SET search_path = public",
            "UPDATE one.interlock_job SET status = 'SUCCEEDED', event = 'succeed'",
        )
    moved = "UPDATE one.interlock_job SET event = 'request_cancel', cancel_requested_at"
    _run(url, f"SET search_path = public; {moved} = now()")
    (entry,) = _run(url, "SELECT event, actor FROM one.interlock_history WHERE seq = 3")
    assert entry == ("request_cancel", "sql")


def test_the_guards_keep_to_their_schema_whatever_is_made_later(url: str) -> None:
    with Engine.open(url) as engine:
        Scenario(engine._store, ManualClock()).running("j")
        ((user,),) = _run(url, "SELECT quote_ident(current_user)")
        table = f"{user}.interlock_history"  # the default path begins with "$user"
        _run(
            url,
            f"CREATE SCHEMA {user}",
            f"CREATE TABLE {table} (LIKE public.interlock_history)",
            "UPDATE public.interlock_job SET event = 'request_cancel',"
            " cancel_requested_at = now()",
        )
        assert _run(url, f"SELECT count(*) FROM {table}") == [(0,)]
        assert _run(url, "SELECT count(*) FROM public.interlock_history") == [(3,)]
        _run(url, f"DROP SCHEMA {user} CASCADE")
        assert engine.verify() == []


def test_a_role_may_be_granted_a_schema(url: str) -> None:
    discovery.upgrade_store(f"{url}?schema=one")
    role = f"r_{url.rpartition('/')[2]}"
    _run(url, f"CREATE ROLE {role} LOGIN")
    try:
        discovery.grant_store(f"{url}?schema=one", role)
        _run(url, f"SET ROLE {role}; SELECT count(*) FROM one.interlock_job")
    finally:
        _run(url, f"DROP OWNED BY {role}", f"DROP ROLE {role}")


def test_a_search_path_without_a_schema_says_what_to_do(url: str) -> None:
    _run(url, f"ALTER DATABASE {url.rpartition('/')[2]} SET search_path = nowhere")
    with pytest.raises(StoreUnavailable, match=r"Add \?schema=NAME"):
        Engine.open(url)
    with Engine.open(f"{url}?schema=somewhere") as engine:
        assert engine.counts()[JobStatus.PENDING] == 0


def test_connections_that_can_only_read_are_dropped(url: str) -> None:
    with Engine.open(url) as engine:
        scene = Scenario(engine._store, ManualClock())
        store = scene.store
        assert isinstance(store, SqlStore)
        with store.database.engine.connect() as opened:  # as after a failover
            opened.exec_driver_sql("SET default_transaction_read_only = on")
            opened.commit()
        with pytest.raises(StoreUnavailable, match="read-only"):
            scene.add()
        assert scene.add().status is JobStatus.PENDING


def test_a_submit_is_one_statement_that_commits_by_itself(url: str) -> None:
    with Engine.open(url) as engine:
        scene = Scenario(engine._store, ManualClock())
        store = scene.store
        assert isinstance(store, SqlStore)
        scene.add("first")  # a connection is open
        statements: list[tuple[str, bool]] = []

        def note(*call: Any) -> None:
            raw = call[0].connection.dbapi_connection
            statements.append((str(call[2])[:25], raw.autocommit))

        sa.event.listen(store.database.engine, "before_cursor_execute", note)
        scene.add("second")
        assert statements == [("INSERT INTO interlock_job", True)]
        with pytest.raises(DuplicateJob):
            scene.add("second")
        assert engine.counts()[JobStatus.PENDING] == 2


def test_a_connection_that_the_server_has_closed_is_not_used(url: str) -> None:
    name = url.rpartition("/")[2]
    with Engine.open(url) as engine:
        scene = Scenario(engine._store, ManualClock())
        scene.add()
        _run(
            url,
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
            f" WHERE datname = '{name}' AND pid <> pg_backend_pid()",
            "SELECT pg_sleep(0.1)",
        )
        assert scene.add().status is JobStatus.PENDING


@pytest.mark.parametrize("port", ["0", "-5", "65536", "99999", "abc"])
def test_a_port_that_no_server_has_is_refused(port: str) -> None:
    for url in (
        f"postgresql://postgres@127.0.0.1:{port}/jobs",
        f"postgresql://postgres@/jobs?host=one,two&port=5432,{port}",
    ):
        with pytest.raises(StoreUnavailable, match=r"Invalid port .* Use 1 to 65535"):
            connection.target(url)


def test_an_address_that_is_cut_off_is_refused_in_words() -> None:
    with pytest.raises(StoreUnavailable, match="cannot be read"):
        connection.target("postgresql://[::1/jobs")
