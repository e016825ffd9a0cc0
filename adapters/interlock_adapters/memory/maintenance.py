"""Maintenance of the store in memory: limits, purging, workers."""

from datetime import datetime

from interlock.core.guards import undeletable
from interlock.core.records import Answer, WorkerInfo
from interlock_adapters.memory.reads import Records


class Maintenance(Records):
    """Limits, purging, workers."""

    def _ring(self) -> None:
        for wakeup in self._wakeups:
            wakeup.wake()

    def set_paused(self, queue: str, *, paused: bool) -> None:
        """See `JobStore.set_paused`."""
        self._paused[queue] = paused
        self._ring()

    def set_limit(self, name: str, max_running: int | None) -> None:
        """See `JobStore.set_limit`."""
        if max_running is None:
            self._limits.pop(name, None)
        else:
            self._limits[name] = max_running
        self._ring()

    def purge(self, *, finished_before: datetime, limit: int = 1000) -> int:
        """See `JobStore.purge`."""
        with self._lock:
            old = [
                job
                for job in self._jobs.values()
                if job.finished_at is not None and job.finished_at < finished_before
            ]
            old.sort(key=lambda job: (job.finished_at, job.id))
            for job in old[:limit]:
                self._forget(job.id)
        return len(old[:limit])

    def delete(self, job_id: str) -> None:
        """See `JobStore.delete`."""
        with self._lock:
            job = self.get(job_id)
            if not job.is_terminal:
                raise undeletable(job)
            self._forget(job_id)

    def reserve(self, wanted: Answer, *, now: datetime) -> Answer | None:
        """See `JobStore.reserve`."""
        with self._lock:
            kept = self._answers
            self._answers = {k: a for k, a in kept.items() if a.until >= now}
            found = self._answers.get(wanted.key)
            self._answers.setdefault(wanted.key, wanted)
            return found

    def keep(self, kept: Answer, *, reserved: Answer) -> bool:
        """See `JobStore.keep`."""
        with self._lock:
            still = self._answers.get(kept.key) == reserved
            if still:
                self._answers[kept.key] = kept
            return still

    def forget(self, reserved: Answer) -> None:
        """See `JobStore.forget`."""
        with self._lock:
            if self._answers.get(reserved.key) == reserved:
                del self._answers[reserved.key]

    def _forget(self, job_id: str) -> None:
        self._feed = [told for told in self._feed if told[1].job_id != job_id]
        for records in (self._jobs, self._history, self._attempts, self._log):
            records.pop(job_id, None)
        self._rejections = [r for r in self._rejections if r.job_id != job_id]

    def see_worker(self, worker: WorkerInfo) -> None:
        """See `JobStore.see_worker`."""
        self._workers[worker.id] = worker

    def forget_worker(self, worker_id: str) -> None:
        """See `JobStore.forget_worker`."""
        self._workers.pop(worker_id, None)
