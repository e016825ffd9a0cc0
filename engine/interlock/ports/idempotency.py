"""The part of `JobStore` for idempotency: one answer for each key."""

from datetime import datetime
from typing import Protocol

from interlock.core.records import Answer


class IdempotencyKeys(Protocol):
    """Idempotency keys of requests, and their stored answers."""

    def reserve(self, wanted: Answer, *, now: datetime) -> Answer | None:
        """Reserve a key for a request, or return the answer that is stored for it.

        Of two concurrent callers exactly one gets None. Each call deletes expired
        records.
        """
        ...

    def keep(self, kept: Answer, *, reserved: Answer) -> bool:
        """Replace a reservation by an answer, if the reservation still exists.

        Returns:
            Whether it still existed.
        """
        ...

    def forget(self, reserved: Answer) -> None:
        """Delete a reservation, if it still exists."""
        ...
