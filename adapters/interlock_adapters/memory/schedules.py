"""Schedules, their edits and their ticks, in memory."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime

from interlock.core.errors import InterlockError, ScheduleNotFound
from interlock.core.job import Job
from interlock.core.ticks import (
    ScheduleEdit,
    ScheduleInfo,
    Tick,
    cancellation,
    fired,
    plan,
    refused,
    resumed,
)
from interlock.ports.schedules import TICKS_BATCH
from interlock.ports.store import JobLifecycle
from interlock_adapters.memory.records import Records


class Schedules:
    """See `interlock.ports.schedules.Schedules`."""

    def __init__(self, records: Records, jobs: JobLifecycle) -> None:
        self._records = records
        self._jobs = jobs

    def all(self) -> list[ScheduleInfo]:
        """See `Schedules.all`."""
        with self._records.lock:
            return sorted(self._records.schedules.values(), key=lambda s: s.name)

    def get(self, name: str) -> ScheduleInfo:
        """See `Schedules.get`."""
        try:
            return self._records.schedules[name]
        except KeyError:
            raise ScheduleNotFound(name) from None

    def save(
        self, info: ScheduleInfo, edit: ScheduleEdit, ticks: Sequence[Tick] = ()
    ) -> bool:
        """See `Schedules.save`."""
        with self._records.lock:
            stored = self._records.schedules.get(info.name)
            if (0 if stored is None else stored.version) != info.version - 1:
                return False
            self._records.schedules[info.name] = info
            self._note(edit)
            self._keep(ticks)
        self._records.wake()
        return True

    def resume(self, name: str, now: datetime) -> None:
        """Let a schedule go on whose hold is over."""
        info = self._records.schedules.get(name)
        if info is not None and info.paused:
            self.save(*resumed(info, now))

    def delete(self, info: ScheduleInfo, edit: ScheduleEdit) -> bool:
        """See `Schedules.delete`."""
        with self._records.lock:
            stored = self._records.schedules.get(info.name)
            if stored is None or stored.version != info.version:
                return False
            del self._records.schedules[info.name]
            for key in [key for key in self._records.ticks if key[0] == info.name]:
                del self._records.ticks[key]
            self._note(edit)
        return True

    def _note(self, edit: ScheduleEdit) -> None:
        number = len(self.edits(edit.schedule)) + 1
        self._records.edits.append(replace(edit, number=number))

    def _keep(self, ticks: Sequence[Tick]) -> None:
        for tick in ticks:
            self._records.ticks.setdefault((tick.schedule, tick.due_at), tick)

    def fire(self, *, now: datetime) -> bool:
        """See `Schedules.fire`."""
        with self._records.lock:
            due = [info for info in self.all() if self.is_due(info, now)]
            if due:
                with self._records.together():
                    for info in due:
                        self._decide(info, now)
        if due:
            self._records.wake()
        return bool(due)

    def is_due(self, info: ScheduleInfo, now: datetime) -> bool:
        """Whether there is something to decide about a schedule."""
        if info.paused:
            return False
        if info.next_at is not None and info.next_at <= now:
            return True
        stops = any(j.cancel_requested_at is not None for j in self._live(info.name))
        return info.waiting_at is not None and not stops

    def _live(self, name: str) -> list[Job]:
        return [j for j in self._records.unfinished.values() if j.schedule == name]

    def _decide(self, info: ScheduleInfo, now: datetime) -> None:
        decided = plan(info, now=now, live=self._live(info.name))
        self._keep(decided.ticks)
        for new in decided.fired:
            if (info.name, new.scheduled_for) in self._records.ticks:
                continue  # the clock was set back
            tick = fired(info, new)
            try:
                self._jobs.add([new])
            except InterlockError as error:
                tick = refused(info, new, error)
            self._keep([tick])
        self._jobs.commit([cancellation(info, j, now=now) for j in decided.canceled])
        self._records.schedules[info.name] = decided.after

    def ticks(self, schedule: str, *, limit: int) -> list[Tick]:
        """See `Schedules.ticks`."""
        with self._records.lock:
            found = [t for t in self._records.ticks.values() if t.schedule == schedule]
        return sorted(found, key=lambda tick: tick.due_at, reverse=True)[:limit]

    def edits(self, schedule: str) -> list[ScheduleEdit]:
        """See `Schedules.edits`."""
        return [each for each in self._records.edits if each.schedule == schedule]

    def forget_ticks(
        self, schedule: str, *, before: datetime, keep: int, limit: int = TICKS_BATCH
    ) -> int:
        """See `Schedules.forget_ticks`."""
        with self._records.lock:
            count = len(self._records.ticks)
            old = [t for t in self.ticks(schedule, limit=count)[keep:] if t.at < before]
            for tick in old[-limit:]:
                del self._records.ticks[schedule, tick.due_at]
        return len(old[-limit:])
