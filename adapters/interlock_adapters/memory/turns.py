"""The order of starts in the store in memory: priority, aging, fairness."""

from collections.abc import Iterable
from datetime import datetime

from interlock.core.job import Job


class Turns:
    """See `sql/store/fairness`: the same rule, without a bound on ranked jobs."""

    def __init__(self) -> None:
        self._turns: dict[str, int] = {}  # by job
        self._last: dict[str, int] = {}  # by fairness key

    def in_order(self, jobs: Iterable[Job], now: datetime) -> list[Job]:
        """Return waiting jobs in the order in which they start."""
        jobs = list(jobs)
        due = [job for job in jobs if job.fair_key is not None and job.run_at <= now]
        ranked = [self._turns[job.id] for job in due if job.id in self._turns]
        first = min(ranked, default=1)
        due.sort(key=lambda job: (-urgency(job, now), job.id))
        for job in due:
            if job.id not in self._turns:
                key = str(job.fair_key)
                self._last[key] = max(first, self._last.get(key, 0) + 1)
                self._turns[job.id] = self._last[key]
        return sorted(
            jobs,
            key=lambda job: (-urgency(job, now), self._turns.get(job.id, 0), job.id),
        )


def urgency(job: Job, now: datetime) -> int:
    """Return the priority, and what waiting has added."""
    if job.aging_s is None or job.run_at > now:
        return job.priority
    return job.priority + int((now - job.run_at).total_seconds() // job.aging_s)
