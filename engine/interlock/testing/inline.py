"""An engine that runs each job at once, in this process, without a database."""

import asyncio
import contextvars
import json
import traceback
from collections.abc import Collection, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from datetime import datetime, timedelta
from functools import cache, partial
from pathlib import Path
from types import CoroutineType
from typing import TYPE_CHECKING, Any

from interlock import hooks
from interlock.api import inputs
from interlock.api.children import Children
from interlock.api.engine import Engine, submit_children
from interlock.api.handle import JobHandle
from interlock.api.step_desk import StepDesk, SubmitChildren
from interlock.core.bounds import age
from interlock.core.dependencies import NO_DEPENDENCIES, Links
from interlock.core.job import Exit, Failure, Job, NewJob
from interlock.core.lifecycle import INITIAL, Proof, StopCause
from interlock.core.observations import ExitSeen, Launch, Observation, PidSeen, TreeDead
from interlock.core.uniqueness import NO_POLICIES, Unique
from interlock.jobs import context, outcome, suspension
from interlock.jobs.annotations import Misfit
from interlock.jobs.context import JobContext
from interlock.jobs.registry import codec_of, find, registered
from interlock.jobs.steps import Steps
from interlock.jobs.suspension import Suspended
from interlock.ports import discovery
from interlock.ports.runner import Execution, Source
from interlock.ports.store import JobStore
from interlock.ports.tracing import tracer
from interlock.testing import submits
from interlock.testing.clock import ManualClock, TravelClock
from interlock.worker.loop import Worker
from interlock.worker.settings import WorkerSettings

if TYPE_CHECKING:
    from interlock.jobs.codecs import Codec

_BEHIND = timedelta(microseconds=1)  # an end has passed only then


class _Done:
    """An execution that has already ended."""

    supervised = True

    def __init__(self, observations: list[Observation]) -> None:
        self._observations = observations

    def fileno(self) -> int:
        return -1

    def observe(self) -> list[Observation]:
        observations, self._observations = self._observations, []
        return observations

    def stop(self, cause: StopCause, grace_s: float) -> None:
        """Do nothing: it has ended."""

    def kill(self) -> None:
        """Do nothing: it has ended."""

    def reply(self, answer: Mapping[str, object]) -> None:
        """Do nothing: it has ended."""

    def extend(self, lease_deadline: float) -> None:
        """Do nothing: it has ended."""


class InlineRunner:
    """`Runner` that calls the function here: no isolation, no timeout, no kill."""

    containment = "inline"
    place = "inline"  # of no process
    trouble: str | None = None
    domain: str | None = None
    is_ready = True

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def memory_bytes(self) -> int | None:
        """See `Runner.memory_bytes`: of the caller it is not measured."""
        return None

    def start(self, launch: Launch) -> Execution:
        """See `Runner.start`."""
        reports: list[Observation] = []
        job = launch.job
        job_context = JobContext(
            id=job.id,
            name=job.name,
            attempt=job.attempt,
            deadline=launch.deadline_at,
            parent_id=job.parent_id,
            metadata=job.metadata,
            _report=reports.append,
            _client=cache(lambda: InlineClient(self._engine, job)),
        )
        with context.entered(job_context), tracer().entered(launch.trace):
            exit_seen = _run(job)
        return _Done(
            [PidSeen(pid=0), *reports, exit_seen, TreeDead(proof=Proof.INLINE)]
        )

    def proved_empty(self, domain: str) -> bool:
        """See `Runner.proved_empty`."""
        del domain
        return False

    def sweep(self, attempts: Collection[tuple[str, int]]) -> set[str]:
        """See `Runner.sweep`."""
        del attempts
        return set()

    def sources(self) -> Sequence[Source]:
        """See `Runner.sources`."""
        return ()

    def tend(self) -> None:
        """See `Runner.tend`."""

    def close(self) -> None:
        """See `Runner.close`."""


def _run(job: Job) -> ExitSeen:
    """Call the function of a job; return the end that its own process would report."""
    try:
        hooks.job_start.run()
        try:
            codec, result = _call(job)
        except BaseException as error:
            _end_hooks(hooks.Outcome(error=error))
            raise
        _end_hooks(hooks.Outcome(result=result))
        if suspension.take() is not None:
            return _failed(0, outcome.swallowed())
        text = outcome.result_text(result, codec)
        return ExitSeen(exit=Exit(code=0), result=json.loads(text))
    except SystemExit as leaving:
        code, failure = outcome.left(leaving)
        return _failed(code, failure or outcome.exited(code))
    except Misfit as error:
        return _failed(0, outcome.bad_result(error))
    except (Exception, Suspended) as error:  # noqa: BLE001  (the edge of the job)
        folder = str(Path(__file__).parent)
        return _failed(1, outcome.failure(error, job.retry, folder=folder))


def _call(job: Job) -> "tuple[Codec | None, object]":
    """Return what the function returns, and what makes JSON of it."""
    function = find(job.name).function
    codec = codec_of(function)
    stored = json.loads(json.dumps(dict(job.params)))
    params = stored if codec is None else codec.params(stored)
    try:
        result = function(**params)
        if isinstance(result, CoroutineType):
            with ThreadPoolExecutor(1) as thread:  # a loop may run in this one
                within = contextvars.copy_context()
                result = thread.submit(within.run, asyncio.run, result).result()
    except SystemExit as leaving:
        if leaving.code not in {None, 0}:
            raise
        result = None
    return codec, result


