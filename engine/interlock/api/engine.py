"""`Engine`: submits, waits for, cancels and reruns jobs, and starts workers.

One file, because it is one public class, whose docstrings are its reference.
"""

import logging
import threading
from collections.abc import Coroutine, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import datetime
from functools import partial
from types import MappingProxyType
from typing import Any, ParamSpec, Self, TypeVar, Unpack, overload

from interlock.api import inputs
from interlock.api.bulk import Bulk
from interlock.api.cancel import CancelRequest, cancel, refuse_changed
from interlock.api.children import options_of
from interlock.api.failures import Failures
from interlock.api.group import Group, arguments, check_name, of_engine, placed
from interlock.api.handle import JobHandle
from interlock.api.job_requests import JobRequests
from interlock.api.limits import Limits
from interlock.api.monitor import Monitor
from interlock.api.reruns import Again
from interlock.api.results import value_of
from interlock.api.schedules import Schedules
from interlock.api.step_desk import StepDesk
from interlock.core.bounds import check_wait, check_whole
from interlock.core.dependencies import NO_DEPENDENCIES, Dependency, Links
from interlock.core.errors import (
    InterlockError,
    InvalidOption,
    NotGuarded,
    WaitTimeout,
)
from interlock.core.ids import new_id, refuse_malformed
from interlock.core.job import Job, NewJob
from interlock.core.lifecycle import Event
from interlock.core.records import GroupInfo
from interlock.core.uniqueness import NO_POLICIES, Unique
from interlock.jobs import depends, published
from interlock.jobs.context import is_in_job
from interlock.jobs.options import Options, check_words
from interlock.jobs.registry import JobFunction, called, find, registered
from interlock.jobs.submission import (
    Wanted,
    call_of,
    new_job,
    policies,
)
from interlock.ports import discovery
from interlock.ports.clock import Clock, SystemClock
from interlock.ports.store import JobStore
from interlock.ports.tracing import tracer
from interlock.worker import factory
from interlock.worker.loop import Worker
from interlock.worker.settings import WorkerSettings

_log = logging.getLogger("interlock.worker")
P = ParamSpec("P")
R = TypeVar("R")
_NO_CALLS: Mapping[int, str] = MappingProxyType({})
_Pairs = Sequence[tuple[JobFunction[..., object], Mapping[str, object], Wanted]]


