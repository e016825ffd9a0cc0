"""Measures the CPU seconds and the memory of a job's process tree."""

import os
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from typing import Final

_PAGE: Final = os.sysconf("SC_PAGE_SIZE")
_KIB: Final = 1024
_MIB: Final = 1024 * 1024
_LISTED: Final = 5
_LARGE: Final = 256 * _MIB


class Usage:
    """The CPU time and the peak memory of one job's processes."""

    def __init__(self) -> None:
        self.cpu_s = 0.0
        self.peak_bytes = 0

    def ended(self, cpu_s: float, peak_kib: int) -> None:
        """Count a process, including the children that it has waited for.

        Its peak includes the pages that it shares with the zygote.
        """
        self.cpu_s += cpu_s
        self.peak_bytes = max(self.peak_bytes, peak_kib * _KIB)


def resident(pids: Iterable[int]) -> int:
    """Return bytes that the processes have at most: each shared page counts in each."""
    total = 0
    for pid in pids:
        with suppress(OSError, IndexError, ValueError):
            fd = os.open(f"/proc/{pid}/statm", os.O_RDONLY)
            try:
                total += int(os.read(fd, 128).split()[1])
            finally:
                os.close(fd)
    return total * _PAGE


def proportional(pids: Iterable[int]) -> dict[int, int]:
    """Return the bytes of each: a page that n processes share counts 1/n (proc(5)).

    It walks page tables: ask only where `resident` is over a limit. Of another user's
    process it needs SYS_PTRACE; else each of its pages counts.
    """
    sizes = {}
    for pid in pids:
        try:
            with open(f"/proc/{pid}/smaps_rollup", "rb") as file:
                lines = [line.split() for line in file if line.startswith(b"Pss:")]
            sizes[pid] = int(lines[0][1]) * _KIB
        except PermissionError:
            sizes[pid] = resident([pid])
        except (OSError, IndexError, ValueError):
            continue
    return sizes


def used(pids: Iterable[int]) -> int:
    """Return about how many bytes some processes use together, in little time.

    Of a large process each page counts: what it shares is little of it.
    """
    total = 0
    for pid in pids:
        size = resident([pid])
        total += size if size > _LARGE else proportional([pid]).get(pid, 0)
    return total


def over_limit(sizes: Mapping[int, int], limit: int) -> str:
    """Return the error text for a tree that uses more memory than its limit."""
    largest = sorted(sizes, key=lambda pid: -sizes[pid])[:_LISTED]
    each = ", ".join(f"{_name(pid)} {sizes[pid] // _MIB}" for pid in largest)
    return (
        f"the job used {sum(sizes.values()) // _MIB} MiB of memory; its limit is "
        f"memory_mb={limit // _MIB}. Its largest processes, in MiB: {each}"
    )


def too_many(pids: Sequence[int], most: int) -> str:
    """Return the error text for a tree of more processes than its limit."""
    return (
        f"the job had {len(pids)} processes at once; its limit is processes={most}. "
        f"The first of them: {', '.join(map(_name, pids[:_LISTED]))}"
    )


def _name(pid: int) -> str:
    try:
        with open(f"/proc/{pid}/comm", encoding="utf-8", errors="replace") as file:
            return file.read().strip()
    except OSError:
        return "?"
