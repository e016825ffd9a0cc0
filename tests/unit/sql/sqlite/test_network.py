"""A SQLite file on a network file system is refused: its locks do not hold there."""

from pathlib import Path

import pytest

from interlock.core.errors import StoreUnavailable
from interlock_adapters.sql.sqlite import network_disks
from interlock_adapters.sql.sqlite.network_disks import filesystem
from interlock_adapters.sql.sqlite.sqlite import open_store

MOUNTS = """\
22 1 254:0 / / rw,relatime shared:1 - ext4 /dev/vda rw
30 22 0:25 / /mnt/share rw,relatime - nfs4 host:/share rw
31 30 0:26 / /mnt/share/local rw,relatime - tmpfs tmpfs rw
32 22 0:27 / /mnt/my\\040share rw - cifs //host/share rw
33 22 0:28 / /mnt/donn\u00e9es rw shared:2 master:3 - fuse.sshfs host: rw
34 22 0:29 / /mnt/twice rw - ext4 /dev/vdb rw
35 34 0:30 / /mnt/twice rw - 9p host rw
"""


@pytest.mark.parametrize(
    ("path", "kind"),
    [
        ("/jobs.db", "ext4"),
        ("/mnt/jobs.db", "ext4"),
        ("/mnt/sharedjobs.db", "ext4"),
        ("/mnt/share/jobs.db", "nfs4"),
        ("/mnt/share/deep/er/jobs.db", "nfs4"),
        ("/mnt/share/local/jobs.db", "tmpfs"),
        ("/mnt/my share/jobs.db", "cifs"),
        ("/mnt/donn\u00e9es/jobs.db", "fuse.sshfs"),
        ("/mnt/twice/jobs.db", "9p"),
    ],
)
def test_the_file_system_is_the_one_mounted_nearest(path: str, kind: str) -> None:
    assert filesystem(Path(path), MOUNTS) == kind


def test_the_file_system_may_be_unknown() -> None:
    assert filesystem(Path("/jobs.db"), "") is None
    here = filesystem(Path.cwd() / "jobs.db")
    assert here is None or here not in network_disks.NETWORK


@pytest.mark.parametrize("kind", sorted(network_disks.NETWORK))
def test_a_network_file_system_is_refused(
    tmp_path: Path, kind: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "jobs.db"
    monkeypatch.setattr(network_disks, "filesystem", lambda _path: kind)
    with pytest.raises(StoreUnavailable, match=rf"network file system \({kind}\)"):
        open_store(f"sqlite:///{path}")
    assert not path.exists()
