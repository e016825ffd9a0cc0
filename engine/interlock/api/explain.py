"""Explains what a job is doing: every reason why it does not run, or how it ended.

What the claim decides is asked of the store by the claim's own query
(`JobStore.blockers`), so that what is said cannot drift from what is done.
"""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Final

from interlock.core.job import Job, Phase
from interlock.core.lifecycle import INITIAL, Reason
from interlock.core.records import SIGNAL, Blocker, Explanation, Hold, WorkerInfo
from interlock.jobs import published
from interlock.jobs.redaction import Redaction
from interlock.jobs.registry import registered
from interlock.ports.store import JobStore

_SHOWN: Final = 3  # of the jobs that hold a limit
#: Causes whose sentence says that the job waits.
_SAY_SO: Final = {
    *("held", "scheduled", "retry_wait", "snoozed", "sleeping", "waiting", "busy"),
}
_FOR_EVER: Final = timedelta(days=3000)  # a wait without a timeout
_Because = tuple[Blocker, str]  # a reason, and its sentence


def explain(store: JobStore, job_id: str, now: datetime) -> Explanation:
    """Return what is to be said of a job. Raises JobNotFound."""
    job = store.get(job_id)
    if job.is_terminal:
        return Explanation(_ended(store, job))
    if job.status is not INITIAL:
        return Explanation(_running(job))
    because = list(_waiting(store, job, now))
    text = " Also: ".join(sentence for _, sentence in because)
    reasons = [blocker for blocker, _ in because]
    if reasons[0].cause not in _SAY_SO:
        text = f"Waiting: {text}"
    return Explanation(text, reasons)


def _ended(store: JobStore, job: Job) -> str:
    told = (
        f"{job.status} ({job.reason}) since {job.finished_at:%F %T} UTC, "
        f"after {job.attempt} attempt(s)."
    )
    why = None
    if job.error is not None:
        kind = f"{job.error.type}: " if job.error.type else ""
        why = kind + job.error.message.partition("\n")[0]
    elif job.reason is Reason.PARENT:
        words = store.history(job.id)[-1].reason or ""
        why = f"Because {words.removeprefix(f'{Reason.PARENT}: ')}"
    elif job.cancel_requested_by is not None:
        reason = f": {job.cancel_reason}" if job.cancel_reason else ""
        why = f"canceled by {job.cancel_requested_by}{reason}"
    elif job.reason in (Reason.FULL, Reason.REPLACED):
        why = store.history(job.id)[-1].reason
    return told if why is None else f"{told} {Redaction(job).text(why)}"


def _running(job: Job) -> str:
    match job.phase:
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
        case _:
            return f"Attempt {job.attempt} is running on worker {job.worker_id}."


def _waiting(store: JobStore, job: Job, now: datetime) -> Iterator[_Because]:
    """Yield every reason why a job waits; there is at least one."""
    if job.hold_by is not None:
        yield Blocker(cause="held", until=job.hold_until), _held(job)
    if job.run_at > now:
        yield _not_due(job, now)
    blocked = list(_blocked(store, job, now))
    yield from blocked
    if job.run_at > now:
        return
    lacking = _lacking(job, published.live(store.workers(), now))
    if lacking is not None:
        yield lacking
    elif not blocked and job.hold_by is None:
        sentence = f"Waiting for a free slot of a worker that knows {job.name!r}."
        yield Blocker(cause="busy"), sentence


def _held(job: Job) -> str:
    why = f": {Redaction(job).text(job.hold_reason)}" if job.hold_reason else ""
    return (
        f"Held by {job.hold_by}{_until(job.hold_until)}{why}. Release it: "
        f"interlock release-hold job:{job.id}"
    )


def _not_due(job: Job, now: datetime) -> _Because:
    wait = _in(job.run_at, now)
    if job.waits_for is not None:
        cause, text = "waiting", _of_signal(job, now)
    elif job.reason is Reason.SLEEPING:
        cause, text = "sleeping", f"Sleeping: it goes on in {wait}."
    elif job.reason is Reason.SNOOZED:
        cause, text = "snoozed", f"Snoozed: its function asked to go on in {wait}."
    elif job.failures:
        cause = "retry_wait"
        text = f"Failed {job.failures} time(s). The next attempt starts in {wait}."
    else:
        cause = "scheduled"
        text = f"Scheduled for {job.run_at:%F %T} UTC, in {wait}."
    return Blocker(cause=cause, until=job.run_at), text


