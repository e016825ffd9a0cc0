"""Gives each job its own copies of what the job modules opened at import.

A file stays what it is; one that is only read gets a position of its own. What two jobs
would take from each other (a pipe, a pair of sockets, an epoll, an eventfd) each gets
anew under the same number. A connection to somebody else ends for the job: who uses it
sees that its peer has hung up and connects again, or fails with an error, but no two
jobs ever speak on one connection.
"""

import ctypes
import fcntl
import os
import re
import socket
import stat
from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Final

from interlock_adapters.subprocess.kernel import linux

_FIRST: Final = 3
_FDINFO: Final = re.compile(r"tfd:\s*(\d+) events:\s*([0-9a-f]+) data:\s*([0-9a-f]+)")
_COUNT: Final = re.compile(r"eventfd-count:\s*([0-9a-f]+)")
_MOST_EVENTS: Final = 2**31

Step = Callable[[], object]


@dataclass(slots=True)
class Inherited:
    """Open descriptors, and the steps by which a job makes them its own."""

    fds: frozenset[int] = frozenset()
    steps: list[Step] = field(default_factory=list[Step])
    #: Descriptors that people should hear of, and what of them.
    remarks: dict[int, str] = field(default_factory=dict[int, str])


def opened() -> frozenset[int]:
    """Return the descriptors of this process from 3 up."""
    folder = "/proc/self/fd" if os.path.isdir("/proc/self/fd") else "/dev/fd"
    numbers = (int(name) for name in os.listdir(folder))
    return frozenset(fd for fd in numbers if fd >= _FIRST and _is_open(fd))


def _is_open(fd: int) -> bool:
    with suppress(OSError):
        fcntl.fcntl(fd, fcntl.F_GETFD)
        return True
    return False


def since(before: frozenset[int]) -> Inherited:
    """Return what was opened since `before`, and the steps of a job for it."""
    inherited = Inherited(fds=opened() - before)
    pipes: dict[int, list[int]] = defaultdict(list)
    pairs: dict[int, list[int]] = defaultdict(list)
    epolls: list[int] = []
    for fd in sorted(inherited.fds):
        mode, target = os.fstat(fd), os.readlink(f"/proc/self/fd/{fd}")
        if stat.S_ISREG(mode.st_mode):
            if _access(fd) == os.O_RDONLY:
                inherited.steps.append(_read_alone(fd))
        elif stat.S_ISFIFO(mode.st_mode) and target.startswith("pipe:"):
            pipes[mode.st_ino].append(fd)
        elif stat.S_ISSOCK(mode.st_mode):
            _take_socket(fd, mode.st_ino, inherited, pairs)
        elif target == "anon_inode:[eventpoll]":
            epolls.append(fd)
        elif target == "anon_inode:[eventfd]":
            inherited.steps.append(_eventfd(fd))
        elif target.startswith("anon_inode:"):
            inherited.remarks[fd] = f"holds {target}, which all jobs share"
    for ends in pipes.values():
        _take_pipe(ends, inherited)
    _take_pairs(pairs, inherited)
    # Last: they watch what is made anew above.
    inherited.steps += [_epoll(fd) for fd in epolls]
    return inherited


def _access(fd: int) -> int:
    return fcntl.fcntl(fd, fcntl.F_GETFL) & os.O_ACCMODE


def _take_socket(
    fd: int, inode: int, inherited: Inherited, pairs: dict[int, list[int]]
) -> None:
    with socket.socket(fileno=os.dup(fd)) as copy:
        if copy.type == socket.SOCK_DGRAM:
            return
        if copy.getsockopt(socket.SOL_SOCKET, socket.SO_ACCEPTCONN):
            inherited.remarks[fd] = (
                f"listens on {copy.getsockname()}; all jobs share it"
            )
            return
        try:
            peer = copy.getpeername()
        except OSError:  # not connected
            return
        if copy.family == socket.AF_UNIX and not peer and not copy.getsockname():
            pairs[inode].append(fd)
            return
    where = f"{peer[0]}:{peer[1]}" if isinstance(peer, tuple) else peer
    inherited.steps.append(_hang_up(fd))
    inherited.remarks[fd] = (
        f"has connected to {where or 'a process of this machine'}; in each job the "
        "peer has closed that connection. Connect in the job, or in a function with "
        "@hooks.job_start. A client that reconnects by itself needs no change"
    )


