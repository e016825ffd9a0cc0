"""A shim that took a folder of a job for empty would give its files to the next job."""

import os
import shutil
from pathlib import Path

import pytest

from interlock_adapters.subprocess.shim.temporary_folders import JobFolder, remove


@pytest.fixture
def folder(tmp_path: Path) -> JobFolder:
    return JobFolder(str(tmp_path / "job"), own_memory=False)


def _known_as_empty(folder: JobFolder, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Make its change time old enough to be remembered."""
    monkeypatch.setattr(
        "interlock_adapters.subprocess.shim.temporary_folders._RESOLUTION_NS", -1
    )
    assert folder.is_clean()
    return Path(folder.path)


def test_a_file_that_is_left_is_seen(folder: JobFolder) -> None:
    assert folder.is_clean()
    (Path(folder.path) / "left").touch()
    assert not folder.is_clean()


def test_a_folder_that_nobody_changes_is_not_listed_again(
    folder: JobFolder, monkeypatch: pytest.MonkeyPatch
) -> None:
    _known_as_empty(folder, monkeypatch)
    monkeypatch.setattr(os, "listdir", lambda _path: ["listed"])
    assert folder.is_clean()


def test_a_file_is_seen_though_the_job_puts_the_times_back(
    folder: JobFolder, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = _known_as_empty(folder, monkeypatch)
    before = path.stat()
    (path / "left").touch()
    os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))
    assert path.stat().st_mtime_ns == before.st_mtime_ns
    assert not folder.is_clean()


def test_a_folder_that_is_removed_is_not_clean(
    folder: JobFolder, monkeypatch: pytest.MonkeyPatch
) -> None:
    _known_as_empty(folder, monkeypatch).rmdir()
    assert not folder.is_clean()


def test_a_folder_that_another_has_replaced_is_not_clean(
    folder: JobFolder, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = _known_as_empty(folder, monkeypatch)
    path.rename(path.with_name("away"))
    path.mkdir()
    assert not folder.is_clean()


def test_a_folder_that_a_user_of_a_job_has_is_not_clean(folder: JobFolder) -> None:
    if os.getuid() != 0:
        pytest.skip("the tests do not run as root")
    os.chown(folder.path, 65534, 65534)
    assert not folder.is_clean()


@pytest.mark.parametrize("uid", [0, 1000])
def test_root_changes_no_permissions_to_remove_a_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, uid: int
) -> None:
    """A user whose process lives on could put a link in the place of a folder."""
    monkeypatch.setattr(os, "geteuid", lambda: uid)
    monkeypatch.setattr(shutil, "rmtree", lambda *_args, **_options: None)
    kept = tmp_path / "kept"
    (kept / "below").mkdir(parents=True, mode=0o500)
    remove(str(kept))
    mode = (kept / "below").stat().st_mode & 0o777
    assert mode == (0o500 if uid == 0 else 0o700)
