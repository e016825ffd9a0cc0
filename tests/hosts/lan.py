"""Hosts on a bridge: each has its own network, processes, host name and boot id.

What is not theirs alone are the clock, the disk, and the test, which sees them all.
"""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest

BRIDGE = f"il{os.getpid() % 100_000}"
ADDRESS = "10.213.77.1"
_BOOT_ID = "/proc/sys/kernel/random/boot_id"


def _ip(*words: str) -> None:
    done = subprocess.run(["ip", *words], capture_output=True, text=True, check=False)
    if done.returncode != 0:
        pytest.skip(f"NO HOSTS: ip {' '.join(words)}: {done.stderr.strip()}")


class Host:
    """A host with one link to the bridge."""

    def __init__(self, number: int, folder: Path) -> None:
        self.name = f"{BRIDGE}h{number}"
        self._link = f"{BRIDGE}v{number}"
        self._boot_id = folder / f"boot-{number}"
        self._boot_id.write_text(f"{number:08}-0000-4000-8000-000000000000\n")
        _ip("netns", "add", self.name)
        peer = ("peer", "name", "eth0", "netns", self.name)
        _ip("link", "add", self._link, "type", "veth", *peer)
        _ip("link", "set", self._link, "master", BRIDGE, "up")
        _ip("-n", self.name, "link", "set", "lo", "up")
        address = f"10.213.77.{number + 1}/24"
        _ip("-n", self.name, "addr", "add", address, "dev", "eth0")
        _ip("-n", self.name, "link", "set", "eth0", "up")

    @property
    def inside(self) -> Sequence[str]:
        """The command that runs another one on this host, as its first process."""
        setup = f'hostname {self.name} && mount --bind "$0" {_BOOT_ID} && exec "$@"'
        apart = ["unshare", "--pid", "--fork", "--kill-child", "--mount-proc", "--uts"]
        enter = ["ip", "netns", "exec", self.name, *apart]
        return [*enter, "sh", "-c", setup, str(self._boot_id)]

    def cut(self) -> None:
        """Take its link away: nothing gets through, and nobody is told."""
        _ip("link", "set", self._link, "down")

    def mend(self) -> None:
        """Give it back."""
        _ip("link", "set", self._link, "up")


@contextmanager
def hosts(many: int, folder: Path) -> Iterator[list[Host]]:
    """Make hosts around a bridge at `ADDRESS`; skip loudly where they are refused."""
    if shutil.which("ip") is None:
        pytest.skip("NO ip COMMAND: install iproute2, nothing is tried on two hosts")
    try:
        _ip("link", "add", BRIDGE, "type", "bridge")
        _ip("addr", "add", f"{ADDRESS}/24", "dev", BRIDGE)
        _ip("link", "set", BRIDGE, "up")
        yield [Host(number, folder) for number in range(1, many + 1)]
    finally:
        for number in range(1, many + 1):
            with suppress(pytest.skip.Exception):
                _ip("netns", "del", f"{BRIDGE}h{number}")
        with suppress(pytest.skip.Exception):
            _ip("link", "del", BRIDGE)
