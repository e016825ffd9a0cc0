"""A SQLite file whose pages were overwritten: one clear sentence, and exit code 5."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from pathlib import Path

import pytest
from typer.testing import CliRunner

from e2e import sample_jobs as jobs
from interlock import Engine, InterlockError, StoreUnavailable
from interlock_adapters.cli.main import app

Damage = Callable[[bytearray, int], None]
_TEXT = "words " * 2000


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """Return a file with jobs, and nothing of it in a WAL."""
    file = tmp_path / "jobs.db"
    with Engine.open(f"sqlite:///{file}") as engine:
        engine.submit_many([jobs.add.call(n) for n in range(60)])
        engine.submit(jobs.odd, _TEXT)
        assert engine.verify() == []
    return file


def _root(path: Path, name: str) -> int:
    raw = sqlite3.connect(path)
    (page,) = raw.execute(
        "SELECT rootpage FROM sqlite_master WHERE name = ?", [name]
    ).fetchone()
    raw.close()
    return int(page)


def _overwrite(path: Path, page: int, what: bytes, start: int = 0) -> None:
    """Overwrite the rest of a page (they count from 1) from `start` on."""
    data = bytearray(path.read_bytes())
    size = int.from_bytes(data[16:18], "big")  # "Database File Format", sqlite.org
    begin, end = (page - 1) * size + start, page * size
    data[begin:end] = (what * size)[: end - begin]
    path.write_bytes(data)


def _ids(path: Path) -> list[str]:
    raw = sqlite3.connect(path)
    ids = [job_id for (job_id,) in raw.execute("SELECT id FROM interlock_job")]
    raw.close()
    return ids


def _run(command: str, path: Path) -> tuple[int, str]:
    done = CliRunner().invoke(app, [command, "--database", f"sqlite:///{path}"])
    assert done.exception is None or isinstance(done.exception, SystemExit)
    assert "Traceback" not in done.output
    return done.exit_code, " ".join(done.output.split())


@pytest.mark.parametrize("what", [b"\0", b"\xff", b"noise"])
@pytest.mark.parametrize(
    "name",
    [
        "interlock_job",
        "interlock_history",
        "interlock_attempt",
        "interlock_log",
        "ix_interlock_job_open",
    ],
)
def test_a_damaged_page_is_told_by_verify(path: Path, name: str, what: bytes) -> None:
    _overwrite(path, _root(path, name), what)
    code, message = _run("verify", path)
    assert (code, "is damaged: restore a backup" in message) == (5, True)
    assert "Nothing was written" in message


@pytest.mark.parametrize("what", [b"\0", b"\xff", b'"'])
def test_damage_within_a_value_is_told_by_whoever_reads_it(
    path: Path, what: bytes
) -> None:
    """The pages are whole: only what is read from them is no JSON, or no text."""
    at = path.read_bytes().index(_TEXT[:3000].encode())
    _overwrite(path, at // 4096 + 1, what, start=1000)
    code, message = _run("verify", path)
    assert (code, "is damaged" in message) == (5, True)
    with Engine.open(f"sqlite:///{path}") as engine:
        shown = {job.id for job in engine.search(limit=100).items}
        left_out = [job_id for job_id in _ids(path) if job_id not in shown]
        assert left_out
        for job_id in left_out:
            with pytest.raises(StoreUnavailable, match="is damaged"):
                engine.get(job_id)


@pytest.mark.parametrize("what", [b"\0", b"\xff", b"noise", b"\x86\x06"])
@pytest.mark.parametrize("command", ["verify", "doctor"])
def test_a_damaged_schema_is_told_by_every_command(
    path: Path, command: str, what: bytes
) -> None:
    _overwrite(path, 1, what, start=2048)
    before = path.read_bytes()
    code, message = _run(command, path)
    assert (code, str(path) in message) == (5, True)
    with pytest.raises(StoreUnavailable):
        Engine.open(f"sqlite:///{path}")
    assert path.read_bytes() == before


def test_no_single_damaged_page_shows_a_traceback(path: Path) -> None:
    whole = path.read_bytes()
    for page in range(2, len(whole) // 4096 + 1):
        for what in (b"\0", b"noise"):
            path.write_bytes(whole)
            _overwrite(path, page, what, start=page % 2 * 2048)
            for suffix in ("-wal", "-shm"):
                Path(f"{path}{suffix}").unlink(missing_ok=True)
            try:
                with Engine.open(f"sqlite:///{path}") as engine:
                    engine.counts()
                    engine.verify()
            except InterlockError as error:
                assert isinstance(error, StoreUnavailable)  # noqa: PT017  (or none)
