"""The methods of `Engine` that read jobs and maintain the store."""

import time
from collections.abc import Callable, Iterable, Mapping
from contextlib import AbstractContextManager
from dataclasses import replace
from datetime import UTC, datetime, timedelta

from interlock.api import cursors, explain, graph, holds
from interlock.api.cancel import refuse_changed
from interlock.api.idempotency import IdempotentRequest, once
from interlock.api.limits import Limits
from interlock.api.schedules import Schedules
from interlock.core.bounds import age, check_whole
from interlock.core.dependencies import Graph, Linked
from interlock.core.errors import (
    MOST_ALIKE,
    AmbiguousId,
    InvalidOption,
    InvalidToken,
    JobNotFound,
)
from interlock.core.guards import undeletable
from interlock.core.ids import checked_part, is_part, refuse_malformed
from interlock.core.job import Attempt, HistoryEntry, Job, Phase, Rejection
from interlock.core.lifecycle import Event, JobStatus
from interlock.core.records import (
    Explanation,
    Fault,
    Hold,
    LogLines,
    Page,
    QueueInfo,
    Search,
    SignalInfo,
    Step,
    WorkerInfo,
)
from interlock.jobs import signal_tokens
from interlock.jobs.options import (
    check_instant,
    check_json,
    check_signal,
    check_words,
    with_tags,
)
from interlock.ports.clock import Clock
from interlock.ports.store import PURGE_BATCH, JobStore

_MAX_PAGE = 1000
_MOST_LINES = 2**62
_FIRST = datetime(1, 1, 1, tzinfo=UTC)


