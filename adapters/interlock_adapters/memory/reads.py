"""Reads jobs and their records from the store in memory."""

from collections import Counter as Tally
from dataclasses import replace

from interlock.core.errors import JobNotFound
from interlock.core.job import Attempt, HistoryEntry, Job, Rejection
from interlock.core.lifecycle import INITIAL, Event, JobStatus, row_of
from interlock.core.records import LogLine, Page, QueueInfo, Running, Search, WorkerInfo
from interlock_adapters.memory.records import Records
from interlock_adapters.memory.rules import as_running, matches

_RUNNING = row_of(Event.CLAIM).target
_MOST_REJECTIONS = 1000


class Reads:
    """Lists, counts, history, attempts, output."""

    def __init__(self, records: Records) -> None:
        self._records = records

    def get(self, job_id: str) -> Job:
        """See `JobStore.get`."""
        with self._records.lock:
            if job_id not in self._records.jobs:
                raise JobNotFound(job_id)
            return replace(
                self._records.jobs[job_id], read_at=self._records.clock.now()
            )

    def search(self, search: Search) -> Page:
        """See `JobStore.search`."""
        with self._records.lock:
            jobs = sorted(self._records.jobs.values(), key=lambda j: j.id, reverse=True)
        now = self._records.clock.now()
        now_jobs = (replace(j, read_at=now) for j in jobs)
        matching = [j for j in now_jobs if matches(j, search)]
        items = tuple(matching[: search.limit])
        has_more = len(matching) > search.limit
        return Page(items=items, next_cursor=items[-1].id if has_more else None)

    def ids_like(self, part: str, *, limit: int) -> list[str]:
        """See `JobStore.ids_like`."""
        with self._records.lock:
            ids = list(self._records.jobs)
        found = [each for each in ids if each.startswith(part) or each.endswith(part)]
        return sorted(found, reverse=True)[:limit]

    def counts(self) -> dict[JobStatus, int]:
        """See `JobStore.counts`."""
        tally = Tally(job.status for job in list(self._records.jobs.values()))
        return {status: tally[status] for status in JobStatus}

    def history(self, job_id: str) -> list[HistoryEntry]:
        """See `JobStore.history`."""
        self.get(job_id)
        return list(self._records.history[job_id])

    def attempts(self, job_id: str) -> list[Attempt]:
        """See `JobStore.attempts`."""
        self.get(job_id)
        return list(self._records.attempts[job_id])

    def log(
        self,
        job_id: str,
        *,
        after: int = 0,
        before: int | None = None,
        limit: int = 10_000,
        last: bool = False,
    ) -> list[LogLine]:
        """See `JobStore.log`."""
        self.get(job_id)
        lines = [
            line
            for line in self._records.log[job_id]
            if line.seq > after and (before is None or line.seq < before)
        ]
        return lines[max(0, len(lines) - limit) :] if last else lines[:limit]

    def rejections(self, job_id: str | None = None) -> list[Rejection]:
        """See `JobStore.rejections`."""
        rejections = [r for r in self._records.rejections if job_id in (None, r.job_id)]
        return rejections[-_MOST_REJECTIONS:]

    def queues(self) -> list[QueueInfo]:
        """See `JobStore.queues`."""
        with self._records.lock:
            jobs = [j for j in self._records.jobs.values() if not j.is_terminal]
        names = sorted({job.queue for job in jobs} | set(self._records.paused))
        return [self._queue(name, jobs) for name in names]

    def _queue(self, name: str, jobs: list[Job]) -> QueueInfo:
        now = self._records.clock.now()
        waiting = [j for j in jobs if j.queue == name and j.status is INITIAL]
        ready = [job for job in waiting if job.run_at <= now]
        later = [job for job in waiting if job.run_at > now]
        retrying = sum(job.attempt > 0 for job in later)
        running = [j for j in jobs if j.queue == name and j.status is _RUNNING]
        return QueueInfo(
            name=name,
            paused=self._records.paused.get(name, False),
            pending=len(waiting),
            running=len(running),
            oldest_pending_at=min((j.created_at for j in waiting), default=None),
            ready=len(ready),
            scheduled=len(later) - retrying,
            retrying=retrying,
            oldest_ready_at=min((j.run_at for j in ready), default=None),
        )

    def workers(self) -> list[WorkerInfo]:
        """See `JobStore.workers`."""
        return sorted(
            self._records.workers.values(), key=lambda w: (w.started_at, w.id)
        )

    def cancels(self, worker_id: str) -> list[Running]:
        """See `JobStore.cancels`."""
        with self._records.lock:
            return [
                as_running(job)
                for job in self._records.unfinished.values()
                if (job.status, job.worker_id) == (_RUNNING, worker_id)
                and job.cancel_requested_at is not None
                and job.stop_cause is None
            ]

    def check(self) -> None:
        """See `JobStore.check`."""
