"""An engine that runs each job at once, in this process, without a database."""

import json
from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager

from interlock import context, discovery
from interlock.annotations import Misfit
from interlock.clock import Clock, SystemClock
from interlock.context import JobContext
from interlock.engine import Engine
from interlock.handle import JobHandle
from interlock.job import Exit, Failure, Job
from interlock.lifecycle import Proof, Reason, StopCause
from interlock.observation import ExitSeen, Launch, Observation, PidSeen, TreeDead
from interlock.ports import JobStore
from interlock.registry import JobFunction, codec_of, find, registered
from interlock.retry import type_name
from interlock.running import Execution, Source
from interlock.settings import WorkerSettings
from interlock.tracing import tracer
from interlock.worker import Worker


class _Done:
    """An execution that has ended before anybody could look."""

    supervised = True

    def __init__(self, seen: list[Observation]) -> None:
        self._seen = seen

    def fileno(self) -> int:
        return -1

    def observe(self) -> list[Observation]:
        seen, self._seen = self._seen, []
        return seen

    def stop(self, cause: StopCause, grace_s: float) -> None:
        """Nothing is left to stop."""

    def kill(self) -> None:
        """Nothing is left to kill."""

    def reply(self, answer: Mapping[str, object]) -> None:
        """Nothing is left to ask."""

    def extend(self, lease_deadline: float) -> None:
        """Nothing is left to extend."""


class InlineRunner:
    """`Runner` that calls the function here: no isolation, no timeout, no kill."""

    containment = "inline"
    domain: str | None = None
    is_ready = True

    def start(self, launch: Launch) -> Execution:
        """See `Runner.start`."""
        seen: list[Observation] = []
        job = launch.job
        here = JobContext(
            id=job.id,
            name=job.name,
            attempt=job.attempt,
            deadline=launch.deadline_at,
            _report=seen.append,
        )
        try:
            with context.entered(here), tracer().entered(launch.trace):
                result = _called(job)
            ended = ExitSeen(exit=Exit(code=0), result=result)
        except Misfit as error:
            failure = Failure(reason=Reason.BAD_RESULT, message=str(error))
            ended = ExitSeen(exit=Exit(code=1), failure=failure)
        except Exception as error:  # noqa: BLE001  (the edge of the job)
            failure = Failure(
                reason=Reason.ERROR,
                message=str(error) or type(error).__name__,
                type=type_name(type(error)),
                transient=job.retry.covers(error),
            )
            ended = ExitSeen(exit=Exit(code=1), failure=failure)
        return _Done([PidSeen(pid=0), *seen, ended, TreeDead(proof=Proof.INLINE)])

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


def _called(job: Job) -> object:
    """Call the function of a job; return its result as JSON carries it.

    Raises:
        Misfit: it is none.
    """
    function = find(job.name).function
    codec = codec_of(function)
    params = job.params if codec is None else codec.params(job.params)
    result = function(**params)
    if codec is not None:
        result = codec.returned(result)
    try:
        return json.loads(json.dumps(result, allow_nan=False))
    except (TypeError, ValueError, RecursionError) as error:
        kind = type(result).__name__
        why = f"the job returned a {kind} that is not JSON: {error}"
        raise Misfit([why]) from error


class InlineEngine(Engine):
    """An `Engine` whose submit returns after the job has ended.

    Jobs that are not due stay PENDING; `drain()` runs what has become due.
    """

    def __init__(self, store: JobStore, *, clock: Clock | None = None) -> None:
        super().__init__(store, clock=clock)
        self._worker_settings = WorkerSettings(concurrency=1)

    def _submit(
        self,
        job: JobFunction[..., object],
        params: Mapping[str, object],
        parent_id: str | None = None,
    ) -> JobHandle[object]:
        handle = super()._submit(job, params, parent_id)
        self.drain()
        return handle

    def drain(self) -> None:
        """Run every job that is due, retries without a backoff included."""
        worker = Worker(
            self._store,
            InlineRunner(),
            registered(),
            self._worker_settings,
            self._clock,
        )
        while worker.turn(0.0):
            pass


@contextmanager
def inline_engine(clock: Clock | None = None) -> Iterator[InlineEngine]:
    """Yield an engine in memory that runs each job at once, in this process."""
    clock = clock or SystemClock()
    with InlineEngine(discovery.open_store("memory:", clock), clock=clock) as engine:
        yield engine
