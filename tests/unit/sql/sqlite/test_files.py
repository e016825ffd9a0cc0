"""Files that cannot be used, disks that are full: said clearly, nothing is lost."""

import os
import sqlite3
import subprocess
import sys
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path

import pytest
import sqlalchemy as sa

from interlock.core.errors import SchemaMismatch, StoreUnavailable
from interlock.core.job import Job
from interlock.core.lifecycle import Event
from interlock.core.records import Search
from interlock.testing.clock import ManualClock
from interlock.testing.scenario import Scenario
from interlock_adapters.sql.schema import tables, upgrade
from interlock_adapters.sql.sqlite import sqlite
from interlock_adapters.sql.sqlite.dialect import unavailable
from interlock_adapters.sql.sqlite.sqlite import _switch_to_wal, open_store
from interlock_adapters.sql.store.store import SqlStore

Mount = Callable[..., Path]


def _open(path: Path) -> SqlStore:
    return open_store(f"sqlite:///{path}", ManualClock())


def _scene(store: SqlStore) -> Scenario:
    return Scenario(store, ManualClock())


def _run(path: Path, *statements: str) -> None:
    raw = sqlite3.connect(path, isolation_level=None)
    for statement in statements:
        raw.execute(statement)
    raw.close()


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "jobs.db"


@pytest.fixture
def filled(path: Path) -> Path:
    """Return a file that a store with two jobs has left."""
    store = _open(path)
    scene = _scene(store)
    scene.running("kept")
    scene.after(Event.CANCEL)
    store.close()
    return path


@pytest.fixture
def mount() -> Iterator[Mount]:
    """Mount something for the test's length; skip where that is not allowed."""
    points: list[Path] = []

    def _mount(point: Path, *arguments: str) -> Path:
        point.mkdir(exist_ok=True)
        command = ["mount", *arguments, str(point)]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        if done.returncode != 0:
            pytest.skip(f"cannot mount here: {done.stderr.strip()}")
        points.append(point)
        return point

    yield _mount
    for point in reversed(points):
        subprocess.run(["umount", str(point)], check=True)


def _is_kept(path: Path) -> None:
    store = _open(path)
    assert [job.id for job in store.search(Search()).items] == ["kept", "j1"]
    assert store.verify() == []
    store.close()


def test_a_schema_that_is_newer_is_refused(filled: Path) -> None:
    version = f"UPDATE {tables.VERSION_TABLE} SET version_num = "
    _run(filled, f"{version} '9999'")
    before = filled.read_bytes()
    with pytest.raises(
        SchemaMismatch, match=r"has schema 9999, .* knows only up to"
    ) as e:
        _open(filled)
    assert "Nothing was changed" in str(e.value)
    assert filled.read_bytes() == before
    _run(filled, f"{version} '{upgrade.HEAD}'")
    _is_kept(filled)


@pytest.mark.parametrize("content", [b"not a database\n" * 100, b"SQLite format 3"])
def test_a_file_that_is_no_database_is_refused(path: Path, content: bytes) -> None:
    path.write_bytes(content)
    with pytest.raises(SchemaMismatch, match="is not a SQLite database"):
        _open(path)
    assert path.read_bytes() == content


def test_an_empty_file_becomes_a_database(path: Path) -> None:
    path.touch()
    store = _open(path)
    assert store.verify() == []
    store.close()


@pytest.mark.parametrize("name", sorted(tables.Base.metadata.tables))
def test_a_database_with_somebodys_table_of_our_name_is_refused_and_left_alone(
    path: Path, name: str
) -> None:
    _run(path, f"CREATE TABLE {name} (a)", f"INSERT INTO {name} VALUES (1)")
    before = path.read_bytes()
    with pytest.raises(SchemaMismatch, match=f"'{name}' that Interlock did not create"):
        _open(path)
    assert path.read_bytes() == before


def test_a_database_of_an_application_is_shared(path: Path) -> None:
    _run(path, "CREATE TABLE customer (a)", "INSERT INTO customer VALUES (1)")
    store = _open(path)
    _scene(store).add("j")
    store.close()
    raw = sqlite3.connect(path)
    assert raw.execute("SELECT a FROM customer").fetchall() == [(1,)]
    raw.close()


def test_a_missing_folder_is_said(tmp_path: Path) -> None:
    with pytest.raises(StoreUnavailable, match="its folder is missing"):
        _open(tmp_path / "nowhere" / "jobs.db")
    assert list(tmp_path.iterdir()) == []


def test_a_folder_is_no_file(tmp_path: Path) -> None:
    with pytest.raises(StoreUnavailable):
        _open(tmp_path)


@pytest.mark.parametrize("url", ["sqlite://", "sqlite:///:memory:"])
def test_a_database_in_memory_is_refused(url: str) -> None:
    with pytest.raises(StoreUnavailable, match="works with one connection only"):
        open_store(url)


