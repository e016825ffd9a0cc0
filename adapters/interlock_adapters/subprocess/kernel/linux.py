"""System calls that Python lacks, with ctypes. Standard library only."""

import ctypes
import os
import signal
import socket
import struct
from contextlib import suppress
from typing import Any, Final

_libc = ctypes.CDLL(None, use_errno=True)
#: Found once, and without errno: each page that a fork touches costs it microseconds.
_prctl: Final = getattr(ctypes.CDLL(None), "prctl", None)  # None: not Linux
_PDEATHSIG, _SET_DUMPABLE, _SET_NAME, _SET_SUBREAPER = 1, 4, 15, 36  # linux/prctl.h
NEWNS: Final = 0x00020000  # linux/sched.h
NEWUSER: Final = 0x10000000
NEWPID: Final = 0x20000000
_MS_PRIVATE_REC, _MS_BIND = 0x44000, 0x1000  # linux/mount.h
_MS_NOSUID_NODEV, _MS_NOSUID_NODEV_NOEXEC = 0x6, 0xE


def _checked(result: int) -> None:
    if result != 0:
        error = ctypes.get_errno()
        raise OSError(error, os.strerror(error))


def die_with_parent(parent: int) -> None:
    """Make the kernel kill this process when its parent's *thread* ends (prctl(2)).

    Only where the parent is single-threaded. `parent` is its pid: if it died before
    this call, getppid is already another.
    """
    _checked(_libc.prctl(_PDEATHSIG, signal.SIGKILL, 0, 0, 0))
    if os.getppid() != parent:
        os._exit(1)


def become_subreaper() -> None:
    """Become the parent of every orphaned descendant (prctl(2))."""
    _checked(_libc.prctl(_SET_SUBREAPER, 1, 0, 0, 0))


def name_process(name: bytes) -> None:
    """Give this process a name for ps(1), inherited by fork; 15 bytes are kept."""
    if _prctl is not None:
        _prctl(_SET_NAME, name, 0, 0, 0)


def unshare(flags: int) -> None:
    """Leave the namespaces of `flags` for new ones (man 2 unshare)."""
    _checked(_libc.unshare(flags))


def setns(fd: int, flags: int) -> None:
    """Enter the namespace of a descriptor (man 2 setns)."""
    _checked(_libc.setns(fd, flags))


def private_mounts() -> None:
    """Enter a new mount namespace: what is mounted in it is seen nowhere else."""
    unshare(NEWNS)
    _checked(_libc.mount(b"none", b"/", None, ctypes.c_ulong(_MS_PRIVATE_REC), None))


def bind(source: str, target: str) -> None:
    """Let `target` show the folder `source` (mount(2), MS_BIND)."""
    names = os.fsencode(source), os.fsencode(target)
    _checked(_libc.mount(*names, None, ctypes.c_ulong(_MS_BIND), None))


def be_readable() -> None:
    """Give this process its files in /proc, which a change of its user has taken.

    PR_SET_DUMPABLE (prctl(2), proc(5)): else it could not open /proc/self/fd.
    """
    _checked(_libc.prctl(_SET_DUMPABLE, 1, 0, 0, 0))


def private_proc() -> None:
    """Mount the /proc of this PID namespace, in a new mount namespace."""
    private_mounts()
    flags = ctypes.c_ulong(_MS_NOSUID_NODEV_NOEXEC)
    _checked(_libc.mount(b"proc", b"/proc", b"proc", flags, None))


def private_shared_memory() -> None:
    """Mount an empty /dev/shm in the mount namespace that `private_proc` has made."""
    _checked(
        _libc.mount(
            b"tmpfs",
            b"/dev/shm",
            b"tmpfs",
            ctypes.c_ulong(_MS_NOSUID_NODEV),
            b"mode=1777",
        )
    )


