"""Opening a store that is not there: it is made only for who wants it made."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

import postgres
from interlock import AsyncEngine, Engine, InvalidOption, StoreUnavailable
from interlock.ports import discovery
from interlock_adapters.cli.main import app

READING = (
    *("list", "counts", "queues", "workers", "verify"),
    *("show ID", "wait ID", "cancel ID", "history ID", "log ID", "rerun ID"),
    *("pause q", "resume q", "purge --older-than 1", "top --once"),
)


def _async_open(url: str) -> None:
    async def opened() -> None:
        await (await AsyncEngine.open(url, create=False)).close()

    asyncio.run(opened())


def _open(url: str) -> None:
    Engine.open(url, create=False).close()


@pytest.mark.parametrize("opens", [_open, _async_open])
def test_a_missing_file_is_refused_and_not_made(
    tmp_path: Path, opens: Callable[[str], None]
) -> None:
    path = tmp_path / "jobs.db"
    with pytest.raises(StoreUnavailable) as caught:
        opens(f"sqlite:///{path}")
    assert str(caught.value).startswith(
        f"There is no database at {path}. Check the URL (--database, "
    )
    assert str(caught.value).endswith("Nothing was created.")
    assert list(tmp_path.iterdir()) == []


def test_an_empty_file_is_refused_and_stays_empty(tmp_path: Path) -> None:
    path = tmp_path / "jobs.db"
    path.touch()
    with pytest.raises(StoreUnavailable, match=r"is empty\. .*Nothing was created"):
        _open(f"sqlite:///{path}")
    assert [(each.name, each.stat().st_size) for each in tmp_path.iterdir()] == [
        ("jobs.db", 0)
    ]


def test_an_empty_server_is_refused_and_stays_empty() -> None:
    with postgres.database(empty=True) as url:
        with pytest.raises(StoreUnavailable, match=r"is empty\. .*Nothing was created"):
            _open(url)
        assert not discovery.store_exists(url)
        Engine.open(url).close()
        assert discovery.store_exists(url)
        _open(url)


@pytest.mark.parametrize("opens", [_open, Engine.open])
def test_a_server_without_the_database_is_an_error(
    opens: Callable[[str], object],
) -> None:
    with (
        postgres.database() as url,
        pytest.raises(StoreUnavailable, match="does not exist"),
    ):
        opens(f"{url}_mistyped")


def test_what_is_there_is_opened(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path}/jobs.db"
    Engine.open(url).close()
    with Engine.open(url, create=False) as engine:
        assert engine.verify() == []
    with Engine.open("memory:", create=False) as engine:
        assert engine.verify() == []


@pytest.mark.parametrize("command", READING)
def test_a_command_that_reads_or_acts_makes_no_database(
    command: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("INTERLOCK_DATABASE_URL", "sqlite:///missing.db")
    done = CliRunner().invoke(app, command.split())
    assert done.exit_code == 5, done.output
    assert "There is no database at" in done.stderr
    assert list(tmp_path.iterdir()) == []


def test_doctor_and_db_current_tell_that_there_is_none(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("INTERLOCK_DATABASE_URL", "sqlite:///missing.db")
    done = CliRunner().invoke(app, ["doctor"])
    assert done.exit_code == 0, done.output
    assert "store: none yet" in done.stdout
    current = CliRunner().invoke(app, ["db", "current"])
    assert current.stdout == "empty\n"
    assert list(tmp_path.iterdir()) == []


def test_the_schema_commands_know_the_database_of_the_project(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("INTERLOCK_DATABASE_URL", raising=False)
    toml = '[tool.interlock]\ndatabase_url = "sqlite:///file.db"'
    Path("pyproject.toml").write_text(toml)
    assert CliRunner().invoke(app, ["db", "upgrade"]).exit_code == 0
    assert sorted(path.name for path in tmp_path.iterdir()) == [
        "file.db",
        "pyproject.toml",
    ]


@pytest.mark.parametrize("url", ["", " ", "nope", "sqlite:///\0", 5, b"x", Path("x")])
def test_what_is_no_url_is_refused(url: Any, tmp_path: Path) -> None:
    with pytest.raises(InvalidOption, match=r"sqlite:///.*db"):
        Engine.open(url)
    assert list(tmp_path.iterdir()) == []
