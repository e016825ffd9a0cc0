"""Limits and holds of the store in memory."""

from collections.abc import Callable, Iterator, Sequence
from datetime import datetime, timedelta

from interlock.core.errors import LimitReached
from interlock.core.job import Job, Move, NewJob
from interlock.core.lifecycle import INITIAL, Event, Reason
from interlock.core.limits import Key, Rate, keys_of, targets
from interlock.core.records import (
    DEPENDENCIES,
    ITSELF,
    SCHEDULE,
    Blocker,
    Hold,
    LimitInfo,
)
from interlock_adapters.memory.dependencies import Dependencies
from interlock_adapters.memory.records import Records, Setting

_LIMIT = "limit"  # by whom jobs are dropped and replaced
Apply = Callable[[Move], object]


class Limits:
    """How many jobs of a key may run and start, and what nobody may start."""

    def __init__(
        self,
        records: Records,
        apply: Apply,
        resume: Callable[[str, datetime], None],
        links: Dependencies,
    ) -> None:
        self._links = links
        self._records = records
        self._apply = apply
        self._resume = resume  # a schedule

    def set_limit(
        self,
        key: str,
        max_running: int | None = None,
        rate: Rate | None = None,
        *,
        by: str | None = None,
    ) -> None:
        """See `JobStore.set_limit`."""
        limits = self._records.limits
        before = limits.get(key)
        is_none = max_running is None and rate is None
        wanted = None if is_none else Setting(max_running, rate)
        if by is not None:
            is_set = before is not None and before.set_by is not None
            declared = before.declared if before is not None and is_set else before
            now = self._records.clock.now()
            wanted = Setting(max_running, rate, by, now, declared)
        elif before is not None and before.set_by is not None:
            wanted = Setting(
                before.max_running, before.rate, before.set_by, before.set_at, wanted
            )
        self._put(key, wanted)

    def unset_limit(self, key: str) -> bool:
        """See `JobStore.unset_limit`."""
        before = self._records.limits.get(key)
        if before is None or before.set_by is None:
            return False
        self._put(key, before.declared)
        return True

    def _put(self, key: str, setting: Setting | None) -> None:
        if setting is None:
            self._records.limits.pop(key, None)
        else:
            self._records.limits[key] = setting
        self._records.wake()

    def limits(self) -> list[LimitInfo]:
        """See `JobStore.limits`."""
        return [
            LimitInfo(
                key=key,
                max_running=setting.max_running,
                rate_limit=setting.rate and str(setting.rate),
                running=sum(weight for _, weight in self._records.running(key)),
                set_by=setting.set_by,
                set_at=setting.set_at,
            )
            for key, setting in sorted(self._records.limits.items())
        ]

    def hold(self, hold: Hold) -> bool:
        """See `JobStore.hold`."""
        if hold.target in self._records.holds:
            return False
        self._records.holds[hold.target] = hold
        return True

    def release_hold(self, target: str, *, by: str) -> bool:
        """See `JobStore.release_hold`."""
        del by
        is_held = self._records.holds.pop(target, None) is not None
        self._records.wake()
        return is_held

    def holds(self) -> list[Hold]:
        """See `JobStore.holds`."""
        found = [*self._records.holds.values()]
        for job in self._records.select(INITIAL):
            if job.hold_by is not None:
                history = self._records.history[job.id]
                at = max(e.at for e in history if e.event == Event.HOLD)
                target, reason = f"job:{job.id}", job.hold_reason
                found.append(
                    Hold(
                        target=target,
                        by=job.hold_by,
                        reason=reason,
                        at=at,
                        until=job.hold_until,
                    )
                )
        return sorted(found, key=lambda hold: (hold.at, hold.target))

    def reopen(self, after: str, *, now: datetime) -> tuple[str, bool]:
        """See `JobStore.reopen`: only holds that are over are to be released here."""
        del after
        for target, hold in list(self._records.holds.items()):
            if hold.until is not None and hold.until <= now:
                self.release_hold(target, by=ITSELF)
                if target.startswith(SCHEDULE):
                    self._resume(target.removeprefix(SCHEDULE), now)
        for job in self._records.select(INITIAL):
            if job.hold_until is not None and job.hold_until <= now:
                event = Event.RELEASE_HOLD
                self._apply(Move(job_id=job.id, event=event, now=now, actor=ITSELF))
        return "", False

    def openings(self, now: datetime) -> Iterator[datetime | None]:
        """Yield when holds are over, and when rates allow one more start."""
        yield from (hold.until for hold in self._records.holds.values())
        for job in self._records.select(INITIAL):
            yield job.hold_until
            if job.run_at <= now:
                for key in keys_of(job.name, job.queue, job.keys):
                    setting = self._records.limit_of(key)
                    if setting is not None and setting.rate is not None:
                        starts = self._recent(key, setting.rate, now)
                        if len(starts) + key.weight > setting.rate.starts:
                            yield starts[0] + _period(setting.rate)

    def blockers(self, job_id: str, *, now: datetime) -> list[Blocker]:
        """See `JobStore.blockers`."""
        job = self._records.jobs.get(job_id)
        return [] if job is None or job.status is not INITIAL else [*self._of(job, now)]

    def _of(self, job: Job, now: datetime) -> Iterator[Blocker]:
        awaited = [*self._links.depends_on(job), *self._links.awaits(job)]
        if awaited:
            yield Blocker(cause=DEPENDENCIES, holders=tuple(sorted(awaited)))
        if job.run_at > now:
            yield Blocker(cause="due")
        if job.start_by is not None and job.start_by < now:
            yield Blocker(cause="expired")
        if self._records.paused.get(job.queue):
            yield Blocker(cause=f"paused:{job.queue}")
        keys = keys_of(job.name, job.queue, job.keys)
        held = (target for target in targets(keys) if target in self._records.holds)
        yield from (Blocker(cause=f"hold:{target}") for target in held)
        for key in keys:
            setting = self._records.limit_of(key)
            most = setting and setting.max_running
            running = self._records.running(key.key)
            if most and sum(weight for _, weight in running) + key.weight > most:
                holders = tuple(sorted(holder.id for holder, _ in running))
                cause = f"key:{key.key}"
                yield Blocker(cause=cause, allowed=most, holders=holders)
            rate = setting and setting.rate
            recent = self._recent(key, rate, now) if rate else []
            if rate and len(recent) + key.weight > rate.starts:
                until = recent[0] + _period(rate)
                cause = f"rate:{key.key}"
                yield Blocker(cause=cause, allowed=rate.starts, until=until)

    def is_held(self, job: Job) -> bool:
        """Whether all jobs with a key of this job are held."""
        keys = keys_of(job.name, job.queue, job.keys)
        return any(target in self._records.holds for target in targets(keys))

    def full(self, job: NewJob) -> Key | None:
        """Return a key of which no slot is free for a job."""
        for key in keys_of(job.name, job.queue, job.keys):
            setting = self._records.limit_of(key)
            if setting is not None and setting.max_running is not None:
                running = sum(weight for _, weight in self._records.running(key.key))
                if running + key.weight > setting.max_running:
                    return key
        return None

    def used_up(self, job: Job, now: datetime) -> Key | None:
        """Return a key whose rate allows no start of a job now."""
        for key in keys_of(job.name, job.queue, job.keys):
            setting = self._records.limit_of(key)
            if setting is not None and setting.rate is not None:
                recent = self._recent(key, setting.rate, now)
                if len(recent) + key.weight > setting.rate.starts:
                    return key
        return None

    def _recent(self, key: Key, rate: Rate, now: datetime) -> list[datetime]:
        starts = self._records.starts[key.key]
        return [at for at in starts if at + _period(rate) > now]

    def start(self, job: Job, now: datetime) -> None:
        """Count a start for the rates of a job."""
        for key in keys_of(job.name, job.queue, job.keys):
            setting = self._records.limit_of(key)
            if setting is not None and setting.rate is not None:
                recent = self._recent(key, setting.rate, now)
                self._records.starts[key.key] = [*recent, *[now] * key.weight]

    def refuse_full(self, new: NewJob) -> None:
        """Refuse a job whose limits have no free slot. Raises LimitReached."""
        key = self.full(new)
        if key is not None:
            setting = self._records.limit_of(key)
            holders = [job.id for job, _ in self._records.running(key.key)]
            allowed = (setting and setting.max_running) or 0
            raise LimitReached(key.key, len(holders), allowed, holders)

    def settle(self, waiting: Sequence[Job], now: datetime) -> None:
        """Drop or replace for jobs whose limit is full, the newest first."""
        replacing = set()
        for job in sorted(waiting, key=lambda job: job.id, reverse=True):
            full = self.full(job)
            key = full or self.used_up(job, now)
            if key is None:
                continue
            if job.when_full == "cancel_new":
                self._drop(job, Reason.FULL, f"the limit {key.key!r} is full", now)
            elif full is not None and full.key not in replacing:
                replacing.add(full.key)
                self._replace(job, full, now)

    def _drop(self, job: Job, reason: Reason, words: str, now: datetime) -> None:
        text = f"{reason}: {words}"
        self._apply(
            Move(
                job_id=job.id,
                event=Event.DROP,
                now=now,
                actor=_LIMIT,
                reason=reason,
                text=text,
            )
        )

    def _replace(self, job: Job, key: Key, now: datetime) -> None:
        rivals = [
            other
            for other in self._records.select(INITIAL)
            if other.when_full == "replace"
            and key.key in {k.key for k in keys_of(other.name, other.queue, other.keys)}
        ]
        holders = self._records.running(key.key)
        newest = max(
            job.id, *(other.id for other in [*rivals, *(h for h, _ in holders)])
        )
        for rival in rivals:
            if rival.id < newest:
                words = f"by job {newest}, for {key.key!r}"
                self._drop(rival, Reason.REPLACED, words, now)
        if newest != job.id:
            return
        setting = self._records.limit_of(key)
        allowed = (setting and setting.max_running) or 0
        needed = key.weight + sum(weight for _, weight in holders) - allowed
        needed -= sum(w for h, w in holders if h.cancel_requested_at is not None)
        for holder, weight in sorted(holders, key=lambda each: each[0].id):
            if needed > 0 and holder.cancel_requested_at is None:
                text = f"replaced by job {job.id}, for {key.key!r}"
                event = Event.REQUEST_CANCEL
                self._apply(
                    Move(
                        job_id=holder.id, event=event, now=now, actor=_LIMIT, text=text
                    )
                )
                needed -= weight


def _period(rate: Rate) -> timedelta:
    return timedelta(seconds=rate.period_s)