def own_user_namespace() -> None:
    """Enter a user namespace with the same user id, to be allowed to unshare."""
    uid, gid = os.geteuid(), os.getegid()
    unshare(NEWUSER)
    for name, text in (
        ("setgroups", "deny"),
        ("uid_map", f"{uid} {uid} 1"),
        ("gid_map", f"{gid} {gid} 1"),
    ):
        with open(f"/proc/self/{name}", "w", encoding="ascii") as file:
            file.write(text)


def children(pid: int) -> list[int]:
    """Return the direct children of a process; racy, so never a proof (proc(5))."""
    pids: list[int] = []
    try:
        for task in os.listdir(f"/proc/{pid}/task"):
            with open(f"/proc/{pid}/task/{task}/children", encoding="ascii") as file:
                pids += map(int, file.read().split())
    except (FileNotFoundError, ProcessLookupError):
        pass
    return pids


def descendants(root: int) -> list[int]:
    """Return every process below `root`, parents first."""
    pids: list[int] = []
    waiting = [root]
    while waiting:
        below = children(waiting.pop())
        pids += below
        waiting += below
    return pids


def parent(pid: int) -> int | None:
    """Return the parent of a process, None if it is gone."""
    try:
        with open(f"/proc/{pid}/stat", "rb") as file:
            stat = file.read()
    except (FileNotFoundError, ProcessLookupError):
        return None
    return int(stat[stat.rindex(b")") + 2 :].split()[1])


def is_below(pid: int, root: int) -> bool:
    """Whether the chain of parents of `pid` ends in `root`."""
    at: int | None = pid
    while at is not None and at > 1:
        at = parent(at)
        if at == root:
            return True
    return False


def pid_of(pidfd: int) -> int:
    """Return the pid that a pidfd names, as seen from here (proc(5), fdinfo)."""
    with open(f"/proc/self/fdinfo/{pidfd}", encoding="ascii") as file:
        lines = dict(line.split(":", 1) for line in file)
    return int(lines["Pid"])


def new_epoll() -> int:
    """Return a new epoll (epoll_create1(2)); select.epoll would own its number."""
    return int(_libc.epoll_create1(0))


def add_to_epoll(epoll: int, fd: int, event: Any) -> None:
    """Watch a descriptor (epoll_ctl(2)); `event` points to a struct epoll_event."""
    _libc.epoll_ctl(epoll, 1, fd, event)  # EPOLL_CTL_ADD


_SOCK_DIAG, _DIAG_BY_FAMILY, _DONE, _FAILED = 4, 20, 3, 2  # sock_diag(7), netlink(7)
_DUMP, _SHOW_PEER, _PEER = 0x301, 4, 2  # unix_diag.h


def unix_peers() -> dict[int, int]:
    """Return the inode of each connected Unix socket's peer (sock_diag(7))."""
    peers: dict[int, int] = {}
    states = 2**32 - 1  # all
    ask = struct.pack("=BBHIIIII", socket.AF_UNIX, 0, 0, states, 0, _SHOW_PEER, 0, 0)
    head = struct.pack("=IHHII", 16 + len(ask), _DIAG_BY_FAMILY, _DUMP, 1, 0)
    with (
        suppress(OSError),
        socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, _SOCK_DIAG) as link,
    ):
        link.settimeout(1)
        link.send(head + ask)
        while _take_peers(link.recv(65536), peers):
            pass
    return peers


def _take_peers(data: bytes, peers: dict[int, int]) -> bool:
    """Read messages of sock_diag(7); return whether more are to come."""
    while len(data) >= 16:  # noqa: PLR2004  (struct nlmsghdr)
        length, kind = struct.unpack_from("=IH", data)
        if kind in {_DONE, _FAILED}:
            return False
        inode = struct.unpack_from("=I", data, 20)[0]
        at = 32  # behind struct unix_diag_msg: its attributes
        while at + 8 <= length:
            size, name = struct.unpack_from("=HH", data, at)
            if name == _PEER:
                peers[inode] = struct.unpack_from("=I", data, at + 4)[0]
            at += max(4, (size + 3) & ~3)
        data = data[(length + 3) & ~3 :]
    return True