class Operations:
    """Reads jobs and their records, and maintains the store. See `Engine`."""

    _store: JobStore
    _clock: Clock
    _schedules: Schedules

    def get(self, job_id: str) -> Job:
        """Return the job as it stands. Raises JobNotFound."""
        refuse_malformed(job_id)
        return self._store.get(job_id)

    def find_id(self, part: str) -> str:
        """Return the id of the one job whose id begins or ends with some digits.

        The first digits are the time, alike for all jobs of a minute; the last ones are
        random. Looking for the end reads the ids of all jobs.

        Args:
            part: 4 or more hexadecimal digits, or a whole id.

        Raises:
            JobNotFound: no job has such an id.
            AmbiguousId: several jobs have.
            InvalidOption: `part` cannot be a part of an id.
        """
        digits = checked_part(part)
        if not is_part(digits):
            return self.get(digits).id
        found = self._store.ids_like(digits, limit=MOST_ALIKE + 1)
        if not found:
            raise JobNotFound(digits)
        if len(found) > 1:
            raise AmbiguousId(digits, found)
        return found[0]

    def search(
        self,
        *,
        name: str | None = None,
        queue: str | None = None,
        statuses: Iterable[JobStatus | str] = (),
        params: Mapping[str, object] | None = None,
        created_after: datetime | None = None,
        created_before: datetime | None = None,
        submitted_by: str | None = None,
        schedule: str | None = None,
        group: str | None = None,
        parent: str | None = None,
        tags: Iterable[str] = (),
        metadata: Mapping[str, object] | None = None,
        name_part: str | None = None,
        error: str | None = None,
        phases: Iterable[Phase | str] = (),
        reruns_of: Iterable[str] = (),
        limit: int = 50,
        cursor: str | None = None,
    ) -> Page:
        """Return a page of jobs, newest first.

        Filters combine by AND; the database applies them. `params={"size": 128}` finds
        every job whose params contain that, and so does `metadata`; `tags` are among
        those of the job's option `tags`. `group` is the id of a group, `parent` that of
        the job that submitted it, `reruns_of` those of jobs that were run again.
        `name_part` is a part of the name, `error` a part of the last error's message or
        type, both in small or capital letters. `cursor` is the `next_cursor` of a page
        with the same filters.

        Raises:
            InvalidOption: `limit` is not from 1 to 1000, a status or phase is unknown,
                more than 1000 ids are given, `cursor`
                belongs to no page of these filters, or a filter has a value that no
                database can store.
        """
        check_words(name=name, queue=queue, submitted_by=submitted_by, cursor=cursor)
        check_words(schedule=schedule, group=group, parent=parent)
        check_words(name_part=name_part, error=error)
        again = frozenset(reruns_of)
        check_whole("reruns_of", len(again), least=0, most=_MAX_PAGE)
        check_json("params", dict(params or {}))
        within = with_tags(metadata, tags)
        check_json("metadata", within)
        for option, moment in (
            ("created_after", created_after),
            ("created_before", created_before),
        ):
            if moment is not None:
                check_instant(option, moment)
        check_whole("limit", limit, least=1, most=_MAX_PAGE)
        wanted = Search(
            name=name,
            queue=queue,
            statuses=frozenset(map(_status, statuses)),
            params=params or {},
            created_after=created_after,
            created_before=created_before,
            submitted_by=submitted_by,
            schedule=schedule,
            group_id=group,
            parent_id=parent,
            metadata=within,
            name_part=name_part,
            error_part=error,
            phases=frozenset(map(_phase, phases)),
            reruns_of=again,
            limit=limit,
        )
        before = cursors.decode(cursor, wanted)
        page = self._store.search(replace(wanted, before=before))
        return replace(page, next_cursor=cursors.encode(page.next_cursor, wanted))

    def dependencies(
        self, job_id: str, *, after: int = -1, limit: int = 1000
    ) -> list[Linked]:
        """Return the jobs that a job depends on, in the order of `depends_on`.

        Args:
            job_id: the id of the job.
            after: the `position` of the last one of the page before.
            limit: how many at most, 1 to 1000.

        Raises:
            JobNotFound: no job has this id.
            InvalidOption: a number is out of its range.
        """
        self.get(job_id)
        check_whole("after", after, least=-1)
        check_whole("limit", limit, least=1, most=_MAX_PAGE)
        return self._store.dependencies(job_id, after=after, limit=limit)

    def dependents(
        self, job_id: str, *, after: str = "", limit: int = 1000
    ) -> list[Linked]:
        """Return the jobs that depend on a job, by id; `after` is the last id before.

        Raises as `dependencies`.
        """
        self.get(job_id)
        check_words(after=after)
        check_whole("limit", limit, least=1, most=_MAX_PAGE)
        return self._store.dependents(job_id, after=after, limit=limit)

    def steps(self, job_id: str) -> list[Step]:
        """Return what a job has done, the first 1000 steps. Raises JobNotFound."""
        self.get(job_id)
        return [
            step if step.kind != signal_tokens.KIND else replace(step, value=None)
            for step in self._store.steps.all(job_id)
        ]

    def signals(self, job_id: str) -> list[SignalInfo]:
        """Return the signals to a job, the first 1000. Raises JobNotFound."""
        self.get(job_id)
        return self._store.steps.signals(job_id)

    def signal(
        self,
        job_id: str,
        name: str,
        payload: object = None,
        *,
        by: str | None = None,
    ) -> Job:
        """Send a signal to a job, and return the job.

        A job that waits for it goes on. Otherwise it is kept until the job asks for it:
        `current_job().await_signal(name)`.

        Args:
            job_id: the id of the job.
            name: of the signal.
            payload: JSON, up to 1 MiB; `await_signal` returns it.
            by: who sends it; it is in the history of the job.

        Raises:
            JobNotFound: no job has this id.
            IllegalTransition: it has ended. Nothing was stored.
            InvalidOption: a text or the payload cannot be stored.
        """
        refuse_malformed(job_id)
        check_words(by=by)
        check_signal(name)
        check_json("payload", {"payload": payload})
        now = self._clock.now()
        return self._store.steps.send(job_id, name, payload, by=by or "client", now=now)

    def use_token(self, token: str, payload: object = None) -> None:
        """Send the signal of a token that `current_job().signal_token` has made.

        It can be used once; the actor in the history is `token:` and a digest of it.

        Raises:
            InvalidToken: it is unknown, or was used. Nothing was stored.
            IllegalTransition: the job has ended. Nothing was stored.
            InvalidOption: the payload cannot be stored.
        """
        found = signal_tokens.parsed(token)
        check_json("payload", {"payload": payload})
        if found is None:
            raise InvalidToken
        kind, name, use = signal_tokens.KIND, found.name, found.use
        step = self._store.steps.get(found.job_id, kind, name, use)
        if step is None or not found.fits(step.value):
            raise InvalidToken
        try:
            self._store.steps.send(
                found.job_id,
                name,
                payload,
                by=found.actor,
                now=self._clock.now(),
                once=True,
            )
        except JobNotFound:
            raise InvalidToken from None

    def graph(self, job_id: str, *, limit: int = 200) -> Graph:
        """Return a job with all that it depends on and that depends on it, and so on.

        Args:
            job_id: the id of the job.
            limit: how many jobs at most, the nearest ones, 1 to 1000.

        Raises:
            JobNotFound: no job has this id.
            InvalidOption: `limit` is out of its range.
        """
        check_whole("limit", limit, least=1, most=_MAX_PAGE)
        return graph.around(self._store, self.get(job_id), limit)

    def counts(self) -> dict[JobStatus, int]:
        """Return how many jobs have each status."""
        return self._store.counts()

    def history(self, job_id: str) -> list[HistoryEntry]:
        """Return every logged event of a job, in order. Raises JobNotFound."""
        refuse_malformed(job_id)
        return self._store.history(job_id)

    def attempts(self, job_id: str) -> list[Attempt]:
        """Return the attempts of a job, in order. Raises JobNotFound."""
        refuse_malformed(job_id)
        return self._store.attempts(job_id)

    def log(
        self,
        job_id: str,
        *,
        after: int = 0,
        before: int | None = None,
        limit: int = 10_000,
        tail: int | None = None,
    ) -> LogLines:
        """Return the output of a job: the lines with `seq > after`.

        Args:
            job_id: the id of the job.
            after: the `next_after` of the page before; 0: from the first line.
            before: only lines with a smaller `seq`, for the `tail` before a line.
            limit: lines at most. If there are more, `next_after` is where they begin.
            tail: only the last lines, so many at most, instead of the first `limit`. If
                there are others before them, `has_earlier` is true.

        Raises:
            JobNotFound: no job has this id.
            InvalidOption: a number is negative or not whole.
        """
        refuse_malformed(job_id)
        check_whole("after", after)
        check_whole("limit", limit, most=_MOST_LINES)
        if before is not None:
            check_whole("before", before)
        if tail is None:
            found = self._store.log(job_id, after=after, before=before, limit=limit + 1)
            lines = found[:limit]
            end = lines[-1].seq if lines else after
            return LogLines(lines, next_after=end if len(found) > limit else None)
        check_whole("tail", tail, most=_MOST_LINES)
        found = self._store.log(
            job_id, after=after, before=before, limit=tail + 1, last=True
        )
        has_earlier = len(found) > tail
        return LogLines(found[1:] if has_earlier else found, has_earlier=has_earlier)

    def rejections(self, job_id: str | None = None) -> list[Rejection]:
        """Return refused events, of one job or of all; the newest 1000."""
        if job_id is not None:
            refuse_malformed(job_id)
        return self._store.rejections(job_id)

    def explain(self, job_id: str) -> Explanation:
        """Return what a job is doing, or every reason why it does not run.

        It is a text, with the reasons as data. Raises JobNotFound.
        """
        refuse_malformed(job_id)
        return explain.explain(self._store, job_id, self._clock.now())

    def queues(self) -> list[QueueInfo]:
        """Return the queues with live jobs, and those ever paused, by name."""
        return self._store.queues()

    def pause(self, queue: str) -> None:
        """Pause a queue: running jobs go on, no new one starts."""
        self._store.set_paused(queue, paused=True)

    def resume(self, queue: str) -> None:
        """Resume a paused queue."""
        self._store.set_paused(queue, paused=False)

    def set_queue(
        self,
        queue: str,
        *,
        max_running: int | None = None,
        rate_limit: str | None = None,
        by: str | None = None,
    ) -> None:
        """Limit all jobs of a queue: `limits.set` of "queue:NAME". See there."""
        Limits(self._store).set(
            f"queue:{queue}", max_running=max_running, rate_limit=rate_limit, by=by
        )

    def hold(
        self,
        target: str,
        *,
        by: str | None = None,
        reason: str | None = None,
        until: datetime | None = None,
    ) -> None:
        """Hold a job, or all jobs of a name, a queue or a key: they do not start.

        Jobs that run go on. A schedule that is held is paused: `schedules.pause`.

        Args:
            target: "job:ID", "name:N", "queue:Q", "key:K" (the key of a `Limit`) or
                "schedule:S".
            by: who holds it.
            reason: why; both are kept and shown.
            until: when it is released by itself; None: by `release_hold`.

        Raises:
            JobNotFound, ScheduleNotFound: there is none.
            IllegalTransition: the job is not waiting, or is held already.
            InvalidOption: the target is held already, or a value is out of its range.
                Nothing was changed.
        """
        store, clock = self._store, self._clock
        schedule = holds.schedule_of(target)
        if schedule is None:
            holds.hold(store, clock, target, by=by, reason=reason, until=until)
            return
        with store.together():
            self._schedules.pause(schedule, by=by, reason=reason)
            holds.hold(store, clock, target, by=by, reason=reason, until=until)

    def release_hold(self, target: str, *, by: str | None = None) -> None:
        """Release what `hold` holds.

        Raises:
            JobNotFound, IllegalTransition, InvalidOption: nobody holds it.
        """
        schedule = holds.schedule_of(target)
        if schedule is None:
            holds.release(self._store, self._clock, target, by=by)
        else:
            self._schedules.resume(schedule, by=by)

    def holds(self) -> list[Hold]:
        """Return every hold, the oldest first."""
        return self._store.holds()

    def workers(self) -> list[WorkerInfo]:
        """Return the registered workers; `seen_at` tells which are alive."""
        return self._store.workers()

    def purge(self, *, older_than: timedelta | float, limit: int | None = None) -> int:
        """Delete jobs, with all records, that ended longer ago than `older_than`.

        `older_than` is in seconds, or a timedelta.

        Returns:
            How many jobs were deleted.

        Raises:
            InvalidOption: an argument is negative or not a number. Nothing was deleted.
        """
        if limit is not None:
            check_whole("limit", limit)
        now, ago = self._clock.now(), age("older_than", older_than)
        if ago > now - _FIRST:
            return 0  # nothing is as old
        deleted = 0
        while limit is None or deleted < limit:
            batch = PURGE_BATCH if limit is None else min(PURGE_BATCH, limit - deleted)
            began = time.monotonic()
            count = self._store.purge(older_than=ago, now=now, limit=batch)
            deleted += count
            if count < batch:
                break
            time.sleep(time.monotonic() - began)  # as long for all other writers
        return deleted

    def delete(self, job_id: str, *, if_version: int | None = None) -> None:
        """Delete one terminal job with all its records.

        Raises:
            JobNotFound: no job has this id.
            IllegalTransition: it has not ended yet. Nothing was deleted.
            VersionChanged: it has changed since `if_version`.
        """
        job = self.get(job_id)
        refuse_changed(job, if_version, Event.CANCEL)
        if not job.is_terminal:  # judged on what was read: it may end meanwhile
            raise undeletable(job)
        self._store.delete(job_id)

    def once(
        self, key: str, request: str, act: Callable[[], str], *, kept: float
    ) -> str:
        """Run a request at most once per key; a repeat gets the first answer.

        The writes of `act` and its answer commit in one transaction.

        Args:
            key: the idempotency key; a repeated request has the same key.
            request: what distinguishes the request from others, such as a digest.
            act: runs the request with this engine's methods, and returns the answer.
            kept: seconds for which the answer is kept.

        Raises:
            KeyReused: the key belongs to another request.
            InFlight: the request is still running.
            InvalidOption: `kept` is negative or not a number. Nothing was done.
            Exception: raised by `act`; then nothing was done, and nothing is kept.
        """
        return once(
            self._store,
            IdempotentRequest(key=key, request=request, kept=age("kept", kept)),
            act,
        )

    def together(self) -> AbstractContextManager[None]:
        """Make all calls of this thread inside the block one transaction."""
        return self._store.together()

    def verify(self) -> list[Fault]:
        """Replay every history; return where it differs from the table or the row."""
        return self._store.verify()


def _status(word: JobStatus | str) -> JobStatus:
    try:
        return JobStatus(word)
    except ValueError:
        listed = ", ".join(JobStatus)
        message = f"There is no status {word!r}. Use one of {listed}."
        raise InvalidOption.because("statuses", message) from None


def _phase(word: Phase | str) -> Phase:
    try:
        return Phase(word)
    except ValueError:
        listed = ", ".join(Phase)
        message = f"There is no phase {word!r}. Use one of {listed}."
        raise InvalidOption.because("phases", message) from None
