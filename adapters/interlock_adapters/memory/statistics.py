"""Reads overviews of all jobs in memory: newest events, ends, counts."""

from collections import Counter as Tally
from datetime import datetime

from interlock.core.job import HistoryEntry
from interlock.core.lifecycle import Event, row_of
from interlock.core.records import EndedJob, Stint, Totals
from interlock_adapters.memory.records import Records

_RUNNING = row_of(Event.CLAIM).target
_US = 1_000_000


class Statistics:
    """Counts and lists over all jobs."""

    def __init__(self, records: Records) -> None:
        self._records = records

    def recent(self, limit: int) -> list[HistoryEntry]:
        """See `JobStore.recent`."""
        with self._records.lock:
            return [entry for _, entry in reversed(self._records.feed[-limit:])]

    def ended_jobs(self, since: datetime, *, limit: int) -> list[EndedJob]:
        """See `JobStore.ended_jobs`."""
        with self._records.lock:
            ended = [
                (job.finished_at, job.id, job)
                for job in self._records.jobs.values()
                if job.finished_at is not None and job.finished_at >= since
            ]
        ended.sort(reverse=True)
        return [
            EndedJob(
                name=job.name,
                queue=job.queue,
                status=job.status,
                created_at=job.created_at,
                started_at=job.started_at,
                finished_at=finished,
            )
            for finished, _, job in ended[:limit]
        ]

    def stints(self, since: datetime, *, limit: int) -> list[Stint]:
        """See `JobStore.stints`."""
        with self._records.lock:
            busy = {entry.job_id for _, entry in self._records.feed[-limit:]}
            busy |= {job.id for job in self._records.select(_RUNNING)}
            found = [
                Stint(
                    job_id=job_id,
                    name=self._records.jobs[job_id].name,
                    attempt=one.attempt,
                    worker_id=one.worker_id,
                    claimed_at=one.claimed_at,
                    ended_at=one.ended_at,
                    outcome=one.outcome,
                )
                for job_id in busy & self._records.jobs.keys()
                for one in self._records.attempts[job_id]
                if one.ended_at is None or one.ended_at >= since
            ]
        return sorted(found, key=lambda one: (one.claimed_at, one.job_id, one.attempt))

    def take_stock(self) -> bool:
        """See `JobStore.take_stock`: there is nothing to prepare."""
        return False

    def totals(self) -> Totals:
        """See `JobStore.totals`."""
        with self._records.lock:
            leases = [
                job.lease_until_us
                for job in self._records.select(_RUNNING)
                if job.lease_until_us is not None
            ]
            now = round(self._records.clock.boot() * _US)
            return Totals(
                jobs=Tally(
                    (job.name, job.status) for job in self._records.jobs.values()
                ),
                rejections=Tally(
                    rejection.event for rejection in self._records.rejections
                ),
                lease_slack_s=(min(leases) - now) / _US if leases else None,
            )
