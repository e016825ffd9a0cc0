"""Why a job does what it does now, in words."""

from datetime import datetime

from interlock.core.job import Job, Phase
from interlock.jobs import published
from interlock.jobs.registry import registered
from interlock.ports.store import JobStore


def explain(store: JobStore, job_id: str, now: datetime) -> str:  # noqa: PLR0911  (one arm a phase)
    """Return a sentence about a job. Raises JobNotFound."""
    job = store.get(job_id)
    match job.phase:
        case Phase.DONE:
            return (
                f"It is {job.status} ({job.reason}) since {job.finished_at:%F %T} UTC."
            )
        case Phase.SCHEDULED:
            return f"It is scheduled and starts in {_in(job.run_at, now)}."
        case Phase.RETRY_WAIT:
            failed = f"It failed {job.failures} time(s)"
            return f"{failed} and is tried again in {_in(job.run_at, now)}."
        case Phase.QUEUED:
            return _queued(store, job, now)
        case Phase.EXECUTING:
            return f"Attempt {job.attempt} runs on {job.worker_id}."
        case Phase.CANCEL_REQUESTED:
            who = job.cancel_requested_by
            return f"{who} has canceled it; worker {job.worker_id} will stop it."
        case Phase.STOPPING:
            return f"Worker {job.worker_id} is stopping it ({job.stop_cause})."
        case Phase.KILL_UNCONFIRMED:
            return (
                f"Worker {job.worker_id} has killed it, but the kernel does not say "
                "that it is dead (uninterruptible sleep?). It keeps its slot."
            )


def _in(moment: datetime, now: datetime) -> str:
    return f"{max(0.0, (moment - now).total_seconds()):.1f} s"


def _queued(store: JobStore, job: Job, now: datetime) -> str:
    if any(q.name == job.queue and q.paused for q in store.queues()):
        return f"It waits: its queue {job.queue!r} is paused; resume it."
    running, allowed = store.limits().get(job.name, (0, None))
    if allowed is not None and running >= allowed:
        return f"It waits: {running} of {allowed} {job.name!r} jobs run already."
    workers = published.live(store.workers(), now)
    if workers and not published.is_known(job.name, workers):
        return (
            f"It waits: no running worker knows the job name {job.name!r}. Start one "
            "with the job's module: `interlock worker MODULE`."
        )
    if not workers:
        known = "" if job.name in registered() else " (and import the job's module)"
        return f"It waits: there is no worker; start `interlock worker MODULE`{known}."
    return "It waits for a free worker that has this job."
