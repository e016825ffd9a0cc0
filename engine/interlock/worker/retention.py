"""Deletes ended jobs that their `retention` does not keep, a few at a time."""

from collections.abc import Mapping
from datetime import datetime
from typing import Final

from interlock.core.lifecycle import JobStatus
from interlock.core.retention import Keep, read
from interlock.jobs.registry import JobFunction
from interlock.ports.store import JobStore

PERIOD_S: Final = 60.0
#: While there is more to do: others write in between.
PAUSE_S: Final = 0.25


class Retention:
    """The duty of one worker: for the jobs that it knows."""

    def __init__(
        self, store: JobStore, jobs: Mapping[str, JobFunction[..., object]]
    ) -> None:
        self._store = store
        self._kept: dict[tuple[str, JobStatus], Keep] = {
            (job.name, status): keep
            for job in jobs.values()
            for status, keep in read(job.retention).items()
        }
        self._after = ""  # where the next look begins

    @property
    def is_needed(self) -> bool:
        """Whether any job has a retention."""
        return bool(self._kept)

    def run(self, now: datetime) -> bool:
        """Delete some jobs; return whether to go on soon."""
        self._after, is_more = self._store.forget_ended(
            self._kept, self._after, now=now
        )
        return is_more
