"""The library API: what an application calls."""

import sys
import threading
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from datetime import datetime, timedelta
from types import TracebackType
from typing import ParamSpec, Self, TypeVar, Unpack, overload

from interlock import discovery, explaining
from interlock.clock import Clock, SystemClock
from interlock.errors import (
    DuplicateJob,
    IllegalTransition,
    InterlockError,
    InvalidOption,
    JobCanceled,
    JobFailed,
    JobTimedOut,
    WaitTimeout,
)
from interlock.handle import JobHandle
from interlock.job import Attempt, HistoryEntry, Job, Move, Rejection
from interlock.lifecycle import Event, JobStatus, Reason, row_of
from interlock.machine import legal
from interlock.options import Options
from interlock.ports import JobStore
from interlock.query import Fault, LogLine, Page, QueueInfo, Search, WorkerInfo
from interlock.registry import JobFunction, find, registered
from interlock.submission import Wanted, again, call_of, new_job
from interlock.waiting import Waiting
from interlock.worker import Worker, WorkerSettings

P = ParamSpec("P")
R = TypeVar("R")
_MAX_PAGE = 1000
_SUCCEEDED = row_of(Event.SUCCEED).target
_ENDED_BADLY = {
    row_of(Event.FAIL).target: JobFailed,
    row_of(Event.CANCEL).target: JobCanceled,
    row_of(Event.TIME_OUT).target: JobTimedOut,
}


