"""Schedules as they are stored, and what becomes of their ticks. Pure.

A tick is a time at which a schedule is due. What becomes of it is decided once, by
whichever worker holds the row of the schedule, and kept as a `Tick`.

One file, because a decision is read beside the values that it is made of.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, fields, replace
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any, Final

from interlock.core.errors import DuplicateJob, InterlockError
from interlock.core.fields import readers
from interlock.core.ids import new_id
from interlock.core.job import Job, Move, NewJob
from interlock.core.lifecycle import Event, Reason
from interlock.core.machine import legal
from interlock.core.records import ITSELF
from interlock.core.schedule import Schedule

#: A tick that is later than this is missed, with `catchup="skip"`.
LATE: Final = timedelta(seconds=60)
#: Jobs of one schedule that one transaction starts.
MOST_FIRED: Final = 100
#: Rows that are kept of the ticks that one downtime has missed.
MOST_MISSED: Final = 1000
_MOST_COUNTED: Final = 10_000  # of those without a row
_MOST_DIGESTS: Final = 50
_INSTANT: Final = timedelta(microseconds=1)
#: What a tick, and not its schedule, says of a job.
_OF_A_TICK: Final = frozenset(
    {
        *("id", "name", "params", "created_at", "run_at", "expires_at"),
        *("idempotency_key", "submitted_by", "rerun_of", "parent_id"),
        *("schedule", "scheduled_for", "deadline_at"),
        *("dependencies", "on_parent_failure", "on_parent_cancel"),
        *("group_id", "group_index", "finalizes"),
    }
)
#: What a schedule keeps of the deadline: the seconds from a tick's submit.
DEADLINE_S: Final = "deadline_s"
#: The fields of `NewJob` that a schedule keeps for its jobs.
TEMPLATE: Final = tuple(f.name for f in fields(NewJob) if f.name not in _OF_A_TICK)


class TickOutcome(StrEnum):
    """What became of a tick."""

    FIRED = "fired"  # a job was submitted
    SKIPPED = "skipped"  # a job of the schedule had not ended, or a key was taken
    MISSED = "missed"  # no worker was there in time


@dataclass(frozen=True, slots=True, kw_only=True)
class Tick:
    """One time at which a schedule was due, and what became of it."""

    schedule: str
    due_at: datetime
    outcome: TickOutcome
    at: datetime  # when it was decided
    wall_time: str  # `due_at` in the zone of the schedule, ISO 8601 with the offset
    why: str | None = None  # None: it was fired
    job_id: str | None = None  # the job that it submitted, or that stood in its way


@dataclass(frozen=True, slots=True, kw_only=True)
class ScheduleEdit:
    """One change of a schedule, also of one that has been deleted since."""

    schedule: str
    at: datetime
    actor: str
    what: str
    reason: str | None = None
    number: int = 0  # given by the store; grows within a name


@dataclass(frozen=True, slots=True, kw_only=True)
class ScheduleInfo:
    """A schedule as it is stored. `options` are fields of the jobs that it submits."""

    name: str
    job: str  # the name of its jobs
    schedule: Schedule
    options: Mapping[str, object] = field(default_factory=dict[str, object])
    declared: bool = False  # by `@job(schedule=...)`
    edited: bool = False  # at run time: then the declaration does not count
    paused: bool = False
    created_at: datetime
    anchor: datetime  # from which `every` counts
    next_at: datetime | None  # the next tick; None: there is none any more
    waiting_at: datetime | None = None  # a tick that waits for the end of a job
    version: int = 1  # +1 with each edit
    digest: str | None = None  # of the declaration
    replaced: tuple[str, ...] = ()  # digests of earlier declarations


@dataclass(frozen=True, slots=True, kw_only=True)
class Declaration:
    """What `@job(schedule=...)` declares."""

    name: str
    schedule: Schedule
    options: Mapping[str, object]
    digest: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """What one look at a schedule decides.

    Args:
        fired: the jobs to submit, each for the tick of its `scheduled_for`.
        ticks: the ticks for which there is no job.
        canceled: the jobs to cancel.
        after: the schedule as it is then.
    """

    fired: Sequence[NewJob] = ()
    ticks: Sequence[Tick] = ()
    canceled: Sequence[Job] = ()
    after: ScheduleInfo


def plan(info: ScheduleInfo, *, now: datetime, live: Sequence[Job]) -> Plan:
    """Decide about the ticks that are due, and the one that waits.

    Args:
        info: the schedule. Nobody else decides about it meanwhile.
        now: the present of the clock that decides.
        live: jobs of the schedule that have not ended; needed if they may not overlap.
    """
    due, missed, last = _caught_up(info, now)
    after = info
    if last is not None:
        following = info.schedule.next_tick(after=last, anchor=info.anchor)
        after = replace(info, next_at=following)
    match info.schedule.overlap:
        case "allow":
            fired = [job_of(info, now=now, due_at=tick) for tick in due]
            return Plan(fired=fired, ticks=missed, after=after)
        case "skip":
            return _one_at_a_time(after, due, missed, now=now, live=live)
        case "replace":
            return _newest(after, due, missed, now=now, live=live)


def _caught_up(
    info: ScheduleInfo, now: datetime
) -> tuple[list[datetime], list[Tick], datetime | None]:
    """Return the ticks to act on, those that were missed, and the last one decided.

    `next_at` is a tick, also where a newer time zone database has moved it since.
    """
    if info.next_at is None or info.next_at > now:
        return [], [], None
    since, schedule = info.next_at, info.schedule
    if schedule.catchup == "all":
        due = _due(info, since, now) or [since]
        return due, [], due[-1]
    newest = schedule.last_tick(since=since, until=now, anchor=info.anchor)
    if schedule.catchup == "latest":
        why = f"no worker looked before the tick of {_shown(info, newest)} was due"
        return [newest], _missed(info, newest, now, why), newest
    on_time = now - LATE
    why = f"no worker looked within {LATE.total_seconds():g} s"
    due = _due(info, max(since, on_time), now)
    if not due and newest >= on_time:
        due = [newest]
    return due, _missed(info, on_time, now, why), newest


def _due(info: ScheduleInfo, since: datetime, until: datetime) -> list[datetime]:
    return info.schedule.due(
        since=since, until=until, anchor=info.anchor, limit=MOST_FIRED
    )


def _missed(
    info: ScheduleInfo, before: datetime, now: datetime, why: str
) -> list[Tick]:
    """Return rows for the ticks before a moment; the last one counts those without."""
    found = info.schedule.due(
        since=info.next_at or now,
        until=before - _INSTANT,
        anchor=info.anchor,
        limit=MOST_MISSED + _MOST_COUNTED,
    )
    ticks = [_tick(info, t, TickOutcome.MISSED, now, why) for t in found[:MOST_MISSED]]
    others = len(found) - len(ticks)
    if others:
        many = f"over {others}" if others == _MOST_COUNTED else str(others)
        why = f"{why}; {many} later ticks were missed too, and have no row"
        ticks[-1] = replace(ticks[-1], why=why)
    return ticks


def _one_at_a_time(
    info: ScheduleInfo,
    due: Sequence[datetime],
    missed: Sequence[Tick],
    *,
    now: datetime,
    live: Sequence[Job],
) -> Plan:
    fired = [job_of(info, now=now, due_at=tick) for tick in due[:1] if not live]
    holder: Sequence[NewJob] = live or fired
    skipped = [
        _tick(
            info,
            tick,
            TickOutcome.SKIPPED,
            now,
            f"job {holder[0].id} of this schedule had not ended",
            job_id=holder[0].id,
        )
        for tick in due[len(fired) :]
    ]
    return Plan(fired=fired, ticks=[*missed, *skipped], after=info)


def _newest(
    info: ScheduleInfo,
    due: Sequence[datetime],
    missed: Sequence[Tick],
    *,
    now: datetime,
    live: Sequence[Job],
) -> Plan:
    waiting = [] if info.waiting_at is None else [info.waiting_at]
    if not (waiting or due):
        return Plan(ticks=missed, after=info)
    *older, newest = (*waiting, *due)
    why = f"replaced by the tick of {_shown(info, newest)}"
    ticks = [_tick(info, tick, TickOutcome.SKIPPED, now, why) for tick in older]
    if live:
        return Plan(
            ticks=[*missed, *ticks],
            canceled=[job for job in live if job.cancel_requested_at is None],
            after=replace(info, waiting_at=newest),
        )
    return Plan(
        fired=[job_of(info, now=now, due_at=newest)],
        ticks=[*missed, *ticks],
        after=replace(info, waiting_at=None),
    )


def job_of(
    info: ScheduleInfo, *, now: datetime, due_at: datetime | None, by: str | None = None
) -> NewJob:
    """Return the job of a tick, or the one that somebody (`by`) wants now."""
    values: dict[str, Any] = {}
    for name, reader in readers(NewJob).items():
        if name in TEMPLATE and name in info.options:
            kept = info.options[name]
            values[name] = kept if kept is None or reader is None else reader(kept)
    deadline: Any = info.options.get(DEADLINE_S)
    if deadline is not None:
        values["deadline_at"] = now + timedelta(seconds=deadline)
    return NewJob(
        **values,
        submitted_by=by or f"schedule:{info.name}",
        id=new_id(now),
        name=info.job,
        params=info.schedule.params,
        created_at=now,
        run_at=now,
        schedule=info.name,
        scheduled_for=due_at,
    )


def fired(info: ScheduleInfo, job: NewJob) -> Tick:
    """Return the tick of a job that is submitted."""
    return _tick(
        info,
        job.scheduled_for or job.run_at,
        TickOutcome.FIRED,
        job.created_at,
        None,
        job_id=job.id,
    )


def refused(info: ScheduleInfo, job: NewJob, error: InterlockError) -> Tick:
    """Return the tick of a job that was refused, such as for its unique key."""
    holder, why = None, str(error)
    if isinstance(error, DuplicateJob):
        holder = error.job_id
        why = f"duplicate: the unique key belongs to job {holder}"
    return replace(
        fired(info, job), outcome=TickOutcome.SKIPPED, why=why, job_id=holder
    )


def cancellation(info: ScheduleInfo, job: Job, *, now: datetime) -> Move:
    """Return the move that cancels a job, to make room for the next one."""
    is_running = Event.REQUEST_CANCEL in legal(job.status)
    return Move(
        job_id=job.id,
        event=Event.REQUEST_CANCEL if is_running else Event.CANCEL,
        now=now,
        actor=f"schedule:{info.name}",
        reason=None if is_running else Reason.BEFORE_START,
        text="the next tick of its schedule replaces it",
    )


def given_up(info: ScheduleInfo, *, now: datetime, why: str) -> list[Tick]:
    """Return the tick that waited, as it is left out by an edit."""
    if info.waiting_at is None:
        return []
    return [_tick(info, info.waiting_at, TickOutcome.SKIPPED, now, why)]


def switched(
    info: ScheduleInfo, now: datetime, *, paused: bool
) -> tuple[ScheduleInfo, list[Tick]]:
    """Return a schedule that is paused, or goes on with its next tick from now.

    With it, the tick that waited, which a pause gives up.
    """
    following = info.next_at
    if not paused:
        following = info.schedule.next_tick(after=now, anchor=info.anchor)
    after = replace(
        info,
        paused=paused,
        next_at=following,
        waiting_at=None,
        version=info.version + 1,
    )
    return after, given_up(info, now=now, why="its schedule was paused")


def resumed(info: ScheduleInfo, now: datetime) -> tuple[ScheduleInfo, ScheduleEdit]:
    """Return a schedule that goes on because its hold is over, and the edit."""
    after, _ = switched(info, now, paused=False)
    why = "its hold is over"
    edit = ScheduleEdit(
        schedule=info.name, at=now, actor=ITSELF, what="resumed", reason=why
    )
    return after, edit


def rescheduled(info: ScheduleInfo, schedule: Schedule, now: datetime) -> ScheduleInfo:
    """Return a schedule with another rhythm. What is due and not yet decided stays so.

    The waiting tick is given up.
    """
    old = info.schedule
    is_same = (old.cron, old.every, old.timezone) == (
        *(schedule.cron, schedule.every, schedule.timezone),
    )
    after = replace(info, schedule=schedule, waiting_at=None)
    if is_same:
        return after
    is_same_step = schedule.every == old.every
    anchor = info.anchor if is_same_step else now.replace(microsecond=0)
    since = now if info.next_at is None else min(now, info.next_at - _INSTANT)
    following = schedule.next_tick(after=since, anchor=anchor)
    return replace(after, anchor=anchor, next_at=following)


def new_schedule(
    name: str,
    job: str,
    schedule: Schedule,
    options: Mapping[str, object],
    *,
    now: datetime,
) -> ScheduleInfo:
    """Return a schedule that begins now."""
    anchor = now.replace(microsecond=0)
    return ScheduleInfo(
        name=name,
        job=job,
        schedule=schedule,
        options=options,
        created_at=now,
        anchor=anchor,
        next_at=schedule.next_tick(after=now, anchor=anchor),
    )


def declared(
    info: ScheduleInfo | None, declaration: Declaration, *, now: datetime
) -> ScheduleInfo | None:
    """Return a schedule as its code declares it; None: it stays as it is.

    An edit at run time counts more, and so does the declaration of newer code.
    """
    if info is None:
        new = new_schedule(
            declaration.name,
            declaration.name,
            declaration.schedule,
            declaration.options,
            now=now,
        )
        return replace(new, declared=True, digest=declaration.digest)
    known = {info.digest, *info.replaced}
    if not info.declared or info.edited or declaration.digest in known:
        return None
    replaced = (*info.replaced, *filter(None, [info.digest]))
    return replace(
        rescheduled(info, declaration.schedule, now),
        options=declaration.options,
        version=info.version + 1,
        digest=declaration.digest,
        replaced=replaced[-_MOST_DIGESTS:],
    )


def differences(before: ScheduleInfo, after: ScheduleInfo) -> str:
    """Return what an edit changes, in words; without values that may be secret."""
    changes = []
    for name in ("cron", "every", "timezone", "catchup", "overlap"):
        old, new = getattr(before.schedule, name), getattr(after.schedule, name)
        if old != new:
            changes.append(f"{name} {old} -> {new}")
    if before.schedule.params != after.schedule.params:
        changes.append("params")
    for name in (*TEMPLATE, DEADLINE_S):
        old, new = before.options.get(name), after.options.get(name)
        if old != new:
            changes.append(name if name == "metadata" else f"{name} {old} -> {new}")
    return ", ".join(changes) or "nothing"


def _tick(
    info: ScheduleInfo,
    due_at: datetime,
    outcome: TickOutcome,
    now: datetime,
    why: str | None,
    *,
    job_id: str | None = None,
) -> Tick:
    return Tick(
        schedule=info.name,
        due_at=due_at,
        outcome=outcome,
        at=now,
        wall_time=_shown(info, due_at),
        why=why,
        job_id=job_id,
    )


def _shown(info: ScheduleInfo, moment: datetime) -> str:
    return info.schedule.wall_time(moment).isoformat()
