"""Who has a unique key, in the store in memory."""

from datetime import datetime

from interlock.core.job import Job, NewJob
from interlock.core.uniqueness import SPARED, Unique, kept, taken
from interlock.ports.store import PRUNE_BATCH
from interlock_adapters.memory.records import Records


class UniqueKeys:
    """See `JobStore.add`; the caller has the lock."""

    def __init__(self, records: Records) -> None:
        self._records = records

    def holder(self, new: NewJob, wanted: Unique) -> Job | None:
        """Return the job that has the key: to be returned, or to be replaced.

        Raises:
            DuplicateJob: it has the key, and neither is wanted.
        """
        key = new.unique_key
        live = self._records.unfinished.values()
        job = next((job for job in live if key and job.unique_key == key), None)
        if job is not None:
            if wanted.returns or wanted.may_replace(job):
                return job
            raise taken(new, wanted, job)
        job_id, until = self._records.keys.get(key or "", ("", None))
        if until is None or until <= self._records.clock.now():
            return None
        job = self._records.jobs.get(job_id)
        if wanted.returns and job is not None:
            return job
        raise kept(new, job_id, job, until)

    def take(self, new: NewJob, wanted: Unique) -> None:
        """Give the key to a new job."""
        if new.unique_key is None:
            return
        self._records.keys.pop(new.unique_key, None)
        if wanted.kept is not None:
            until = self._records.clock.now() + wanted.kept
            self._records.keys[new.unique_key] = (new.id, until)

    def prune(self, *, now: datetime, limit: int = PRUNE_BATCH) -> int:
        """See `JobStore.prune`."""
        with self._records.lock:
            free = [
                key
                for key, (_, until) in self._records.keys.items()
                if until < now - SPARED
            ][:limit]
            for key in free:
                del self._records.keys[key]
        return len(free)