def _of_signal(job: Job, now: datetime) -> str:
    name = str(job.waits_for).removeprefix(SIGNAL)
    is_endless = job.run_at - now > _FOR_EVER
    until = "" if is_endless else f", for {_in(job.run_at, now)} more"
    return (
        f"Waiting for the signal {name!r}{until}. Send it: "
        f"interlock signal {job.id} {name}"
    )


def _blocked(store: JobStore, job: Job, now: datetime) -> Iterator[_Because]:
    """Yield what keeps a job from being claimed."""
    blockers = store.blockers(job.id, now=now)
    needs_holds = any(blocker.cause.startswith("hold:") for blocker in blockers)
    holds = {hold.target: hold for hold in store.holds()} if needs_holds else {}
    for blocker in blockers:
        kind, _, name = blocker.cause.partition(":")
        match kind:
            case "due":  # it is said already
                continue
            case "paused":
                text = f"queue {name!r} is paused. Resume it: interlock resume {name}"
            case "hold":
                hold = holds.get(name)
                text = _of_hold(name, hold)
                blocker = replace(blocker, until=None if hold is None else hold.until)  # noqa: PLW2901  (of the hold)
            case "dependencies":
                text = _of_parents(job, blocker.holders)
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
            case _:  # its time is over: `expired`, `overdue`
                text = f"it is {kind}, and is about to be canceled."
        yield blocker, text


def _of_parents(job: Job, waits_for: Sequence[str]) -> str:
    shown = ", ".join(waits_for[:_SHOWN])
    more = ", ..." if len(waits_for) > _SHOWN else ""
    if job.attempt:  # those that it depended on have ended
        return f"{len(waits_for)} job(s) that it waits for must end: {shown}{more}."
    return (
        f"it depends on {job.dependencies} job(s), and {len(waits_for)} of them must "
        f"still end: {shown}{more}."
    )


def _of_hold(target: str, hold: Hold | None) -> str:
    by = "somebody" if hold is None else hold.by
    until = _until(None if hold is None else hold.until)
    why = f" ({hold.reason})" if hold is not None and hold.reason else ""
    release = f"Release it: interlock release-hold {target}"
    return f"{by} holds {target}{until}{why}. {release}"


def _until(moment: datetime | None) -> str:
    return f" until {moment:%F %T} UTC" if moment else ""


def _lacking(job: Job, workers: Sequence[WorkerInfo]) -> _Because | None:
    """Return why no worker would start the job; None: one would."""
    if not workers:
        module_hint = "" if job.name in registered() else ", with the job's module"
        return Blocker(cause="no_worker"), (
            f"no worker is running. Start one{module_hint}: interlock worker MODULE"
        )
    if not published.is_known(job.name, workers):
        return Blocker(cause="unknown_name"), (
            f"no running worker knows the job name {job.name!r}. Start one "
            "with the job's module: interlock worker MODULE"
        )
    if all(w.queues is not None and job.queue not in w.queues for w in workers):
        return Blocker(cause="unserved_queue"), (
            f"no running worker serves the queue {job.queue!r}. Start one: "
            f"interlock worker MODULE --queues {job.queue}"
        )
    if all(worker.trouble for worker in workers):
        return Blocker(cause="trouble"), (
            f"worker {workers[0].id} cannot start it: {workers[0].trouble}."
        )
    misfit = published.misfit_everywhere(job, workers)
    if misfit is None:
        return None
    return Blocker(cause="misfit"), (
        f"the code of no running worker fits its parameters ({misfit}). "
        "Start a worker with the release that it was submitted for, or cancel it: "
        f"interlock cancel {job.id}"
    )


def _in(moment: datetime, now: datetime) -> str:
    return f"{max(0.0, (moment - now).total_seconds()):.1f} s"
