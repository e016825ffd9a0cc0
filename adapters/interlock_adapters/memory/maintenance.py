"""Maintenance of the store in memory: lost jobs, limits, purging, workers."""

from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime, timedelta

from interlock.core.errors import JobNotFound
from interlock.core.guards import awaited, undeletable
from interlock.core.job import Job
from interlock.core.lifecycle import INITIAL, Event, JobStatus, row_of
from interlock.core.records import Fault, Lost, Needs, WorkerInfo
from interlock.core.replay import faults
from interlock.core.retention import Keep
from interlock.core.uniqueness import SPARED
from interlock.ports.store import PURGE_BATCH
from interlock_adapters.memory.dependencies import Dependencies
from interlock_adapters.memory.limits import Limits
from interlock_adapters.memory.records import Records
from interlock_adapters.memory.schedules import Schedules

_RUNNING = row_of(Event.CLAIM).target


class Maintenance:
    """Lost and overdue jobs, limits, purging, workers."""

    def __init__(
        self,
        records: Records,
        limits: Limits,
        schedules: Schedules,
        links: Dependencies,
    ) -> None:
        self._links = links
        self._records = records
        self._limits = limits
        self._schedules = schedules

    def lost(self, *, now: datetime, limit: int) -> list[Lost]:
        """See `JobStore.lost`."""
        running = [
            Lost(
                job=replace(job, read_at=now),
                lease_expired=not self._records.is_leased(job),
            )
            for job in self._records.select(_RUNNING)
            if not job.kill_unconfirmed
        ]
        return sorted(running, key=lambda lost: not lost.lease_expired)[:limit]

    def overdue(self, *, now: datetime, limit: int) -> list[Job]:
        """See `JobStore.overdue`."""
        waiting = self._records.select(INITIAL)
        late = [j for j in waiting if _is_past(j.start_by, now)]
        late += [j for j in waiting if _is_past(j.deadline_at, now) and j not in late]
        return late[:limit]

    def needs(self, *, now: datetime) -> Needs:
        """See `JobStore.needs`."""
        due = self.next_due(now=now)
        moments = [due, *(at for at in self._limits.openings(now) if at)]
        due = min((at for at in moments if at is not None), default=None)
        schedules = self._schedules.all()
        ticks = [s.next_at for s in schedules if s.next_at and not s.paused]
        return Needs(
            claim=any(job.run_at <= now for job in self._records.select(INITIAL)),
            rescue=bool(self._records.select(_RUNNING)),
            expire=bool(self.overdue(now=now, limit=1)),
            reopen=due is not None and due <= now,
            prune=any(until < now - SPARED for _, until in self._records.keys.values()),
            due_in_s=None if due is None else (due - now).total_seconds(),
            fire=any(self._schedules.is_due(each, now) for each in schedules),
            tick_in_s=min(
                ((tick - now).total_seconds() for tick in ticks), default=None
            ),
        )

    def next_due(self, *, now: datetime) -> datetime | None:
        """See `JobStore.next_due`."""
        return min(
            (j.run_at for j in self._records.select(INITIAL) if j.run_at > now),
            default=None,
        )

    def set_paused(self, queue: str, *, paused: bool) -> None:
        """See `JobStore.set_paused`."""
        self._records.paused[queue] = paused
        self._records.wake()

    def purge(
        self, *, older_than: timedelta, now: datetime, limit: int = PURGE_BATCH
    ) -> int:
        """See `JobStore.purge`."""
        finished_before = now - older_than
        with self._records.lock:
            old = [
                job
                for job in self._records.jobs.values()
                if job.finished_at is not None and job.finished_at < finished_before
                if not self._links.is_awaited(job.id)
            ]
            old.sort(key=lambda job: (job.finished_at, job.id))
            for job in old[:limit]:
                self._records.remove(job.id)
        return len(old[:limit])

    def forget_ended(
        self,
        kept: Mapping[tuple[str, JobStatus], Keep],
        after: str,
        *,
        now: datetime,
    ) -> tuple[str, bool]:
        """See `JobStore.forget_ended`."""
        del after
        with self._records.lock:
            for (name, status), keep in kept.items():
                ended = [
                    job
                    for job in self._records.jobs.values()
                    if (job.name, job.status) == (name, status)
                    and not self._links.is_awaited(job.id)
                ]
                ended.sort(key=lambda job: (job.finished_at, job.id))
                excess = 0 if keep.jobs is None else len(ended) - keep.jobs
                for place, job in enumerate(ended):
                    age = now - (job.finished_at or now)
                    if place < excess or (keep.age is not None and age > keep.age):
                        self._records.remove(job.id)
        return "", False

    def delete(self, job_id: str) -> None:
        """See `JobStore.delete`."""
        with self._records.lock:
            job = self._records.jobs.get(job_id)
            if job is None:
                raise JobNotFound(job_id)
            if not job.is_terminal:
                raise undeletable(job)
            if self._links.is_awaited(job_id):
                raise awaited(job)
            self._records.remove(job_id)

    def see_worker(self, worker: WorkerInfo) -> None:
        """See `JobStore.see_worker`."""
        self._records.workers[worker.id] = worker

    def forget_worker(self, worker_id: str) -> None:
        """See `JobStore.forget_worker`."""
        self._records.workers.pop(worker_id, None)

    def verify(self) -> list[Fault]:
        """See `JobStore.verify`."""
        with self._records.lock:
            return [
                fault
                for job in self._records.jobs.values()
                for fault in faults(job, self._records.history[job.id])
            ]


def _is_past(moment: datetime | None, now: datetime) -> bool:
    return moment is not None and moment < now
