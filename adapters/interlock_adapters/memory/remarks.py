"""Remarks of people on the causes of failures, in memory."""

from collections.abc import Collection

from interlock.core.causes import Remark
from interlock_adapters.memory.records import Records


class Remarks:
    """See `interlock_adapters.sql.store.remarks`."""

    def __init__(self, records: Records) -> None:
        self._records = records

    def remark(self, remark: Remark) -> None:
        """See `JobStore.remark`."""
        with self._records.lock:
            self._records.remarks.append(remark)

    def remarks(self, causes: Collection[str]) -> list[Remark]:
        """See `JobStore.remarks`."""
        return [each for each in self._records.remarks if each.cause in causes]
