"""What a person writes in [tool.interlock] is used, or refused with a reason."""

from __future__ import annotations

from pathlib import Path

import pytest

from interlock.core.errors import InvalidOption
from interlock_adapters.cli import settings


def _read(folder: Path, text: bytes, monkeypatch: pytest.MonkeyPatch) -> str:
    (folder / "pyproject.toml").write_bytes(text)
    monkeypatch.chdir(folder)
    with pytest.raises(InvalidOption) as refused:
        settings.read()
    return str(refused.value)


def test_every_fault_is_named_and_no_value_is_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    text = b'[tool.interlock]\nmodule = ["jobs"]\ntoken = ["hunter22"]\n'
    told = _read(tmp_path, text, monkeypatch)
    assert "there is no module" in told
    assert "token: Input should be a valid string" in told
    assert "may have database_url, server, token, modules" in told
    assert "hunter22" not in told


@pytest.mark.parametrize("text", [b"[tool.interlock\n", b"[tool.interlock]\n\xff=1"])
def test_a_file_that_is_not_toml_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, text: bytes
) -> None:
    told = _read(tmp_path, text, monkeypatch)
    assert told.startswith("Interlock cannot read pyproject.toml: ")
    assert told.endswith(" Nothing was done.")


@pytest.mark.parametrize(
    "text", [b"tool = 5", b"[tool]\ninterlock = 5", b"[[tool.interlock]]"]
)
def test_what_is_not_a_table_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, text: bytes
) -> None:
    told = _read(tmp_path, text, monkeypatch)
    assert (
        told == "[tool.interlock] in pyproject.toml is not a table. Nothing was done."
    )


def test_the_tables_of_others_are_not_ours(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    text = '[tool.other]\nmodule = 5\n[tool.interlock]\nmodules = ["a", " b"]\n'
    (tmp_path / "pyproject.toml").write_text(text)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("INTERLOCK_OF_ANOTHER_PROGRAM", "5")
    assert settings.read().module_names() == ["a", "b"]
