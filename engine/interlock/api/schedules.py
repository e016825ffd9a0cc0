"""`Engine.schedules`: jobs that workers submit by the clock.

One file, because it is one public class, whose docstrings are its reference.
"""

import re
from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import datetime
from typing import Final, Unpack

from interlock.api.handle import JobHandle
from interlock.core.bounds import check_whole
from interlock.core.errors import InvalidOption, ScheduleNotFound
from interlock.core.job import NewJob
from interlock.core.records import SCHEDULE
from interlock.core.schedule import Schedule
from interlock.core.ticks import (
    ScheduleEdit,
    ScheduleInfo,
    Tick,
    differences,
    given_up,
    job_of,
    new_schedule,
    rescheduled,
    switched,
)
from interlock.jobs.options import Options, check, check_instant, check_words
from interlock.jobs.registry import JobFunction
from interlock.jobs.schedules import fields_of, resolved
from interlock.ports.store import JobStore

_NAME: Final = re.compile(r"[A-Za-z0-9_:-][A-Za-z0-9_.:-]{0,199}")
_MOST_SHOWN: Final = 1000
_CLIENT: Final = "client"
_Infos = list[ScheduleInfo]
_Moments = list[datetime]
_Ticks = list[Tick]
_Edits = list[ScheduleEdit]


def check_name(name: object) -> None:
    """Check the name of a new schedule. Raises InvalidOption."""
    if not isinstance(name, str) or not _NAME.fullmatch(name):
        allowed = "1 to 200 of A-Z, a-z, 0-9, '_', '-', ':' and '.', not first a '.'"
        raise InvalidOption("name", name, allowed)