def _end_hooks(end: hooks.Outcome) -> None:
    try:
        hooks.job_end.run(end)
    except Exception:  # noqa: BLE001  (the function has ended as it has)
        traceback.print_exc()


def _failed(code: int, failure: Mapping[str, Any]) -> ExitSeen:
    return ExitSeen(exit=Exit(code=code), failure=Failure(**failure))


class InlineClient(Children):
    """See `JobClient`: the engine is here, and it has run what is submitted."""

    def __init__(self, engine: Engine, job: Job) -> None:
        self._engine = engine
        self._job_id = job.id
        submit = partial(submit_children, engine)
        self._steps = Steps(_Desk(engine._store, submit, job, engine))  # noqa: SLF001  (its worker's side)

    @property
    def engine(self) -> Engine:
        """See `JobContext.engine`."""
        return self._engine

    @property
    def steps(self) -> Steps:
        """The steps of the attempt."""
        return self._steps

    def inputs(self) -> list[Any] | dict[str, Any]:
        """See `JobContext.inputs`."""
        store = self._engine._store  # noqa: SLF001  (this class is its worker's side)
        return inputs.collected(lambda after: inputs.page(store, self._job_id, after))


class _Desk(StepDesk):
    """A desk that runs what is submitted, before the job goes on."""

    def __init__(
        self,
        store: JobStore,
        submit: SubmitChildren,
        job: Job,
        engine: Engine,
    ) -> None:
        super().__init__(store, submit, job)
        self._engine = engine

    def submit(
        self, name: str, use: str, order: Mapping[str, Any]
    ) -> Mapping[str, Any]:
        """See `Desk.submit`."""
        done = super().submit(name, use, order)
        if isinstance(self._engine, InlineEngine):
            self._engine.drain()
        return done


class InlineEngine(Engine):
    """An `Engine` whose submit returns after the job has ended.

    Jobs that are not due stay PENDING: `drain()` runs those that have become due,
    `drain(scheduled=True)` moves the engine's clock to the others and runs them too,
    and `travel(seconds)` lets time pass.
    """

    def __init__(self, store: JobStore, clock: ManualClock | TravelClock) -> None:
        super().__init__(store, clock=clock)
        self._time = clock
        self._worker_settings = WorkerSettings(concurrency=1)

    def _submit_one(
        self,
        new: NewJob,
        *,
        unique: Mapping[str, Unique] = NO_POLICIES,
        dependencies: Links = NO_DEPENDENCIES,
        connection: object = None,
    ) -> JobHandle[object]:
        handle = super()._submit_one(
            new, unique=unique, dependencies=dependencies, connection=connection
        )
        self.drain()
        return handle

    def drain(self, *, scheduled: bool = False) -> None:
        """Run every job that is due.

        Args:
            scheduled: run also those that become due later (`run_at`, the backoff of a
                retry), one after the other, as if the time had passed.
        """
        while self._run_due() or (scheduled and self._travel()):
            pass

    def travel(self, time: float | timedelta) -> None:
        """Let time pass, and run what becomes due on the way, each at its moment.

        Jobs and retries that become due, ticks of schedules (those of `@job(schedule=)`
        begin with the first call), jobs that a rate lets start again, ends of holds,
        and what expires or misses its deadline.

        Args:
            time: seconds, or a timedelta; 0 or more.

        Raises:
            InvalidOption: it is negative, or no length of time.
        """
        end = self._clock.now() + age("time", time)
        self._worker().declare_schedules()
        self.drain()
        while (moment := self._next_moment()) is not None and moment < end:
            self._go_to(moment)
        self._go_to(end)

    def _go_to(self, moment: datetime) -> None:
        self._time.advance(max(0.0, (moment - self._clock.now()).total_seconds()))
        self.drain()

    def _next_moment(self) -> datetime | None:
        """Return the next moment at which something may become possible."""
        now = self._clock.now()
        needs = self._store.needs(now=now)
        due = self._store.next_due(now=now)
        moments = [] if due is None else [due]
        if needs.tick_in_s is not None:
            moments.append(now + timedelta(seconds=needs.tick_in_s))
        ends = [hold.until for hold in self.holds()]
        for job in submits.all_of(self, statuses=[INITIAL]):
            reasons = self._store.blockers(job.id, now=now)
            ends += [job.start_by, job.deadline_at, *(each.until for each in reasons)]
        moments += [end + _BEHIND for end in ends if end is not None]
        return min((moment for moment in moments if moment > now), default=None)

    def _run_due(self) -> bool:
        worker = self._worker()
        worker.declare_limits()
        while worker.turn(0.0):
            pass
        return False

    def _worker(self) -> Worker:
        settings = self._worker_settings
        runner = InlineRunner(self)
        return Worker(self._store, runner, registered(), settings, self._clock)

    def _travel(self) -> bool:
        """Move the clock to the next job that becomes due; return whether there is."""
        now = self._clock.now()
        due = self._store.next_due(now=now)
        if due is not None:
            self._time.advance((due - now).total_seconds())
        return due is not None


@contextmanager
def inline_engine(
    clock: ManualClock | TravelClock | None = None,
) -> Iterator[InlineEngine]:
    """Yield an engine in memory that runs each job at once, in this process."""
    clock = clock or TravelClock()
    store = discovery.open_store("memory:", clock)
    with InlineEngine(store, clock) as engine:
        yield engine
