"""The part of `JobStore` that keeps what jobs have done, and signals to them."""

from collections.abc import Sequence
from datetime import datetime
from typing import Protocol

from interlock.core.job import Job
from interlock.core.records import SignalInfo, Step


class Steps(Protocol):
    """Steps are written by the current attempt alone, and once."""

    def get(self, job_id: str, kind: str, name: str, use: str) -> Step | None:
        """Return a step, None if it was not done."""
        ...

    def put(self, step: Step) -> bool:
        """Store a step, if its attempt runs and has its lease.

        `at` is that of the store. A step of the kind `saved` replaces the one before.
        The same step again is no error: its first answer may have been lost.

        Returns:
            Whether it was stored: not for an attempt that lost the job.

        Raises:
            StepMismatch: the step is done, with another value.
        """
        ...

    def wait_for(self, job_id: str, ids: Sequence[str], *, attempt: int) -> int | None:
        """Record that an attempt waits for jobs, whatever they end as.

        The job is not claimed again before they have ended.

        Returns:
            How many of them have not; None: the attempt has lost the job.

        Raises:
            InvalidOption: one of them waits for this job.
        """
        ...

    def all(self, job_id: str, *, limit: int = 1000) -> list[Step]:
        """Return the first steps of a job, as they were stored."""
        ...

    def send(
        self,
        job_id: str,
        name: str,
        payload: object,
        *,
        by: str,
        now: datetime,
        once: bool = False,
    ) -> Job:
        """Keep a signal for a job, and wake the job if it waits for it.

        `once`: only one signal of `by` is taken for the job.

        Raises:
            JobNotFound: no job has this id.
            IllegalTransition: it has ended. Nothing was written.
            InvalidToken: there is one of `by` already. Nothing was written.
        """
        ...

    def take(self, job_id: str, name: str, *, attempt: int) -> SignalInfo | None:
        """Return the oldest signal of a name that nobody has read, and mark it read.

        In a transaction with the step that keeps what it said.
        """
        ...

    def signals(self, job_id: str, *, limit: int = 1000) -> list[SignalInfo]:
        """Return the first signals to a job, as they came."""
        ...