class Schedules:
    """Creates, edits and reads schedules. See `Engine.schedules`.

    Every edit is kept, with who made it (`by`) and why (`reason`).
    """

    def __init__(
        self,
        store: JobStore,
        named: Callable[[str], JobFunction[..., object]],
        submit: Callable[[NewJob], JobHandle[object]],
    ) -> None:
        self._store = store
        self._kept = store.schedules
        self._named = named
        self._submit = submit

    def create(
        self,
        name: str,
        job: JobFunction[..., object] | str,
        params: Mapping[str, object] | None = None,
        *,
        schedule: Schedule,
        reason: str | None = None,
        **options: Unpack[Options],
    ) -> ScheduleInfo:
        """Store a schedule: workers submit a job at each of its ticks from now on.

        Args:
            name: of the schedule; letters, digits, `_`, `-`, `:` and `.`.
            job: the job function, or its name.
            params: the parameters of its jobs; None: those of `schedule`.
            schedule: when.
            reason: why, kept with the edit.
            options: of its jobs, as in `submit`; but `by` is who creates the schedule.

        Raises:
            UnknownJobName, InvalidParams: no job has the name, or `params` do not fit.
            InvalidOption: a value is out of its range, or the name is taken.
        """
        check_name(name)
        by = _who(options, reason)
        _check_schedule(schedule)
        found = self._named(job) if isinstance(job, str) else job
        if not isinstance(found, JobFunction):
            raise InvalidOption("job", job, "a function with @job, or a job's name")
        given = schedule.params if params is None else params
        stored, kept = resolved(found.options(**options), given)
        now = self._store.now()
        info = new_schedule(
            name, found.name, replace(schedule, params=stored), kept, now=now
        )
        edit = _edit(name, now, by, "created", reason)
        if not self._kept.save(info, edit):
            message = (
                f"There is already a schedule named {name!r}. Use another name, or "
                "`update` to change it. Nothing was stored."
            )
            raise InvalidOption.because("name", message)
        return info

    def list(self) -> _Infos:
        """Return all schedules, by name."""
        return self._kept.all()

    def get(self, name: str) -> ScheduleInfo:
        """Return a schedule. Raises ScheduleNotFound."""
        if not _NAME.fullmatch(name):
            raise ScheduleNotFound(name)
        return self._kept.get(name)

    def update(
        self,
        name: str,
        *,
        schedule: Schedule | None = None,
        params: Mapping[str, object] | None = None,
        reason: str | None = None,
        **options: Unpack[Options],
    ) -> ScheduleInfo:
        """Change a schedule; what is left out stays as it is.

        From then on the declaration in `@job(schedule=...)` does not count, until the
        schedule is deleted.

        Args:
            name: of the schedule.
            schedule: when; its own params count only if it has some.
            params: other parameters of its jobs, all of them.
            reason: why, kept with the edit.
            options: other options of its jobs; but `by` is who changes the schedule.

        Raises:
            ScheduleNotFound: no schedule has this name.
            UnknownJobName, InvalidParams, InvalidOption: refused; nothing was changed.
        """
        by = _who(options, reason)
        if schedule is not None:
            _check_schedule(schedule)
            params = params if params is not None else schedule.params or None
        while True:
            info = self.get(name)
            stored, kept = info.schedule.params, dict(info.options)
            if params is not None or options:
                job = self._named(info.job).options(**options)
                given = stored if params is None else params
                stored, fresh = resolved(job, given)
                kept |= {each: fresh[each] for each in fields_of(options)}
            now = self._store.now()
            wanted = replace(schedule or info.schedule, params=stored)
            after = replace(
                rescheduled(info, wanted, now),
                options=kept,
                edited=True,
                version=info.version + 1,
            )
            edit = _edit(name, now, by, differences(info, after), reason)
            ticks = given_up(info, now=now, why="its schedule was changed")
            if self._kept.save(after, edit, ticks):
                return after

    def pause(
        self, name: str, *, by: str | None = None, reason: str | None = None
    ) -> ScheduleInfo:
        """Stop a schedule; its jobs go on. Its ticks are not due while it is paused.

        Raises:
            ScheduleNotFound: no schedule has this name.
        """
        return self._switch(name, by, reason, paused=True)

    def resume(
        self, name: str, *, by: str | None = None, reason: str | None = None
    ) -> ScheduleInfo:
        """Let a paused schedule go on, with its next tick from now.

        Raises:
            ScheduleNotFound: no schedule has this name.
        """
        return self._switch(name, by, reason, paused=False)

    def _switch(
        self, name: str, by: str | None, reason: str | None, *, paused: bool
    ) -> ScheduleInfo:
        check_words(by=by, reason=reason)
        while True:
            info = self.get(name)
            if info.paused == paused:
                return info
            now = self._store.now()
            after, ticks = switched(info, now, paused=paused)
            what = "paused" if paused else "resumed"
            edit = _edit(name, now, by, what, reason)
            with self._store.together():
                if self._kept.save(after, edit, ticks):
                    if not paused:
                        self._store.release_hold(SCHEDULE + name, by=edit.actor)
                    return after

    def trigger(self, name: str, *, by: str | None = None) -> JobHandle[object]:
        """Submit a job of a schedule now, whatever its ticks, pause and overlap are.

        Raises:
            ScheduleNotFound: no schedule has this name.
            DuplicateJob: its unique_key belongs to another job.
        """
        check_words(by=by)
        info = self.get(name)
        return self._submit(
            job_of(info, now=self._store.now(), due_at=None, by=by or _CLIENT)
        )

    def preview(
        self, which: str | Schedule, n: int = 5, *, after: datetime | None = None
    ) -> _Moments:
        """Return the next ticks of a schedule, in its time zone.

        Args:
            which: the name of a schedule, or one that need not be stored.
            n: how many, up to 1000.
            after: only ticks after it; None: after now.

        Raises:
            ScheduleNotFound: no schedule has this name.
            InvalidOption: `n` or `after` is out of its range.
        """
        check_whole("n", n, least=1, most=_MOST_SHOWN)
        if after is not None:
            check_instant("after", after)
        start = after or self._store.now()
        if isinstance(which, Schedule):
            return which.upcoming(n, after=start)
        info = self.get(which)
        return info.schedule.upcoming(n, after=start, anchor=info.anchor)

    def ticks(self, name: str, limit: int = 100) -> _Ticks:
        """Return what became of the ticks of a schedule, the newest first.

        Raises:
            ScheduleNotFound: no schedule has this name.
            InvalidOption: `limit` is not from 1 to 1000.
        """
        check_whole("limit", limit, least=1, most=_MOST_SHOWN)
        return self._kept.ticks(self.get(name).name, limit=limit)

    def edits(self, name: str) -> _Edits:
        """Return who changed a schedule, when and why; also of one that was deleted.

        Raises:
            ScheduleNotFound: no schedule has ever had this name.
        """
        if not _NAME.fullmatch(name):
            raise ScheduleNotFound(name)
        found = self._kept.edits(name)
        if not found:
            raise ScheduleNotFound(name)
        return found

    def delete(
        self, name: str, *, by: str | None = None, reason: str | None = None
    ) -> None:
        """Delete a schedule with its ticks. Its jobs and edits stay.

        If `@job(schedule=...)` declares it, the next worker that starts declares it
        again.

        Raises:
            ScheduleNotFound: no schedule has this name.
        """
        check_words(by=by, reason=reason)
        while True:
            info = self.get(name)
            edit = _edit(name, self._store.now(), by, "deleted", reason)
            with self._store.together():
                if self._kept.delete(info, edit):
                    self._store.release_hold(SCHEDULE + name, by=edit.actor)
                    return


def _who(options: Options, reason: str | None) -> str | None:
    """Take `by` out of the options, and check both."""
    check(options)
    check_words(reason=reason)
    return options.pop("by", None)


def _check_schedule(schedule: object) -> None:
    if not isinstance(schedule, Schedule):
        allowed = 'a Schedule, such as Schedule(cron="0 2 * * *")'
        raise InvalidOption("schedule", schedule, allowed)


def _edit(
    name: str, now: datetime, by: str | None, what: str, reason: str | None
) -> ScheduleEdit:
    return ScheduleEdit(
        schedule=name, at=now, actor=by or _CLIENT, what=what, reason=reason
    )
