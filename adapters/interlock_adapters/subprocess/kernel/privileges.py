"""Takes privileges from a job by which it could get out of its supervisor's hands."""

import ctypes
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any, Final

#: Without them, root too can neither mount, enter namespaces, trace other processes or
#: read their memory, load modules nor write to devices' memory (capabilities(7);
#: linux/capability.h). With PERFMON, recent kernels let a process read any memory.
CAPABILITIES: Final = {
    "SYS_MODULE": 16,
    "SYS_RAWIO": 17,
    "SYS_PTRACE": 19,
    "SYS_ADMIN": 21,
    "PERFMON": 38,
}
_MASK: Final = sum(1 << number for number in CAPABILITIES.values())
_SETPCAP: Final = 1 << 8
_VERSION: Final = 0x20080522  # linux/capability.h, _LINUX_CAPABILITY_VERSION_3
_CAPBSET_READ, _CAPBSET_DROP = 23, 24  # linux/prctl.h
_SET_NO_NEW_PRIVS = 38
_REHEARSALS: Final = 16

Call = tuple[Callable[..., int], Sequence[Any]]


class _Header(ctypes.Structure):
    _fields_ = (("version", ctypes.c_uint32), ("pid", ctypes.c_int))


class _Words(ctypes.Structure):
    _fields_ = (
        ("effective", ctypes.c_uint32),
        ("permitted", ctypes.c_uint32),
        ("inheritable", ctypes.c_uint32),
    )


def dropper() -> Callable[[], None]:
    """Return a function that takes the privileges from the process that calls it.

    Nothing that it executes can gain any. What there is to take is found here, before
    the forks: there each page that is touched is copied. Not on Linux: it does nothing.
    """
    libc = ctypes.CDLL(None)  # without errno: to keep it touches pages in each fork
    if not hasattr(libc, "capset") or not hasattr(libc, "prctl"):
        return _nothing
    calls: list[Call] = [(libc.prctl, (_SET_NO_NEW_PRIVS, 1, 0, 0, 0))]
    header = ctypes.byref(_Header(_VERSION, 0))
    words = (_Words * 2)()  # 64 capabilities, 32 in a word
    for _ in range(_REHEARSALS):  # what is adapted here no fork adapts again (PEP 659)
        _perform([(libc.capget, (header, ctypes.byref(words)))])
    if words[0].effective & _SETPCAP:  # else no_new_privs keeps it from being gained
        calls += [
            (libc.prctl, (_CAPBSET_DROP, number, 0, 0, 0))
            for number in CAPABILITIES.values()
            if libc.prctl(_CAPBSET_READ, number, 0, 0, 0) == 1
        ]
    had_any = [_take(word, _MASK >> 32 * n) for n, word in enumerate(words)]
    if any(had_any):
        calls.append((libc.capset, (header, ctypes.byref(words))))
    return partial(_perform, calls)


def lacking(capabilities: Mapping[str, int]) -> list[str]:
    """Return the names of those capabilities that this process cannot use."""
    libc = ctypes.CDLL(None)
    words = (_Words * 2)()
    header = ctypes.byref(_Header(_VERSION, 0))
    _perform([(libc.capget, (header, ctypes.byref(words)))])
    effective = words[0].effective | words[1].effective << 32
    return [
        name for name, number in capabilities.items() if not effective >> number & 1
    ]


def _take(word: _Words, mask: int) -> bool:
    """Remove capabilities from a word of all sets; return whether any was there."""
    had_any = bool((word.effective | word.permitted | word.inheritable) & mask)
    word.effective &= ~mask
    word.permitted &= ~mask
    word.inheritable &= ~mask
    return had_any


def _nothing() -> None:
    """Take nothing."""


def _perform(calls: Sequence[Call]) -> None:
    """Make system calls. Raises OSError."""
    for function, arguments in calls:
        if function(*arguments) != 0:
            raise OSError("the kernel does not let a job give up its privileges")
