"""Disks that a test may fill, turn read-only and repair."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest


def _run(*command: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(command, capture_output=True, text=True, check=False)


@contextmanager
def mounted(point: Path, *arguments: str) -> Iterator[Path]:
    """Mount something on a new folder; skip loudly where that is not allowed."""
    point.mkdir()
    done = _run("mount", *arguments, str(point))
    if done.returncode != 0:
        pytest.skip(f"NO MOUNT, faults of disks are not tried: {done.stderr.strip()}")
    try:
        yield point
    finally:
        _run("umount", "--lazy", str(point))


class Disk:
    """A small ext4 in a file, on a loop device."""

    def __init__(self, image: Path, point: Path) -> None:
        self._image = image
        self.point = point
        point.mkdir()
        with image.open("wb") as file:
            file.truncate(16 * 1024 * 1024)
        made = _run("mkfs.ext4", "-q", str(image))
        done = self._mount() if made.returncode == 0 else made
        if done.returncode != 0:
            pytest.skip(f"NO LOOP DEVICE, a failing disk is not tried: {done.stderr}")

    def _mount(self) -> subprocess.CompletedProcess[str]:
        return _run("mount", "-o", "loop", str(self._image), str(self.point))

    def fail(self) -> None:
        """Turn it read-only under those who write, as errors=remount-ro does."""
        done = _run("mount", "-o", "remount,abort", str(self.point))
        assert done.returncode == 0, done.stderr

    def repair(self) -> None:
        """Check a copy of it, and mount that in its place.

        A copy: while files of the failed one are open, the kernel mounts it once more.
        """
        self.remove()
        self._image = Path(shutil.copy(self._image, f"{self._image}-repaired"))
        _run("e2fsck", "-fy", str(self._image))
        done = self._mount()
        assert done.returncode == 0, done.stderr

    def remove(self) -> None:
        """Take it away; who has files open keeps the old one."""
        _run("umount", "--lazy", str(self.point))


def fill(file: Path) -> None:
    """Write until there is no room left."""
    with suppress(OSError), file.open("ab", buffering=0) as ballast:
        while True:
            ballast.write(bytes(4096))