def test_a_level_of_durability_that_is_none_is_refused(path: Path) -> None:
    with pytest.raises(StoreUnavailable, match="Use FULL, EXTRA or NORMAL"):
        open_store(f"sqlite:///{path}?synchronous=OFF")
    assert not path.exists()


@pytest.mark.parametrize(
    ("query", "level"),
    [("", 2), ("?synchronous=normal", 1), ("?synchronous=EXTRA", 3)],
)
def test_commits_are_durable_unless_told_otherwise(
    path: Path, query: str, level: int
) -> None:
    store = open_store(f"sqlite:///{path}{query}")
    with store.database.engine.connect() as connection:
        pragma = connection.exec_driver_sql
        assert pragma("PRAGMA synchronous").scalar() == level
        assert pragma("PRAGMA journal_mode").scalar() == "wal"
    store.close()


def test_a_read_only_file_system_is_said(filled: Path, mount: Mount) -> None:
    folder = filled.parent
    point = folder.parent / f"{folder.name}-read-only"
    mount(point, "--bind", "-o", "ro", str(folder))
    before = filled.read_bytes()
    with pytest.raises(StoreUnavailable, match=r"not writable|read-only") as caught:
        _open(point / filled.name)
    assert "what was acknowledged before is kept" in str(caught.value)
    assert filled.read_bytes() == before
    _is_kept(filled)


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write everywhere")
def test_a_file_without_permission_is_said(filled: Path) -> None:
    filled.chmod(0o400)
    with pytest.raises(StoreUnavailable, match=r"cannot be (written|opened)"):
        _open(filled)
    filled.chmod(0o600)
    _is_kept(filled)


def test_a_folder_without_permission_is_said(tmp_path: Path) -> None:
    folder = tmp_path / "closed"
    folder.mkdir(mode=0)
    if os.geteuid() != 0:
        with pytest.raises(StoreUnavailable, match="cannot be opened: no permission"):
            _open(folder / "jobs.db")
        return
    pid = os.fork()  # root may look everywhere: ask as somebody else
    if pid == 0:
        os.seteuid(65534)
        try:
            _open(folder / "jobs.db")
        except StoreUnavailable as error:
            os._exit(0 if "cannot be opened: no permission" in str(error) else 3)
        finally:
            os._exit(1)
    assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 0


def _add_until_it_fails(scene: Scenario, acknowledged: list[Job]) -> None:
    while len(acknowledged) < 1000:
        acknowledged.append(scene.add(params={"text": "x" * 5000}))


def test_a_full_disk_loses_nothing_that_was_acknowledged(
    tmp_path: Path, mount: Mount
) -> None:
    disk = mount(tmp_path / "disk", "-t", "tmpfs", "-o", "size=2m", "tmpfs")
    store = _open(disk / "jobs.db")
    scene = _scene(store)
    ballast = disk / "ballast"
    ballast.write_bytes(b"x" * 768 * 1024)
    acknowledged: list[Job] = []
    with pytest.raises(StoreUnavailable, match=r"its disk is full|disk reports") as e:
        _add_until_it_fails(scene, acknowledged)
    assert "Nothing was written by this call" in str(e.value)
    assert len(acknowledged) > 10
    assert [store.get(job.id) for job in acknowledged] == acknowledged
    with pytest.raises(StoreUnavailable):
        scene.add(params={"text": "x" * 100_000})
    ballast.unlink()
    assert scene.add("after").id == "after"
    (claimed,) = scene.claim(acknowledged[0].name)
    assert claimed.attempt == 1
    assert store.verify() == []
    store.close()
    again = _open(disk / "jobs.db")
    assert sum(again.counts().values()) == len(acknowledged) + 1
    again.close()


def test_a_lock_of_another_process_is_said_and_readers_go_on(
    filled: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sqlite, "BUSY_S", 0.01)
    store = _open(filled)
    other = sqlite3.connect(filled, isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    with pytest.raises(StoreUnavailable, match="was locked by another writer"):
        _scene(store).add("late")
    assert store.get("kept").attempt == 1
    other.execute("ROLLBACK")
    assert _scene(store).add("late").id == "late"
    other.close()
    store.close()


def test_a_lock_while_opening_is_said(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sqlite, "BUSY_S", 0.01)
    other = sqlite3.connect(path, isolation_level=None)
    other.execute("BEGIN EXCLUSIVE")
    with pytest.raises(StoreUnavailable, match="was locked by another writer"):
        _open(path)
    other.execute("ROLLBACK")
    other.close()
    _open(path).close()


def test_a_lock_before_the_first_transaction_is_said(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sqlite, "BUSY_S", 0.01)
    _run(path, "CREATE TABLE other (id INTEGER)")  # not in WAL mode
    other = sqlite3.connect(path, isolation_level=None)
    other.execute("BEGIN IMMEDIATE")  # it may be read
    with pytest.raises(StoreUnavailable, match="was locked by another writer"):
        _open(path)
    other.execute("ROLLBACK")
    other.close()
    _open(path).close()


def test_a_database_is_opened_while_somebody_writes_to_it(
    filled: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sqlite, "BUSY_S", 0.01)
    other = sqlite3.connect(filled, isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    store = _open(filled)
    assert store.get("kept").attempt == 1
    other.execute("ROLLBACK")
    other.close()
    store.close()


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("SQLITE_LOCKED_SHAREDCACHE", "another connection of this process"),
        ("SQLITE_PROTOCOL", "could not be locked for 10 s"),
        ("SQLITE_NOMEM", "no memory left"),
    ],
)
def test_what_passes_by_itself_is_no_bug(path: Path, name: str, words: str) -> None:
    error = sqlite3.OperationalError("as SQLite says it")
    error.sqlite_errorname = name
    meaning = unavailable(path, error)
    assert type(meaning) is StoreUnavailable
    assert words in str(meaning)


