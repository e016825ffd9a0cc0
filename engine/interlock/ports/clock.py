"""The clocks; no other module of the engine reads one.

There are two kinds of time, never mixed. *Wall time* is for times that people read and
schedule (`run_at`, timestamps; freezegun moves it). *Boot time* is for what must not
jump (leases, deadlines): CLOCK_BOOTTIME counts during suspend, and no clock step moves
it (clock_gettime(2)).
"""

import time
from datetime import UTC, datetime
from typing import Protocol

_BOOTTIME = getattr(time, "CLOCK_BOOTTIME", time.CLOCK_MONOTONIC)  # macOS has no former


class Clock(Protocol):
    """A source of time; tests pass their own."""

    def now(self) -> datetime:
        """Return the wall time, aware, in UTC."""
        ...

    def boot(self) -> float:
        """Return the seconds since boot, suspend included."""
        ...


def boot() -> float:
    """Return the seconds since this machine's boot, suspend included."""
    return time.clock_gettime(_BOOTTIME)


class SystemClock:
    """The clock of this machine."""

    def now(self) -> datetime:
        """See `Clock.now`."""
        return datetime.now(UTC)

    def boot(self) -> float:
        """See `Clock.boot`."""
        return boot()


def boot_id() -> str:
    """Return an id that is the same for all processes until the machine reboots."""
    try:
        with open("/proc/sys/kernel/random/boot_id", encoding="ascii") as file:
            return file.read().strip()
    except OSError:  # not Linux: the boot's wall time, coarse enough not to wobble
        return f"boot-{round((time.time() - time.monotonic()) / 60)}"
