"""What a store does beside running jobs: tell what happened, and keep answers.

Parts of the port `JobStore`; who reads on, or answers once, needs no more of it.
"""

from collections.abc import Mapping
from datetime import datetime
from typing import Protocol

from interlock.core.job import HistoryEntry
from interlock.core.records import Answer, Census, Ending, Place


class Telling(Protocol):
    """Reading on from where a reader was, and how much waits."""

    def news(self, after: Mapping[str, int]) -> list[HistoryEntry]:
        """Return the entries with a `seq` beyond the given one of each job.

        By job, each in the order of `seq`. A job that is gone has none.
        """
        ...

    def feed(self, after: Place, *, limit: int) -> list[tuple[Place, HistoryEntry]]:
        """Return the entries of all jobs beyond a place, up to `limit`, in order.

        An entry is left out until every entry that may still come before it is there:
        whoever reads on from the last place misses none. Of one job they come in the
        order of `seq`.
        """
        ...

    def feed_end(self) -> Place:
        """Return the place beyond all that is told now."""
        ...

    def backlog(self, queue: str, *, limit: int) -> int:
        """Return how many PENDING jobs a queue has, counted up to `limit`."""
        ...


class Overviews(Protocol):
    """Looking at everything at once."""

    def recent(self, limit: int) -> list[HistoryEntry]:
        """Return the newest entries of all jobs, the newest first."""
        ...

    def endings(self, since: datetime, *, limit: int) -> list[Ending]:
        """Return the jobs that ended at `since` or later, the last one first."""
        ...

    def census(self) -> Census:
        """Count everything. It reads all jobs: once in a while, not in a loop."""
        ...


class Answering(Protocol):
    """Keys of requests, and what was answered to them."""

    def reserve(self, wanted: Answer, *, now: datetime) -> Answer | None:
        """Keep a key for a request; if it is kept already, return what is kept.

        Of two who ask at once one gets None. What is past its `until` is forgotten.
        """
        ...

    def keep(self, kept: Answer, *, reserved: Answer) -> bool:
        """Store an answer in the place of a reservation, if that is still there.

        Returns:
            Whether it was.
        """
        ...

    def forget(self, reserved: Answer) -> None:
        """Free a key that is still reserved so."""
        ...
