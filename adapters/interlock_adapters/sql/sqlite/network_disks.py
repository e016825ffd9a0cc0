"""Refuses files on network file systems, where SQLite's locks do not hold."""

import re
from pathlib import Path
from typing import Final

from interlock.core.errors import StoreUnavailable

#: WAL needs memory shared between processes of one host (sqlite.org/wal.html).
NETWORK: Final = frozenset(
    {
        *("nfs", "nfs4", "cifs", "smb3", "smbfs", "9p", "afs", "ceph", "lustre"),
        *("glusterfs", "fuse.glusterfs", "fuse.sshfs", "fuse.s3fs", "beegfs"),
    }
)
_OCTAL: Final = re.compile(r"\\(\d{3})")  # how mountinfo writes a space


def refuse(path: Path) -> None:
    """Refuse a path on a network file system.

    Raises:
        StoreUnavailable: its kind, and what to do.
    """
    kind = filesystem(path)
    if kind in NETWORK:
        raise StoreUnavailable(
            f"{path} is on a network file system ({kind}), where SQLite's locks do not "
            "hold. Use a local disk, or PostgreSQL. Nothing was written."
        )


def filesystem(path: Path, mounts: str | None = None) -> str | None:
    """Return the type of the file system of `path`, None if unknown."""
    if mounts is None:
        try:
            mounts = Path("/proc/self/mountinfo").read_text(encoding="utf-8")
        except OSError:
            return None
    best: tuple[int, str | None] = (0, None)
    real = path.resolve()
    for line in mounts.splitlines():  # proc(5): id parent dev root POINT ... - TYPE
        fields, _, tail = line.partition(" - ")
        point = _OCTAL.sub(lambda code: chr(int(code[1], 8)), fields.split()[4])
        if real.is_relative_to(point) and len(point) >= best[0]:
            best = (len(point), tail.split()[0])
    return best[1]
