"""The guards are what the table generates, and a file without them is refused."""

import shutil
import sqlite3
import subprocess
from pathlib import Path

import pytest

from interlock.core.errors import SchemaMismatch
from interlock.core.lifecycle import EDGES, TERMINAL, Event, JobStatus, Transition
from interlock.testing.clock import ManualClock
from interlock_adapters.sql.schema import guard_sql, trigger_rules, triggers, upgrade
from interlock_adapters.sql.sqlite.sqlite import open_store
from interlock_adapters.sql.store.store import SqlStore

from .raw import Raw, move

WANTED = triggers.triggers()
NOW = ManualClock().now()
CLIENT = shutil.which("sqlite3")


@pytest.fixture
def store(path: Path) -> SqlStore:
    store = _open(path)
    store.close()
    return store


def _open(path: Path) -> SqlStore:
    return open_store(f"sqlite:///{path}", ManualClock())


def _tamper(path: Path, *statements: str) -> None:
    raw = sqlite3.connect(path, isolation_level=None)
    for statement in statements:
        raw.execute(statement)
    raw.close()


def _refused_until_repaired(store: SqlStore, path: Path, name: str) -> None:
    with pytest.raises(SchemaMismatch, match=rf"removed or changed: {name}\."):
        _open(path)
    with store.database._writer.begin() as connection:
        upgrade.upgrade(connection, now=NOW)
    store.close()
    _open(path).close()


@pytest.mark.parametrize("name", WANTED)
def test_a_file_without_one_guard_is_refused_until_upgraded(
    store: SqlStore, path: Path, name: str
) -> None:
    _tamper(path, f"DROP TRIGGER {name}")
    _refused_until_repaired(store, path, name)


@pytest.mark.parametrize("name", WANTED)
def test_a_file_with_a_weaker_guard_is_refused_until_upgraded(
    store: SqlStore, path: Path, name: str
) -> None:
    begin, body = WANTED[name].split("BEGIN\n")
    weaker = f"{begin}BEGIN\n  SELECT 1;\n{body}"
    assert weaker != WANTED[name]
    _tamper(path, f"DROP TRIGGER {name}", weaker)
    _refused_until_repaired(store, path, name)


def test_a_file_with_a_trigger_of_somebody_else_on_jobs_is_refused(
    store: SqlStore, path: Path
) -> None:
    _tamper(
        path,
        "CREATE TRIGGER mine AFTER UPDATE ON interlock_job"
        " BEGIN DELETE FROM interlock_queue; END",
    )
    _refused_until_repaired(store, path, "mine")


def test_a_file_with_an_edge_more_is_refused_until_upgraded(
    store: SqlStore, path: Path
) -> None:
    seal = f"{triggers.PREFIX}lifecycle_insert"
    _tamper(
        path,
        f"DROP TRIGGER {seal}",
        "INSERT INTO interlock_lifecycle"
        " VALUES ('undo', 'PENDING', 'SUCCEEDED', 'client')",
        WANTED[seal],
    )
    with pytest.raises(SchemaMismatch):
        _open(path)
    with store.database._writer.begin() as connection:
        upgrade.upgrade(connection, now=NOW)
    store.close()
    _open(path).close()


def test_an_upgrade_of_a_sound_file_keeps_its_jobs(raw: Raw) -> None:
    jobs = [raw.scene.after(event) for event in (Event.CLAIM, Event.CANCEL)]
    store = raw.scene.store
    assert isinstance(store, SqlStore)
    with store.database._writer.begin() as connection:
        assert upgrade.check(connection)
        upgrade.upgrade(connection, now=NOW)
        assert upgrade.check(connection)
    assert [store.get(job.id) for job in jobs] == jobs
    assert store.verify() == []


@pytest.mark.parametrize("row", EDGES, ids=lambda row: str(row.event))
def test_every_guard_that_a_row_can_show_is_in_the_triggers(row: Transition) -> None:
    text = WANTED[f"{triggers.PREFIX}job_update"]
    of_row, of_tables = guard_sql.visible(row.event)
    clocked = [g for g in row.guards if "now" in guard_sql.SQL[g]]
    assert len(of_row) + len(of_tables) >= len(row.guards) - len(clocked)
    at = f"NEW.event = '{row.event}' AND "
    if of_row:
        assert f"{at}({' AND '.join(of_row)}) IS NOT TRUE" in text
    for first, condition in of_tables:
        assert " AND ".join((*first, f"({condition} IS NOT TRUE)")) in text


@pytest.mark.parametrize("row", EDGES, ids=lambda row: str(row.event))
def test_the_triggers_change_with_the_table(
    row: Transition, monkeypatch: pytest.MonkeyPatch
) -> None:
    words = f"the guards of {row.event} are not met"
    shown = any(guard_sql.visible(row.event))
    assert (words in "".join(WANTED.values())) is shown
    less = tuple(other for other in EDGES if other is not row)
    monkeypatch.setattr(trigger_rules, "EDGES", less)
    changed = triggers.triggers()
    assert words not in "".join(changed.values())
    assert (changed != WANTED) or not shown


def test_the_rows_that_the_triggers_look_up_are_the_tables(raw: Raw) -> None:
    rows = raw.rows(
        "SELECT event, source, target FROM interlock_lifecycle ORDER BY event"
    )
    edges = sorted(EDGES, key=lambda row: row.event)
    assert rows == [
        {"event": row.event, "source": row.source, "target": row.target}
        for row in edges
    ]


def test_the_triggers_are_frozen_where_the_table_ends() -> None:
    text = WANTED[f"{triggers.PREFIX}job_update"]
    words = ", ".join(f"'{status}'" for status in sorted(TERMINAL))
    assert f"OLD.status IN ({words})" in text


@pytest.mark.skipif(CLIENT is None, reason="no sqlite3 command")
def test_the_command_line_client_is_refused_too(raw: Raw) -> None:
    job = raw.scene.running()
    other = raw.scene.add()
    illegal = move(Event.SUCCEED, JobStatus.SUCCEEDED, token=False)
    cancel = move(Event.CANCEL, JobStatus.CANCELED, token=False)

    def client(sql: str) -> subprocess.CompletedProcess[str]:
        command = [str(CLIENT), "-bail", str(raw.path), sql]
        return subprocess.run(command, capture_output=True, text=True, check=False)

    refused = client(illegal)
    assert refused.returncode != 0
    assert "interlock: " in refused.stderr
    assert "Nothing was written." in refused.stderr
    assert raw.scene.store.get(job.id) == job
    assert client(f"{cancel} WHERE id = '{other.id}'").returncode == 0
    assert raw.scene.store.history(other.id)[-1].actor == "sql"
    deleted = client(f"DELETE FROM interlock_job WHERE id = '{job.id}'")
    assert "only terminal jobs can be deleted" in deleted.stderr
