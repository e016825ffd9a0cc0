"""The part of `JobStore` for idempotency: one answer for each key."""

from datetime import datetime
from typing import Protocol

from interlock.core.records import Answer


class IdempotencyKeys(Protocol):
    """Keys of requests, and the answers to them."""

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