class Engine(Bulk):
    """Submits, searches, waits for and cancels the jobs in a store. Thread-safe."""

    def __init__(self, store: JobStore, *, clock: Clock | None = None) -> None:
        self._store = store
        self._clock = clock or SystemClock()
        #: The event feed and statistics, for servers and dashboards.
        self.monitor = Monitor(store)
        #: Limits of keys that are set at run time.
        self.limits = Limits(store)
        #: Failed jobs by cause, and what people say of the causes.
        self.failures = Failures(store, self._clock)
        #: Jobs that workers submit by the clock.
        self.schedules = Schedules(store, self._named, self._submit_one)
        self._schedules = self.schedules
        self._url: str | None = None  # that other processes can open it by

    @classmethod
    def open(
        cls,
        url: str | None = None,
        *,
        clock: Clock | None = None,
        create: bool = True,
    ) -> Self:
        """Open the store of a URL; a SQLite file is created and upgraded as needed.

        Args:
            url: `sqlite:///jobs.db` (three slashes: a relative path),
                `postgresql://user@host/name` or `memory:`; None: the variable
                INTERLOCK_DATABASE_URL, else `./interlock.db`.
            clock: the source of time, for tests.
            create: create a missing database, and upgrade an older SQLite file; False:
                refuse both.

        Raises:
            StoreUnavailable: the store cannot be used, or does not exist; nothing was
                created.
            SchemaMismatch: the schema is newer, or older and not upgraded, or its
                guards were changed.
        """
        clock = clock or SystemClock()
        if url is None and is_in_job():
            raise InterlockError(
                "Engine.open() needs a URL inside a job, because a job does not know "
                "the settings of its worker. Use current_job().engine, or "
                "current_job().submit(...). Nothing was opened or created."
            )
        engine = cls(discovery.open_store(url, clock, create=create), clock=clock)
        engine._url = discovery.shared_url(url)
        return engine

    @overload
    def submit(
        self,
        job: JobFunction[P, Coroutine[Any, Any, R]],
        /,
        *args: P.args,
        **kwargs: P.kwargs,
    ) -> JobHandle[R]: ...
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
        """Store a job; a worker runs it. When this returns, the job is durable.

        Args:
            job: a job function (set options with `.options(...)`), or a job's name.
            args: the parameters of a job function; for a name, a dict of parameters.
            kwargs: the parameters of a job function; for a name, the options.

        Raises:
            UnknownJobName, InvalidParams, InvalidOption: refused, nothing was stored.
            DuplicateJob: the unique_key or idempotency_key belongs to another job.
            LimitReached: a limit is full now, and `when_full` is "raise".
            StoreUnavailable: the store cannot be used.
        """
        if isinstance(job, str):
            params = args[0] if args else {}
            return self._submit(self._named(job).options(**kwargs), params)
        return self._submit(*called(job, args, kwargs))

    def _named(self, name: str) -> JobFunction[..., object]:
        """Return a registered job, or one that a running worker has published.

        Raises:
            UnknownJobName: no job has the name.
        """
        if name in registered():
            return find(name)
        return published.find(name, self._store.workers(), self._clock.now())

    def _submit(
        self,
        job: JobFunction[..., object],
        params: Mapping[str, object],
    ) -> JobHandle[object]:
        new, edges = self._new(job, params, self._clock.now())
        return self._submit_one(
            new,
            unique=policies([new], [job]),
            dependencies=edges,
            connection=job.defaults.get("connection"),
        )

    def _new(
        self,
        job: JobFunction[..., object],
        params: Mapping[str, object],
        now: datetime,
        earlier: Mapping[int, str] = _NO_CALLS,
        *,
        parent_id: str | None = None,
        group: Group[Any] | None = None,
    ) -> tuple[NewJob, dict[str, list[Dependency]]]:
        """Return a new job, and what it depends on, by its id; see `new_job`."""
        wanted = job.defaults.get("depends_on")
        parents = depends.resolved(wanted, earlier, self._members) if wanted else []
        new = new_job(job, params, now=now, parent_id=parent_id, parents=len(parents))
        new = placed(new, group or of_engine(self))
        return new, {new.id: depends.edges(new.id, parents)} if parents else {}

    def _members(self, group_id: str) -> list[str]:
        return self.get_group(group_id).members()

    def _submit_one(
        self,
        new: NewJob,
        *,
        unique: Mapping[str, Unique] = NO_POLICIES,
        dependencies: Links = NO_DEPENDENCIES,
        connection: object = None,
    ) -> JobHandle[object]:
        (stored,) = self._add(
            [new], unique=unique, dependencies=dependencies, connection=connection
        )
        return JobHandle(stored.id, self)

    def submit_many(self, calls: Iterable[Wanted]) -> list[JobHandle[object]]:
        """Store many jobs in one transaction, all or none.

        A call may depend on earlier ones of the same submit: `chain`, `depends_on`.

        Args:
            calls: `job.call(...)`, or pairs of a job (or its name) and its params.

        Raises as `submit`; nothing was stored.
        """
        return self._submit_all(*self._wanted(calls))

    def _wanted(self, calls: Iterable[Wanted]) -> tuple[_Pairs, object]:
        """Return jobs with their params and calls, and the connection they share."""
        pairs = [(*call_of(call, self._named), call) for call in calls]
        connections = {id(job.defaults.get("connection")) for job, _, _ in pairs}
        if len(connections) > 1:
            message = (
                "The jobs of one submit_many have different connections. Use the same "
                "connection for all of them. Nothing was stored."
            )
            raise InvalidOption.because("connection", message)
        return pairs, pairs[0][0].defaults.get("connection") if pairs else None

    def _submit_all(self, pairs: _Pairs, connection: object) -> list[JobHandle[object]]:
        now = self._clock.now()
        new: list[NewJob] = []
        dependencies: dict[str, Sequence[Dependency]] = {}
        earlier: dict[int, str] = {}  # the id of each call
        for job, params, call in pairs:
            one, edges = self._new(job, params, now, earlier)
            new.append(one)
            dependencies |= edges
            earlier[id(call)] = one.id
        if not new:
            return []
        stored = self._add(
            new,
            unique=policies(new, (job for job, _, _ in pairs)),
            dependencies=dependencies,
            connection=connection,
        )
        return [JobHandle(job.id, self) for job in stored]

    def _add(
        self,
        new: Sequence[NewJob],
        *,
        unique: Mapping[str, Unique] = NO_POLICIES,
        dependencies: Links = NO_DEPENDENCIES,
        connection: object = None,
    ) -> list[Job]:
        with tracer().submitting(new) as followed:
            return self._store.add(
                followed,
                unique=unique,
                dependencies=dependencies,
                connection=connection,
            )

    @overload
    def map(
        self,
        job: JobFunction[..., Coroutine[Any, Any, R]],
        items: Iterable[object],
        /,
        *,
        name: str | None = None,
        **options: Unpack[Options],
    ) -> Group[R]: ...
    @overload
    def map(
        self,
        job: JobFunction[..., R],
        items: Iterable[object],
        /,
        *,
        name: str | None = None,
        **options: Unpack[Options],
    ) -> Group[R]: ...
    @overload
    def map(
        self,
        job: str,
        items: Iterable[object],
        /,
        *,
        name: str | None = None,
        **options: Unpack[Options],
    ) -> Group[Any]: ...
    def map(self, job, items, /, *, name=None, **options):  # type: ignore[no-untyped-def]  # the overloads are the type
        """Submit a job for each item, all in one transaction, and return their group.

        Args:
            job: a job function, or a job's name.
            items: each is a mapping (parameters by name), a tuple (by position), or
                the only parameter itself.
            name: of the group; None: that of the job.
            options: of all jobs, as in `.options()`.

        Raises as `submit`; nothing was stored.
        """
        function: JobFunction[..., Any] = (
            self._named(job) if isinstance(job, str) else job
        ).options(**options)
        if function.defaults.get("connection") is not None:
            message = "map has a transaction of its own. Leave connection= out."
            raise InvalidOption.because("connection", message)
        calls = (arguments(item) for item in items)
        params = (function.bound(*args, **kwargs) for args, kwargs in calls)
        return self._mapped(function, params, name or function.name)

    def _mapped(
        self,
        job: JobFunction[..., Any],
        params: Iterable[Mapping[str, object]],
        name: str,
        parent_id: str | None = None,
    ) -> Group[Any]:
        now = self._clock.now()
        with self._store.together():
            group = self._new_group(name, job.defaults.get("by"))
            new: list[NewJob] = []
            edges: dict[str, Sequence[Dependency]] = {}
            for each in params:
                one, links = self._new(job, each, now, parent_id=parent_id, group=group)
                new.append(one)
                edges |= links
            if new:
                unique = policies(new, [job] * len(new))
                self._add(new, unique=unique, dependencies=edges)
            group.close()
        return group

    def group(self, name: str, *, by: str | None = None) -> Group[Any]:
        """Create a group, to enter: what is submitted in its `with` block is in it.

        Example:
            with engine.group("import") as group:
                engine.submit(fetch, "a")
                engine.submit(parse, "b")
            group.wait()

        Args:
            name: need not be unique.
            by: who creates it.

        Raises:
            InvalidOption: a text is too long or cannot be stored.
        """
        return self._new_group(name, by)

    def _new_group(self, name: str, by: str | None) -> Group[Any]:
        check_name(name)
        check_words(by=by)
        now = self._clock.now()
        info = GroupInfo(id=new_id(now), name=name, created_at=now, created_by=by)
        self._store.groups.create(info)
        return Group(info, self)

    def get_group(self, group_id: str) -> Group[Any]:
        """Return a group. Raises GroupNotFound."""
        return Group(self._store.groups.get(group_id), self)

    def list_groups(
        self, *, before: str | None = None, limit: int = 50
    ) -> list[GroupInfo]:
        """Return groups, the newest first; `before` is the id of the last one seen.

        Raises:
            InvalidOption: `limit` is not from 1 to 1000.
        """
        check_words(before=before)
        check_whole("limit", limit, least=1, most=1000)
        return self._store.groups.newest(before=before, limit=limit)

    def handle(self, job_id: str) -> JobHandle[object]:
        """Return a handle of an existing job. Raises JobNotFound."""
        return JobHandle(self.get(job_id).id, self)

    def wait(self, job_id: str, timeout: float | None = None) -> Job:
        """Wait until a job has ended, and return it.

        Args:
            job_id: the id of the job.
            timeout: seconds to wait at most; None: for ever.

        Raises:
            JobNotFound: no job has this id.
            WaitTimeout: it did not end in time. It was not changed.
            InvalidOption: `timeout` is negative or not a number.
        """
        check_wait("timeout", timeout)
        job = self._await(job_id, timeout)
        if not job.is_terminal:
            raise WaitTimeout(job_id, timeout or 0, job.status)
        return job

    def _await(self, job_id: str, timeout: float | None) -> Job:
        job = self.get(job_id)
        if job.is_terminal or timeout == 0:
            return job
        return self.monitor.waiter.wait(job_id, timeout)

    def result(self, job_id: str, timeout: float | None = None) -> object:
        """Wait, and return the function's result, in the type of its annotation.

        If this process has no job of its name, the result is JSON.

        Raises:
            JobFailed, JobCanceled, JobTimedOut: it ended without a result.
            InvalidResult: the result does not fit the function that is here.
            JobNotFound, WaitTimeout: as `wait`.
        """
        return value_of(self.wait(job_id, timeout))

    def cancel(
        self,
        job_id: str,
        *,
        reason: str | None = None,
        by: str | None = None,
        wait: float | None = None,
        if_version: int | None = None,
    ) -> Job:
        """Cancel a job. For a job that is canceled already, only return it.

        A job that has not started is CANCELED at once. For a running job the cancel is
        requested: its worker kills it with everything it started, then writes CANCELED.

        Args:
            job_id: the id of the job.
            reason: your reason, kept in its history.
            by: who cancels, kept in its history.
            wait: seconds to wait for the end; None: return at once.
            if_version: refuse if the job has changed since this `Job.version`.

        Raises:
            JobNotFound: no job has this id.
            IllegalTransition: it has ended with another status.
            VersionChanged: it has changed (`if_version`).
            InvalidOption: `reason` or `by` cannot be stored, or `wait` is negative.
        """
        check_words(reason=reason, by=by)
        check_wait("wait", wait)
        refuse_malformed(job_id)
        request = CancelRequest(
            job_id=job_id, by=by or "client", reason=reason, version=if_version
        )
        job = cancel(self._store, request, self._clock)
        if wait is None or job.is_terminal:
            return job
        return self._await(job_id, wait)

    def rerun(
        self,
        job_id: str,
        *,
        by: str | None = None,
        if_version: int | None = None,
        dependents: bool = False,
    ) -> JobHandle[object]:
        """Run a terminal job again, as a new job with `rerun_of`.

        It depends on the same jobs as before.

        Args:
            job_id: the id of the job.
            by: who wants it.
            if_version: refuse if the job has changed since this `Job.version`.
            dependents: also those that were CANCELED because it did not succeed, and
                so on: a pipeline goes on from the job that failed.

        Raises:
            JobNotFound: no job has this id.
            IllegalTransition: it has not ended yet.
            VersionChanged: it has changed.
            InvalidOption: a job that it depends on was deleted or has not succeeded.
                Nothing was stored.
        """
        check_words(by=by)
        job = self.get(job_id)
        refuse_changed(job, if_version, Event.CLAIM)
        again = Again(self._store, self._clock.now(), by)
        again.add(job)
        if dependents:
            again.add_dependents(job)
        return JobHandle(self._add_again(again)[0].id, self)

    def _add_again(self, again: Again) -> list[Job]:
        return self._add(again.new, dependencies=again.links()) if again.new else []

    def new_worker(
        self,
        *,
        settings: WorkerSettings | None = None,
        containment: str = "auto",
        modules: Iterable[str] = (),
    ) -> Worker:
        """Return a worker for the registered jobs; call its `run()` to start it.

        Raises:
            InterlockError: no job is registered, or the containment does not work here.
        """
        settings = settings or WorkerSettings()
        url = self._url if settings.job_engine else None
        return factory.new_worker(
            self._store,
            self._clock,
            settings,
            answer=JobRequests(
                inputs=partial(inputs.page, self._store),
                desk=partial(StepDesk, self._store, partial(submit_children, self)),
                url=url,
            ).answer,
            containment=containment,
            modules=modules,
        )

    @contextmanager
    def worker(
        self,
        *,
        concurrency: int | None = None,
        lease: float = 30.0,
        queues: Iterable[str] | Mapping[str, int] | None = None,
        shutdown_grace: float = 5.0,
        containment: str = "auto",
    ) -> Iterator[Worker]:
        """Run a worker in a thread, and stop it at the end of the `with` block.

        The options are those of `WorkerSettings`.

        Raises:
            NotGuarded: the script has no `if __name__ == "__main__":`. Waiting for a
                job inside the block raises it too.
        """
        concurrency_option: Any = (
            {} if concurrency is None else {"concurrency": concurrency}
        )
        settings = WorkerSettings(
            **concurrency_option,
            lease=lease,
            queues=_queues(queues),
            shutdown_grace=shutdown_grace,
        )
        worker = self.new_worker(settings=settings, containment=containment)
        refused: list[NotGuarded] = []

        def work() -> None:
            try:
                worker.run()
            except NotGuarded as error:
                _log.error(str(error))
                refused.append(error)
                self.monitor.waiter.fail(error)

        thread = threading.Thread(target=work, name="interlock-worker")
        thread.start()
        try:
            yield worker
        finally:
            worker.stop()
            thread.join()
            if refused:
                self.monitor.waiter.fail(None)
        if refused:
            raise refused[0]

    def close(self) -> None:
        """Release threads and connections. Do not use the engine afterwards."""
        self.monitor.close()
        self._store.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_raised: object) -> None:
        self.close()


def _queues(
    queues: Iterable[str] | Mapping[str, int] | None,
) -> frozenset[str] | Mapping[str, int] | None:
    return (
        queues if queues is None or isinstance(queues, Mapping) else frozenset(queues)
    )


def submit_children(
    engine: Engine, parent: Job, order: Mapping[str, Any]
) -> dict[str, str]:
    """Store what a job submits; return what it is told. See `jobs.steps.Desk`."""
    job = engine._named(order["job"]).options(**options_of(order))  # noqa: SLF001  (the same module)
    if "items" in order:
        name = order["group"] or job.name
        group = engine._mapped(job, order["items"], name, parent.id)  # noqa: SLF001
        return {"group": group.id, "name": group.name}
    now = engine._clock.now()  # noqa: SLF001
    new, edges = engine._new(job, order["params"], now, parent_id=parent.id)  # noqa: SLF001
    unique = policies([new], [job])
    (stored,) = engine._add([new], unique=unique, dependencies=edges)  # noqa: SLF001
    return {"id": stored.id}
