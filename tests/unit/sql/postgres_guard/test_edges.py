"""The cases of `sqlite_guard.test_edges`, on a real PostgreSQL server."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager

import psycopg
import pytest

import postgres
from interlock import SchemaMismatch
from interlock.core.lifecycle import EDGES, Event
from interlock.testing.clock import ManualClock
from interlock.testing.guard_cases import met
from interlock.testing.scenario import Scenario
from interlock_adapters.sql.postgres.postgres import open_store
from unit.sql.sqlite_guard import test_edges
from unit.sql.sqlite_guard.raw import Raw, move

_TIMES = re.compile(
    r"(finished_at|started_at|cancel_requested_at|event_at) = (\d)\b(?! AND)"
)


class PostgresRaw(Raw):
    """Raw SQL over a connection of its own, in the words of SQLite."""

    def __init__(self, url: str, scene: Scenario) -> None:
        self.url = url
        self.scene = scene
        self.client = psycopg.connect(url, autocommit=True)

    def run(self, sql: str, *values: object) -> int:
        text = _TIMES.sub(r"\1 = to_timestamp(\2)", sql).replace("?", "%s")
        return self.client.execute(text.encode(), values).rowcount

    def accepts(self, sql: str, *values: object) -> bool:
        with self.undone():
            try:
                return self.run(sql, *values) > 0
            except psycopg.IntegrityError:
                return False

    def refuse(self, sql: str, *values: object, why: str = "") -> None:
        with pytest.raises(psycopg.IntegrityError, match=f"interlock: .*{why}"):
            self.run(sql, *values)

    @contextmanager
    def undone(self) -> Iterator[None]:
        with self.client.transaction(force_rollback=True):
            yield

    def close(self) -> None:
        self.client.close()


@pytest.fixture
def raw() -> Iterator[PostgresRaw]:
    clock = ManualClock()
    with postgres.database() as url:
        store = open_store(url, clock)
        made = PostgresRaw(url, Scenario(store, clock))
        yield made
        made.close()
        store.close()


@pytest.mark.parametrize("token", [False, True], ids=["bare", "token"])
def test_only_what_the_table_allows_passes(raw: PostgresRaw, *, token: bool) -> None:
    test_edges.test_only_what_the_table_allows_passes(raw, token=token)


def test_a_legal_move_by_hand_is_logged_and_leaves_the_job_sound(
    raw: PostgresRaw,
) -> None:
    test_edges.test_a_legal_move_by_hand_is_logged_and_leaves_the_job_sound(raw)


def test_a_stale_attempt_is_refused_even_without_a_where(raw: PostgresRaw) -> None:
    test_edges.test_a_stale_attempt_is_refused_even_without_a_where(raw)


def test_one_illegal_row_refuses_the_whole_statement(raw: PostgresRaw) -> None:
    test_edges.test_one_illegal_row_refuses_the_whole_statement(raw)


def test_a_terminal_row_is_frozen(raw: PostgresRaw) -> None:
    for row in EDGES:
        if row.target.is_terminal:
            job = raw.scene.arrange(row, next(met(row)))
            raw.run(move(row.event, row.target) + " WHERE id = ?", job.id)
            raw.refuse("UPDATE interlock_job SET priority = 9 WHERE id = ?", job.id)
            raw.refuse(
                "UPDATE interlock_job SET write_seq = write_seq + 1 WHERE id = ?",
                job.id,
            )


def test_the_records_are_append_only(raw: PostgresRaw) -> None:
    job = raw.scene.after(Event.CLAIM)
    raw.refuse("UPDATE interlock_history SET actor = 'nobody'")
    raw.refuse("DELETE FROM interlock_history WHERE job_id = ?", job.id)
    raw.refuse("DELETE FROM interlock_attempt WHERE job_id = ?", job.id)
    raw.refuse("DELETE FROM interlock_job WHERE id = ?", job.id)
    raw.refuse("UPDATE interlock_lifecycle SET target = 'PENDING'")
    for table in ("job", "history", "attempt", "lifecycle"):
        raw.refuse(f"TRUNCATE interlock_{table}")


@pytest.mark.parametrize(
    "attack",
    [
        "ALTER TABLE interlock_job DISABLE TRIGGER interlock_job_update",
        "ALTER TABLE interlock_job ENABLE TRIGGER interlock_job_update",
        "DROP TRIGGER interlock_history_delete ON interlock_history",
        "CREATE OR REPLACE FUNCTION interlock_job_delete() RETURNS trigger"
        " LANGUAGE plpgsql AS 'BEGIN RETURN OLD; END'",
    ],
)
def test_a_weakened_guard_is_noticed(raw: PostgresRaw, attack: str) -> None:
    raw.run(attack)
    with pytest.raises(SchemaMismatch, match="Guards of the database"):
        open_store(raw.url)


def test_a_session_that_plays_replica_is_refused_too(raw: PostgresRaw) -> None:
    job = raw.scene.after(Event.CANCEL)
    raw.run("SET session_replication_role = replica")
    raw.refuse("UPDATE interlock_job SET priority = 9 WHERE id = ?", job.id)
