"""Holds: of a job, or of all jobs of a name, a queue or a key."""

from collections.abc import Callable, Iterable
from dataclasses import replace
from datetime import datetime
from typing import Final

from interlock.core.errors import InvalidOption, JobNotFound
from interlock.core.ids import refuse_malformed
from interlock.core.job import Job, Move
from interlock.core.lifecycle import Event
from interlock.core.records import SCHEDULE, Hold
from interlock.jobs.options import check_instant, check_words
from interlock.jobs.redaction import HIDDEN, Redaction
from interlock.ports.clock import Clock
from interlock.ports.store import JobStore

JOB: Final = "job:"
_KINDS: Final = ("name:", "queue:", "key:", SCHEDULE)
_MAX_TARGET: Final = 300


def hold(
    store: JobStore,
    clock: Clock,
    target: str,
    *,
    by: str | None,
    reason: str | None,
    until: datetime | None,
) -> None:
    """See `Engine.hold`."""
    check_target(target)
    check_words(by=by, reason=reason)
    now = clock.now()
    if until is not None:
        check_instant("until", until)
        if until <= now:
            raise InvalidOption("until", until, "a time later than now")
    by = by or "client"
    if target.startswith(JOB):
        job_id = target.removeprefix(JOB)
        refuse_malformed(job_id)
        event = Event.HOLD
        store.apply(
            Move(
                job_id=job_id, event=event, now=now, actor=by, text=reason, until=until
            )
        )
        return
    wanted = Hold(target=target, by=by, reason=reason, at=now, until=until)
    if not store.hold(wanted):
        message = (
            f"{target} is held already. See `interlock holds`; release it first to "
            "hold it with another reason or end. Nothing was changed."
        )
        raise InvalidOption.because("target", message)


def release(store: JobStore, clock: Clock, target: str, *, by: str | None) -> None:
    """See `Engine.release_hold`."""
    check_target(target)
    check_words(by=by)
    by = by or "client"
    if target.startswith(JOB):
        job_id = target.removeprefix(JOB)
        refuse_malformed(job_id)
        event = Event.RELEASE_HOLD
        store.apply(Move(job_id=job_id, event=event, now=clock.now(), actor=by))
    elif not store.release_hold(target, by=by):
        message = f"Nobody holds {target}. See `interlock holds`. Nothing was changed."
        raise InvalidOption.because("target", message)


def shown(holds: Iterable[Hold], get: Callable[[str], Job]) -> list[Hold]:
    """Return holds as people see them: a reason may repeat the secrets of its job."""
    return [
        _hidden(hold, get) if hold.reason and hold.target.startswith(JOB) else hold
        for hold in holds
    ]


def _hidden(hold: Hold, get: Callable[[str], Job]) -> Hold:
    try:
        job = get(hold.target.removeprefix(JOB))
    except JobNotFound:  # deleted meanwhile: nobody can tell what is secret
        return replace(hold, reason=HIDDEN)
    return replace(hold, reason=Redaction(job).text(hold.reason or ""))


def schedule_of(target: object) -> str | None:
    """Return the name of the schedule that a target is, None if it is another one."""
    if not isinstance(target, str) or not target.startswith(SCHEDULE):
        return None
    return target.removeprefix(SCHEDULE)


def check_target(target: object) -> None:
    """Check the target of a hold. Raises InvalidOption."""
    fits = isinstance(target, str) and target.isprintable()
    kinds = (JOB, *_KINDS)
    if not fits or not any(
        str(target).startswith(kind) and len(kind) < len(str(target)) <= _MAX_TARGET
        for kind in kinds
    ):
        allowed = '"job:ID", "name:N", "queue:Q", "key:K" or "schedule:S"'
        raise InvalidOption("target", target, allowed)
