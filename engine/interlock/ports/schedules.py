"""The part of `JobStore` that keeps schedules and decides about their ticks."""

from collections.abc import Sequence
from datetime import datetime
from typing import Final, Protocol

from interlock.core.ticks import ScheduleEdit, ScheduleInfo, Tick

#: Rows of ticks that one transaction deletes.
TICKS_BATCH: Final = 1000


class Schedules(Protocol):
    """Schedules, their edits and their ticks."""

    def all(self) -> list[ScheduleInfo]:
        """Return every schedule, by name."""
        ...

    def get(self, name: str) -> ScheduleInfo:
        """Return a schedule. Raises ScheduleNotFound."""
        ...

    def save(
        self, info: ScheduleInfo, edit: ScheduleEdit, ticks: Sequence[Tick] = ()
    ) -> bool:
        """Store a new version of a schedule, with its edit and what becomes of ticks.

        Version 1 is a new schedule, any other one replaces the version before.

        Returns:
            Whether it was stored: not if the name is taken, or the stored version is
            not the one before.
        """
        ...

    def delete(self, info: ScheduleInfo, edit: ScheduleEdit) -> bool:
        """Delete a schedule with its ticks; its edits stay, and `edit` is the last.

        Returns:
            Whether it was there, in this version.
        """
        ...

    def fire(self, *, now: datetime) -> bool:
        """Decide about ticks that are due: `interlock.core.ticks.plan`, and obey it.

        A tick is decided once, whoever calls this at the same time: its row and its job
        are stored in one transaction. A call decides about some schedules, and some
        ticks of each. `now` is the caller's clock; a store with a clock of its own goes
        by that.

        Returns:
            Whether it did something: there may be more to do.
        """
        ...

    def ticks(self, schedule: str, *, limit: int) -> list[Tick]:
        """Return the ticks of a schedule, the newest first."""
        ...

    def edits(self, schedule: str) -> list[ScheduleEdit]:
        """Return the edits of a schedule, in their order; also of a deleted one."""
        ...

    def forget_ticks(
        self, schedule: str, *, before: datetime, keep: int, limit: int = TICKS_BATCH
    ) -> int:
        """Delete up to `limit` ticks decided before a moment; return how many.

        The newest `keep` ticks stay, whenever they were.
        """
        ...
