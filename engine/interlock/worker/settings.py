"""How a worker works."""

import os
from dataclasses import dataclass, field
from typing import Final

from interlock.core.bounds import check_whole
from interlock.core.errors import InvalidOption

DEFAULT_LEASE_S: Final = 30.0


@dataclass(frozen=True, slots=True, kw_only=True)
class WorkerSettings:
    """How many jobs it runs at once, which, and how it ends.

    Args:
        concurrency: jobs at once; 1 to 1000.
        lease: seconds after which a silent worker's jobs are somebody else's; 1 or
            more. Its jobs are dead a margin of max(20 %, 0.5 s) before that.
        queues: only these; None: all.
        shutdown_grace: seconds that running jobs may go on after a stop.
        job_engine: whether jobs may open the worker's database
            (`current_job().engine`); they can submit jobs in any case.
    """

    concurrency: int = field(default_factory=lambda: os.cpu_count() or 1)
    lease: float = DEFAULT_LEASE_S
    queues: frozenset[str] | None = None
    shutdown_grace: float = 10.0
    job_engine: bool = True

    def __post_init__(self) -> None:
        check_whole("concurrency", self.concurrency, least=1, most=1000)
        if not 1 <= self.lease <= 86_400:  # noqa: PLR2004  (a day)
            raise InvalidOption("lease", self.lease, "1 to 86400 seconds")
        if not 0 <= self.shutdown_grace <= 86_400:  # noqa: PLR2004  (a day)
            raise InvalidOption(
                "shutdown_grace", self.shutdown_grace, "0 to 86400 seconds"
            )

    @property
    def margin(self) -> float:
        """Seconds by which a job dies before its lease expires."""
        return max(0.2 * self.lease, 0.5)
