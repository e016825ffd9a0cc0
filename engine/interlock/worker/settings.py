"""Worker configuration."""

import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

from interlock.core.bounds import check_whole
from interlock.core.errors import InvalidOption

DEFAULT_LEASE_S: Final = 30.0
DEFAULT_SHUTDOWN_GRACE_S: Final = 5.0  # `docker stop` kills after 10 s


@dataclass(frozen=True, slots=True, kw_only=True)
class WorkerSettings:
    """The settings of a worker.

    Args:
        concurrency: number of jobs to run at once; 1 to 1000. By default one for each
            CPU core.
        lease: seconds without a heartbeat after which other workers take over; 1 to
            86400. Its jobs are killed max(20 %, 0.5 s) of the lease before that.
        queues: run only jobs of these queues; None: of all. With weights, such as
            {"fast": 3, "slow": 1}, three of four starts are of "fast" while both have
            jobs; 1 to 1000.
        shutdown_grace: seconds to let running jobs finish at shutdown.
        job_engine: whether jobs may open the worker's database
            (`current_job().engine`); they can submit jobs in any case.
        privileges: whether all jobs keep the privileges of the worker, as with
            `@job(privileges=True)`.
    """

    concurrency: int = field(default_factory=lambda: os.cpu_count() or 1)
    lease: float = DEFAULT_LEASE_S
    queues: frozenset[str] | Mapping[str, int] | None = None
    shutdown_grace: float = DEFAULT_SHUTDOWN_GRACE_S
    job_engine: bool = True
    privileges: bool = False

    def __post_init__(self) -> None:
        check_whole("concurrency", self.concurrency, least=1, most=1000)
        if not 1 <= self.lease <= 86_400:  # noqa: PLR2004  (a day)
            raise InvalidOption("lease", self.lease, "1 to 86400 seconds")
        if not 0 <= self.shutdown_grace <= 86_400:  # noqa: PLR2004  (a day)
            raise InvalidOption(
                "shutdown_grace", self.shutdown_grace, "0 to 86400 seconds"
            )

        for queue, weight in self.queue_weights.items():
            check_whole(f"queues[{queue!r}]", weight, least=1, most=1000)

    @property
    def queue_names(self) -> frozenset[str] | None:
        """The queues whose jobs it runs; None: all."""
        return None if self.queues is None else frozenset(self.queues)

    @property
    def queue_weights(self) -> Mapping[str, int]:
        """The weights of its queues; none if they have none."""
        return self.queues if isinstance(self.queues, Mapping) else {}

    @property
    def margin(self) -> float:
        """Seconds before the end of the lease at which a job is killed."""
        return max(0.2 * self.lease, 0.5)
