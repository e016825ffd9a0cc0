"""Explains in a sentence what a job is doing, or why it does not run."""

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
                f"{job.status} ({job.reason}) since {job.finished_at:%F %T} UTC, "
                f"after {job.attempt} attempt(s)."
            )
        case Phase.SCHEDULED:
            return f"Scheduled for {job.run_at:%F %T} UTC, in {_in(job.run_at, now)}."
        case Phase.RETRY_WAIT:
            failed = f"Failed {job.failures} time(s)"
            return f"{failed}. The next attempt starts in {_in(job.run_at, now)}."
        case Phase.SNOOZED:
            return f"Snoozed: its function asked to go on in {_in(job.run_at, now)}."
        case Phase.QUEUED:
            return _queued(store, job, now)
        case Phase.EXECUTING:
            return f"Attempt {job.attempt} is running on worker {job.worker_id}."
        case Phase.CANCEL_REQUESTED:
            requester = job.cancel_requested_by
            return (
                f"Cancel requested by {requester}. Worker {job.worker_id} will stop it."
            )
        case Phase.STOPPING:
            return f"Worker {job.worker_id} is stopping it ({job.stop_cause})."
        case Phase.KILL_UNCONFIRMED:
            return (
                f"Worker {job.worker_id} has killed it, but the kernel has not "
                "confirmed its death (uninterruptible sleep?). It keeps its slot."
            )


def _in(moment: datetime, now: datetime) -> str:
    return f"{max(0.0, (moment - now).total_seconds()):.1f} s"


def _queued(store: JobStore, job: Job, now: datetime) -> str:  # noqa: PLR0911  (one arm a reason)
    if any(q.name == job.queue and q.paused for q in store.queues()):
        return (
            f"Waiting: queue {job.queue!r} is paused. Resume it: "
            f"interlock resume {job.queue}"
        )
    running, allowed = store.limits().get(job.name, (0, None))
    if allowed is not None and running >= allowed:
        return (
            f"Waiting: {running} of at most {allowed} {job.name!r} jobs are running "
            "(max_running)."
        )
    workers = published.live(store.workers(), now)
    if workers and not published.is_known(job.name, workers):
        return (
            f"Waiting: no running worker knows the job name {job.name!r}. Start one "
            "with the job's module: interlock worker MODULE"
        )
    if not workers:
        module_hint = "" if job.name in registered() else ", with the job's module"
        return (
            f"Waiting: no worker is running. Start one{module_hint}: "
            "interlock worker MODULE"
        )
    if workers and all(worker.trouble for worker in workers):
        return f"Waiting: worker {workers[0].id} cannot start it: {workers[0].trouble}."
    misfit = published.misfit_everywhere(job, workers)
    if misfit is not None:
        return (
            f"Waiting: the code of no running worker fits its parameters ({misfit}). "
            "Start a worker with the release that it was submitted for, or cancel it: "
            f"interlock cancel {job.id}"
        )
    return f"Waiting for a free slot of a worker that knows {job.name!r}."
