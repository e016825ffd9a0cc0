"""Keeps the answers to requests with an idempotency key in memory."""

from datetime import datetime

from interlock.core.records import Answer
from interlock_adapters.memory.records import Records


class IdempotencyKeys:
    """Keys of requests and the answers to them. Each insert deletes expired ones."""

    def __init__(self, records: Records) -> None:
        self._records = records

    def reserve(self, wanted: Answer, *, now: datetime) -> Answer | None:
        """See `JobStore.reserve`."""
        with self._records.lock:
            kept = self._records.answers
            self._records.answers = {k: a for k, a in kept.items() if a.until >= now}
            stored = self._records.answers.get(wanted.key)
            self._records.answers.setdefault(wanted.key, wanted)
            return stored

    def keep(self, kept: Answer, *, reserved: Answer) -> bool:
        """See `JobStore.keep`."""
        with self._records.lock:
            is_reserved = self._records.answers.get(kept.key) == reserved
            if is_reserved:
                self._records.answers[kept.key] = kept
            return is_reserved

    def forget(self, reserved: Answer) -> None:
        """See `JobStore.forget`."""
        with self._records.lock:
            if self._records.answers.get(reserved.key) == reserved:
                del self._records.answers[reserved.key]
