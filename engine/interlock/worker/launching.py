"""Starts a claimed job: its lease, its timeout, its trace."""

from datetime import timedelta

from interlock.core.job import Job
from interlock.core.observations import Launch
from interlock.jobs.registry import JobFunction
from interlock.ports.clock import Clock
from interlock.ports.runner import Runner
from interlock.ports.tracing import tracer
from interlock.worker.attempts import Tracked
from interlock.worker.supervision import Supervised


def launch(
    job: Job,
    function: JobFunction[..., object],
    runner: Runner,
    clock: Clock,
    *,
    lease_deadline: float,
    privileges: bool,
) -> Tracked:
    """Start a claimed job, and return its attempt.

    Its lease counts from before the claim was sent (`lease_deadline`, in boot seconds).
    Its timeouts count from now; otherwise a slow store would end jobs as TIMEOUT that
    never ran. With `privileges` it keeps those of the worker, as a job that asks.
    """
    boot, timeout = clock.boot(), job.timeout_s
    remaining = _remaining_s(job)
    limits = [limit for limit in (timeout, remaining) if limit is not None]
    span = tracer().running(job)
    order = Launch(
        job=job,
        lease_deadline=lease_deadline,
        deadline_at=clock.now() + timedelta(seconds=min(limits)) if limits else None,
        isolation=function.isolation,
        limits=function.limits,
        privileges=function.privileges or privileges,
        pass_env=function.pass_env,
        run_as=function.run_as,
        private_tmp=function.private_tmp,
        trace=span.carrier,
    )
    state = Supervised(
        job=job,
        deadline=None if timeout is None else boot + timeout,
        last_moment=None if remaining is None else boot + remaining,
        heard_at=boot,
    )
    return Tracked(state=state, execution=runner.start(order), span=span)


def _remaining_s(job: Job) -> float | None:
    """Return the seconds from the claim until the job's deadline, by one clock."""
    if job.deadline_at is None or job.started_at is None:
        return None
    return (job.deadline_at - job.started_at).total_seconds()
