"""Leaves jobs that this worker's code does not fit to workers whose code does.

While releases follow each other, jobs of the newer and of the older code wait side by
side. A job whose parameters are not those of the function here (by their names) stays
PENDING: it would only fail.
"""

import logging
from collections.abc import Iterable, Mapping
from typing import Any, Final

from interlock.core.job import Job
from interlock.jobs.published import misfit

_log = logging.getLogger("interlock.worker")
#: Of jobs that were passed over; the oldest are forgotten, and found again.
_MOST: Final = 10_000


class Fit:
    """Which jobs fit the functions of this worker, by what it publishes of them."""

    def __init__(self, published: Mapping[str, Any]) -> None:
        self._published = published
        self._passed_over: dict[str, None] = {}  # ids, oldest first
        self._told: set[tuple[str, str]] = set()

    @property
    def passed_over(self) -> frozenset[str]:
        """The ids of jobs that did not fit."""
        return frozenset(self._passed_over)

    def fits(self, job: Job) -> bool:
        """Whether the function of a job's name here takes its parameters."""
        return self._problem(job) is None

    def pass_over(self, jobs: Iterable[Job]) -> None:
        """Leave jobs that did not fit to other workers from now on."""
        for job in jobs:
            self._passed_over[job.id] = None
            told = (job.name, self._problem(job) or "")
            if told not in self._told:
                self._told.add(told)
                _log.warning(
                    "Jobs %r are left to other workers: the function here does not fit "
                    "them (%s). Is this an older or a newer release? First: job %s",
                    *(*told, job.id),
                )
        for job_id in list(self._passed_over)[:-_MOST]:
            del self._passed_over[job_id]

    def _problem(self, job: Job) -> str | None:
        published = self._published.get(job.name)
        return None if published is None else misfit(published["params"], job.params)