class Engine:
    """Submit, watch, search and cancel jobs that are kept in `store`. Thread-safe."""

    def __init__(self, store: JobStore, *, clock: Clock | None = None) -> None:
        self._store = store
        self._clock = clock or SystemClock()
        self._lock = threading.Lock()
        self._waiting: Waiting | None = None

    @classmethod
    def open(cls, url: str | None = None, *, clock: Clock | None = None) -> Self:
        """Open the store of a URL; a SQLite file is created and upgraded as needed.

        Args:
            url: `sqlite:///jobs.db` (three slashes: relative), `memory:`; None:
                INTERLOCK_DATABASE_URL, else `./interlock.db`.
            clock: tells the time, in tests.

        Raises:
            StoreUnavailable: the store cannot be used, and why.
        """
        clock = clock or SystemClock()
        return cls(discovery.open_store(url, clock), clock=clock)

    @overload
    def submit(
        self, job: JobFunction[P, R], /, *args: P.args, **kwargs: P.kwargs
    ) -> JobHandle[R]: ...
    @overload
    def submit(
        self,
        job: str,
        params: Mapping[str, object] | None = None,
        /,
        **options: Unpack[Options],
    ) -> JobHandle[object]: ...
    def submit(self, job, /, *args, **kwargs):  # type: ignore[no-untyped-def]  # the overloads are the type
        """Store a job; a worker runs it. A submit that returned survives a power cut.

        Args:
            job: a job function (`.options(...)` sets options), or the name of one.
            args: its parameters; by name a dict, and the options as keywords.
            kwargs: see `args`.

        Raises:
            UnknownJobName, InvalidParams, InvalidOption: refused, nothing was stored.
            DuplicateJob: the unique_key or idempotency_key is another job's.
            StoreUnavailable: the store cannot be used.
        """
        if isinstance(job, str):
            params = args[0] if args else {}
            job = find(job).options(**kwargs)
        elif isinstance(job, JobFunction):
            params = job.bound(*args, **kwargs)
        else:
            raise InvalidOption("job", job, "a function with @job, or a job's name")
        return self._submit(job, params)

    def _submit(
        self, job: JobFunction[..., object], params: Mapping[str, object]
    ) -> JobHandle[object]:
        new = new_job(job, params, now=self._clock.now())
        try:
            (stored,) = self._store.add(
                [new], connection=job.defaults.get("connection")
            )
        except DuplicateJob as taken:
            if job.defaults.get("on_conflict") != "return" or new.unique_key is None:
                raise
            return JobHandle(taken.job_id, self)
        return JobHandle(stored.id, self)

    def submit_many(self, calls: Iterable[Wanted]) -> list[JobHandle[object]]:
        """Store many jobs in one transaction, all or none.

        Args:
            calls: `job.call(...)`, or pairs of a job (or its name) and its params.

        Raises:
            As `submit`; nothing was stored.
        """
        now = self._clock.now()
        wanted = [call_of(call) for call in calls]
        connections = {id(j.defaults.get("connection")) for j, _ in wanted}
        if len(connections) > 1:
            raise InvalidOption("connection", "several", "the same for all")
        connection = wanted[0][0].defaults.get("connection") if wanted else None
        new = [new_job(job, params, now=now) for job, params in wanted]
        stored = self._store.add(new, connection=connection)
        return [JobHandle(job.id, self) for job in stored]

    def handle(self, job_id: str) -> JobHandle[object]:
        """Return a handle of an existing job. Raises JobNotFound."""
        return JobHandle(self.get(job_id).id, self)

    def get(self, job_id: str) -> Job:
        """Return the job as it stands. Raises JobNotFound."""
        return self._store.get(job_id)

    def wait(self, job_id: str, timeout: float | None = None) -> Job:
        """Return the job when it is terminal.

        Args:
            job_id: which job.
            timeout: seconds to wait at most; None: for ever.

        Raises:
            JobNotFound: no job has this id.
            WaitTimeout: it did not end in time. It goes on.
        """
        job = self._await(job_id, timeout)
        if not job.is_terminal:
            raise WaitTimeout(job_id, timeout or 0, job.status)
        return job

    def _await(self, job_id: str, timeout: float | None) -> Job:
        job = self.get(job_id)
        if job.is_terminal or timeout == 0:
            return job
        return self.waiting.wait(job_id, timeout)

    @property
    def waiting(self) -> Waiting:
        """The one waiter of this engine, started when first needed."""
        with self._lock:
            if self._waiting is None:
                self._waiting = Waiting(self._store)
            return self._waiting

    def result(self, job_id: str, timeout: float | None = None) -> object:
        """Wait, and return what the function returned.

        Raises:
            JobFailed, JobCanceled, JobTimedOut: it ended without a result.
            JobNotFound, WaitTimeout: as `wait`.
        """
        job = self.wait(job_id, timeout)
        if job.status is not _SUCCEEDED:
            raise _ENDED_BADLY[job.status](job)
        return job.result

    def cancel(
        self,
        job_id: str,
        *,
        reason: str | None = None,
        by: str | None = None,
        wait: float | None = None,
        if_version: int | None = None,
    ) -> Job:
        """Cancel a job. Canceling a canceled one returns it.

        A job that has not started is CANCELED at once. A running one is asked for: its
        worker kills it with everything it started, and then writes CANCELED.

        Args:
            job_id: which job.
            reason: your words, kept in its history.
            by: who cancels, kept likewise.
            wait: seconds to wait for the end; None: return at once.
            if_version: refuse if the job has changed since this `Job.version`.

        Raises:
            JobNotFound: no job has this id.
            IllegalTransition: it has ended otherwise, or changed (`if_version`).
        """
        job = self._request_cancel(job_id, reason, by or "client", if_version)
        if wait is None or job.is_terminal:
            return job
        return self._await(job_id, wait)

    def _request_cancel(
        self, job_id: str, reason: str | None, by: str, version: int | None
    ) -> Job:
        """Try both events in turn until one is written, or the job is terminal."""
        while True:
            job = self.get(job_id)
            if version is not None and job.version != version:
                raise IllegalTransition(
                    job.status,
                    Event.CANCEL,
                    legal(job.status),
                    job_id=job_id,
                    unmet=f"it has version {job.version}, not {version}",
                )
            asked = job.cancel_requested_at is not None
            if asked and (
                not job.is_terminal or job.status is row_of(Event.CANCEL).target
            ):
                return job
            running = Event.REQUEST_CANCEL in legal(job.status)
            event = Event.REQUEST_CANCEL if running else Event.CANCEL
            move = Move(
                job_id=job_id,
                event=event,
                now=self._clock.now(),
                actor=by,
                reason=None if running else Reason.BEFORE_START,
                text=reason,
            )
            try:
                return self._store.apply(move)
            except IllegalTransition:
                if job.is_terminal:
                    raise  # else it moved on between the two calls: look again

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
        limit: int = 50,
        cursor: str | None = None,
    ) -> Page:
        """Return a page of jobs, newest first; `cursor` is a page's `next_cursor`.

        Filters combine by AND and are judged in the database. `params` is containment:
        `{"size": 128}` finds every job whose params have that, among others.

        Raises:
            InvalidOption: `limit` is not from 1 to 1000, or a status is unknown.
        """
        if not 1 <= limit <= _MAX_PAGE:
            raise InvalidOption("limit", limit, f"from 1 to {_MAX_PAGE}")
        try:
            wanted = frozenset(JobStatus(status) for status in statuses)
        except ValueError as error:
            allowed = f"of {', '.join(JobStatus)}"
            raise InvalidOption("statuses", str(error), allowed) from None
        return self._store.search(
            Search(
                name=name,
                queue=queue,
                statuses=wanted,
                params=params or {},
                created_after=created_after,
                created_before=created_before,
                submitted_by=submitted_by,
                limit=limit,
                before=cursor,
            )
        )

    def counts(self) -> dict[JobStatus, int]:
        """Return how many jobs have each status."""
        return self._store.counts()

    def history(self, job_id: str) -> list[HistoryEntry]:
        """Return every logged event of a job, in order. Raises JobNotFound."""
        return self._store.history(job_id)

    def attempts(self, job_id: str) -> list[Attempt]:
        """Return the attempts of a job, in order. Raises JobNotFound."""
        return self._store.attempts(job_id)

    def log(self, job_id: str, *, after: int = 0, limit: int = 10_000) -> list[LogLine]:
        """Return what a job wrote, in lines with `seq > after`. Raises JobNotFound."""
        return self._store.log(job_id, after=after, limit=limit)

    def rejections(self, job_id: str | None = None) -> list[Rejection]:
        """Return refused events, of one job or of all; the newest 1000."""
        return self._store.rejections(job_id)

    def explain(self, job_id: str) -> str:
        """Return in a sentence what a job does now, and why it does not run."""
        return explaining.explain(self._store, job_id, self._clock.now())

    def rerun(self, job_id: str, *, by: str | None = None) -> JobHandle[object]:
        """Submit once more what a terminal job did, as a new job with `rerun_of`.

        Raises:
            JobNotFound: no job has this id.
            IllegalTransition: it has not ended yet.
        """
        job = self.get(job_id)
        if not job.is_terminal:
            raise IllegalTransition(
                job.status,
                Event.CLAIM,
                legal(job.status),
                job_id=job_id,
                unmet="only a job that has ended can be run again; cancel it first",
            )
        find(job.name)
        new = again(job, now=self._clock.now(), by=by)
        (stored,) = self._store.add([new])
        return JobHandle(stored.id, self)

    def queues(self) -> list[QueueInfo]:
        """Return the queues, by name."""
        return self._store.queues()

    def pause(self, queue: str) -> None:
        """Let no job of this queue start; those that run go on."""
        self._store.set_paused(queue, paused=True)

    def resume(self, queue: str) -> None:
        """Let jobs of this queue start again."""
        self._store.set_paused(queue, paused=False)

    def workers(self) -> list[WorkerInfo]:
        """Return the registered workers; `seen_at` tells which are alive."""
        return self._store.workers()

    def purge(self, *, older_than: timedelta | float, limit: int | None = None) -> int:
        """Delete jobs that ended longer ago than this (seconds or timedelta).

        Returns:
            How many were deleted, with all their records.
        """
        if not isinstance(older_than, timedelta):
            older_than = timedelta(seconds=older_than)
        before = self._clock.now() - older_than
        deleted = 0
        while limit is None or deleted < limit:
            batch = 1000 if limit is None else min(1000, limit - deleted)
            now = self._store.purge(finished_before=before, limit=batch)
            deleted += now
            if now < batch:
                break
        return deleted

    def delete(self, job_id: str) -> None:
        """Delete one terminal job. Raises JobNotFound, IllegalTransition."""
        self._store.delete(job_id)

    def verify(self) -> list[Fault]:
        """Replay every history against the table; return the faults, none if sound."""
        return self._store.verify()

    def new_worker(
        self,
        *,
        settings: WorkerSettings | None = None,
        containment: str = "auto",
        modules: Iterable[str] = (),
    ) -> Worker:
        """Return a worker of the registered jobs, to be run in a thread of its own.

        Raises:
            InterlockError: no job is registered, or the containment does not work here.
        """
        jobs = registered()
        if not jobs:
            raise InterlockError(
                "no job is registered in this process: import the modules with @job "
                "first. No worker was started."
            )
        settings = settings or WorkerSettings()
        names = {job.function.__module__ for job in jobs.values()} | set(modules)
        main = getattr(sys.modules["__main__"], "__file__", None)
        runner = discovery.open_runner(
            containment=containment,
            modules=sorted(names - {"__main__"}),
            main=main if "__main__" in names else None,
            ahead=settings.concurrency + 1,
        )
        return Worker(self._store, runner, jobs, settings, self._clock)

    @contextmanager
    def worker(
        self,
        *,
        concurrency: int | None = None,
        lease: float = 30.0,
        queues: Iterable[str] | None = None,
        shutdown_grace: float = 10.0,
        containment: str = "auto",
    ) -> Iterator[Worker]:
        """Run a worker in a thread, for applications and tests; stop it at the end.

        The options are those of `WorkerSettings`.
        """
        given = {} if concurrency is None else {"concurrency": concurrency}
        settings = WorkerSettings(
            **given,
            lease=lease,
            queues=None if queues is None else frozenset(queues),
            shutdown_grace=shutdown_grace,
        )
        worker = self.new_worker(settings=settings, containment=containment)
        thread = threading.Thread(target=worker.run, name="interlock-worker")
        thread.start()
        try:
            yield worker
        finally:
            worker.stop()
            thread.join()

    def close(self) -> None:
        """Release threads and connections. The engine is not used after it."""
        if self._waiting is not None:
            self._waiting.close()
        self._store.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()
