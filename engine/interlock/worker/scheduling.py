"""What a worker does for schedules: declares them, obeys them, and forgets old ticks.

Any worker does it for all schedules, also of jobs that it does not know.
"""

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Final

from interlock.jobs.registry import JobFunction
from interlock.jobs.schedules import declarations, declare
from interlock.ports.schedules import TICKS_BATCH
from interlock.ports.store import JobStore

#: Ticks are kept for so long, and so many of each schedule whatever their age.
KEPT: Final = timedelta(days=30)
KEPT_OF_EACH: Final = 100


class Scheduling:
    """The schedules of a store."""

    def __init__(
        self,
        store: JobStore,
        jobs: Mapping[str, JobFunction[..., object]],
        worker_id: str,
    ) -> None:
        self._store = store
        self._jobs = jobs
        self._worker_id = worker_id

    def declare(self) -> None:
        """Store what the jobs of this worker declare."""
        for declaration in declarations(self._jobs.values()):
            declare(self._store, declaration, by=self._worker_id)

    def fire(self, now: datetime) -> bool:
        """Decide about what is due; return whether to look again at once."""
        return self._store.schedules.fire(now=now)

    def forget(self) -> None:
        """Delete old ticks, in batches: others can write in between."""
        before = self._store.now() - KEPT
        schedules = self._store.schedules
        for info in schedules.all():
            deleted = TICKS_BATCH
            while deleted == TICKS_BATCH:
                deleted = schedules.forget_ticks(
                    info.name, before=before, keep=KEPT_OF_EACH
                )