def _take_pipe(ends: Sequence[int], inherited: Inherited) -> None:
    reading = [fd for fd in ends if _access(fd) == os.O_RDONLY]
    writing = [fd for fd in ends if _access(fd) == os.O_WRONLY]
    if reading and writing:
        inherited.steps.append(_anew(os.pipe, reading, writing))
    else:
        inherited.remarks[ends[0]] = "holds one end of a pipe, which all jobs share"


def _take_pairs(pairs: dict[int, list[int]], inherited: Inherited) -> None:
    peers = linux.unix_peers() if pairs else {}
    for inode, fds in pairs.items():
        peer = peers.get(inode, -1)
        if peer not in pairs:
            inherited.remarks[fds[0]] = (
                "holds one end of a socket pair; all jobs share it"
            )
        elif inode < peer:  # each pair once
            inherited.steps.append(_anew(_socket_pair, fds, pairs[peer]))


def _socket_pair() -> tuple[int, int]:
    left, right = socket.socketpair()
    return left.detach(), right.detach()


def _flags(fd: int) -> tuple[bool, bool]:
    """Return whether a descriptor blocks, and whether programs inherit it."""
    inherited = not fcntl.fcntl(fd, fcntl.F_GETFD) & fcntl.FD_CLOEXEC
    return os.get_blocking(fd), inherited


def _anew(
    make: Callable[[], tuple[int, int]], left: Sequence[int], right: Sequence[int]
) -> Step:
    """Return a step that replaces two descriptors by a new pair."""
    flags = {fd: _flags(fd) for fd in (*left, *right)}

    def renew() -> None:
        for new, old in zip(make(), (left, right), strict=True):
            _put(new, old, flags)

    return renew


def _put(new: int, old: Iterable[int], flags: dict[int, tuple[bool, bool]]) -> None:
    for fd in old:
        blocks, inherited = flags[fd]
        os.dup2(new, fd, inheritable=inherited)
        os.set_blocking(fd, blocks)
    os.close(new)


def _read_alone(fd: int) -> Step:
    flags = {fd: _flags(fd)}

    def reopen() -> None:
        with suppress(OSError):  # it may be read no more: then it is shared
            new = os.open(f"/proc/self/fd/{fd}", os.O_RDONLY)
            os.lseek(new, os.lseek(fd, 0, os.SEEK_CUR), os.SEEK_SET)
            _put(new, [fd], flags)

    return reopen


def _hang_up(fd: int) -> Step:
    flags = {fd: _flags(fd)}

    def hang_up() -> None:
        ours, theirs = _socket_pair()
        os.close(theirs)
        _put(ours, [fd], flags)

    return hang_up


def _eventfd(fd: int) -> Step:
    flags = {fd: _flags(fd)}
    count = _COUNT.search(_fdinfo(fd))
    events = 0 if count is None else int(count[1], 16)
    return lambda: _put(os.eventfd(min(events, _MOST_EVENTS)), [fd], flags)


class _Event(ctypes.Structure):
    """`struct epoll_event` (epoll_ctl(2)); packed on x86-64 alone."""

    _pack_ = 1 if os.uname().machine == "x86_64" else 0
    _fields_ = (("events", ctypes.c_uint32), ("data", ctypes.c_uint64))


def _epoll(fd: int) -> Step:
    flags = {fd: _flags(fd)}
    watched = [
        (int(target), _Event(int(events, 16), int(data, 16)))
        for target, events, data in _FDINFO.findall(_fdinfo(fd))
    ]

    def renew() -> None:
        new = linux.new_epoll()
        for target, event in watched:
            linux.add_to_epoll(new, target, ctypes.byref(event))
        _put(new, [fd], flags)

    return renew


def _fdinfo(fd: int) -> str:
    with open(f"/proc/self/fdinfo/{fd}", encoding="ascii") as file:
        return file.read()
