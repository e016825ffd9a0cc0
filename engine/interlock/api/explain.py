"""Explains in a sentence what a job is doing, or why it does not run."""

from datetime import datetime

from interlock.core.job import Job, Phase
from interlock.jobs import published
from interlock.jobs.redaction import Redaction
from interlock.jobs.registry import registered
from interlock.ports.store import JobStore

_SHOWN = 3  # of the jobs that hold a limit


def explain(store: JobStore, job_id: str, now: datetime) -> str:  # noqa: C901, PLR0911  (one arm a phase)
    """Return a sentence about a job. Raises JobNotFound."""
    job = store.get(job_id)
    match job.phase:
        case Phase.DONE:
            return (
                f"{job.status} ({job.reason}) since {job.finished_at:%F %T} UTC, "
                f"after {job.attempt} attempt(s)."
            )
        case Phase.HELD:
            return _held(job)
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


def _held(job: Job) -> str:
    why = f": {Redaction(job).text(job.hold_reason)}" if job.hold_reason else ""
    until = f" until {job.hold_until:%F %T} UTC" if job.hold_until else ""
    return (
        f"Held by {job.hold_by}{until}{why}. Release it: "
        f"interlock release-hold job:{job.id}"
    )


def _blocked(store: JobStore, job: Job, now: datetime) -> list[str]:
    """Return what keeps a job from being claimed, a sentence each."""
    held = {f"hold:{hold.target}": hold for hold in store.holds()}
    sentences = []
    for blocker in store.blockers(job.id, now=now):
        kind, _, name = blocker.cause.partition(":")
        match kind:
            case "paused":
                text = f"queue {name!r} is paused. Resume it: interlock resume {name}"
            case "hold" if blocker.cause in held:
                hold = held[blocker.cause]
                why = f" ({hold.reason})" if hold.reason else ""
                text = (
                    f"{hold.by} holds {name}{why}. Release it: "
                    f"interlock release-hold {name}"
                )
            case "key":
                shown = ", ".join(blocker.holders[:_SHOWN]) or "fewer than it needs"
                text = (
                    f"the limit {name!r} is full: {len(blocker.holders)} of at most "
                    f"{blocker.allowed} run ({shown})."
                )
            case "rate":
                text = (
                    f"the rate of {name!r} is used up: {blocker.allowed} starts; the "
                    f"next one in {_in(blocker.until or now, now)}."
                )
            case _:
                continue
        sentences.append(text)
    return sentences


def _in(moment: datetime, now: datetime) -> str:
    return f"{max(0.0, (moment - now).total_seconds()):.1f} s"


def _queued(store: JobStore, job: Job, now: datetime) -> str:
    blocked = _blocked(store, job, now)
    if blocked:
        return "Waiting: " + " Also: ".join(blocked)
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