def test_a_switch_to_wal_that_is_refused_at_once_is_tried_again(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of two that switch at once, SQLite refuses one without waiting."""
    other = sqlite3.connect(path, isolation_level=None)
    tries: list[int] = []

    def switch(engine: sa.Engine) -> None:
        tries.append(len(tries))
        if len(tries) == 1:  # for whoever has the other lock, SQLite does not wait
            other.execute("BEGIN EXCLUSIVE")
            with closing(sqlite3.connect(path, timeout=0)) as refused:
                refused.execute("PRAGMA user_version")
        if other.in_transaction:
            other.execute("ROLLBACK")
        _switch_to_wal(engine)

    monkeypatch.setattr(sqlite, "_switch_to_wal", switch)
    _open(path).close()
    assert tries == [0, 1]
    other.close()


def test_many_may_open_a_new_file_at_once(path: Path) -> None:
    with ThreadPoolExecutor(8) as pool:
        stores = list(pool.map(_open, [path] * 8))
    for number, store in enumerate(stores):
        _scene(store).add(f"j{number}")
    assert sum(stores[0].counts().values()) == 8
    for store in stores:
        store.close()


OPEN_MANY = """
import sys
from concurrent.futures import ThreadPoolExecutor
from interlock_adapters.sql.sqlite.sqlite import open_store
with ThreadPoolExecutor(4) as pool:
    urls = [f"sqlite:///{sys.argv[1]}/{number}.db" for number in range(8)]
    stores = list(pool.map(open_store, urls))
assert [store.verify() for store in stores] == [[]] * 8
"""


def test_threads_may_open_new_files_at_once(tmp_path: Path) -> None:
    """A process of its own: two migrations at once crashed the interpreter."""
    command = [sys.executable, "-c", OPEN_MANY, str(tmp_path)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")


def _modes(path: Path) -> dict[str, int]:
    names = (path.name, f"{path.name}-wal", f"{path.name}-shm")
    return {
        name: (path.parent / name).stat().st_mode & 0o777
        for name in names
        if (path.parent / name).exists()
    }


@pytest.mark.parametrize(("query", "mode"), [("", 0o600), ("?permissions=0660", 0o660)])
def test_a_new_file_is_its_owners_alone_unless_told_else(
    path: Path, query: str, mode: int
) -> None:
    before = os.umask(0o022)
    try:
        store = open_store(f"sqlite:///{path}{query}", ManualClock())
        _scene(store).add()
        assert set(_modes(path).values()) == {mode}
        assert len(_modes(path)) == 3
        store.close()
    finally:
        os.umask(before)


def test_an_existing_file_keeps_its_permissions(filled: Path) -> None:
    filled.chmod(0o640)
    _open(filled).close()
    assert _modes(filled)[filled.name] == 0o640


@pytest.mark.parametrize(
    ("query", "words"),
    [
        ("?mode=ro", "Unknown parameter in the URL of the SQLite file: mode"),
        ("?uri=true", "uri"),
        ("?permissions=rw", "permissions: rw"),
        ("?permissions=0999", "permissions: 0999"),
        ("?synchronous=OFF", "synchronous: OFF"),
    ],
)
def test_what_a_url_cannot_say_is_refused(path: Path, query: str, words: str) -> None:
    with pytest.raises(StoreUnavailable, match=words):
        open_store(f"sqlite:///{path}{query}", ManualClock())
    assert not path.exists()


def test_a_folder_is_no_database(tmp_path: Path) -> None:
    with pytest.raises(StoreUnavailable, match=r"is a folder\. Name a file in it"):
        _open(tmp_path)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("name", ["a b.db", "a#b.db", "\u00e9.db", "a'b.db"])
def test_an_odd_name_is_the_name_of_the_file(tmp_path: Path, name: str) -> None:
    store = _open(tmp_path / name)
    waiter = store.watch()
    _scene(store).add()
    assert waiter.wait(5)  # it watches this very file
    waiter.close()
    store.close()
    assert (tmp_path / name).is_file()
