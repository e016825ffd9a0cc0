"""Clocks that a test moves."""

from datetime import UTC, datetime, timedelta
from typing import Final

from interlock.ports.clock import SystemClock

START: Final = datetime(2026, 1, 1, 12, tzinfo=UTC)


class ManualClock:
    """See `Clock`. Wall and boot time move together, and only by `advance`."""

    def __init__(self, start: datetime = START, boot_s: float = 1000.0) -> None:
        self._now = start
        self._boot_s = boot_s

    def now(self) -> datetime:
        """See `Clock.now`."""
        return self._now

    def boot(self) -> float:
        """See `Clock.boot`."""
        return self._boot_s

    def advance(self, seconds: float) -> None:
        """Let time pass."""
        self._now += timedelta(seconds=seconds)
        self._boot_s += seconds


class TravelClock(SystemClock):
    """See `Clock`: the system's time, or freezegun's, moved on by a test."""

    def __init__(self) -> None:
        self._ahead = timedelta()

    def now(self) -> datetime:
        """See `Clock.now`."""
        return super().now() + self._ahead

    def boot(self) -> float:
        """See `Clock.boot`."""
        return super().boot() + self._ahead.total_seconds()

    def advance(self, seconds: float) -> None:
        """Let time pass."""
        self._ahead += timedelta(seconds=seconds)
