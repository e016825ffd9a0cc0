"""The context of a running job, which `current_job()` returns.

The runner enters the context before it calls the job's function.
"""

import contextvars
from collections.abc import Callable, Coroutine, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from typing import TYPE_CHECKING, Any, ParamSpec, Protocol, TypeVar, overload

from interlock.core.errors import PACKAGE, InterlockError
from interlock.core.lifecycle import StopCause
from interlock.core.progress import Progress

if TYPE_CHECKING:
    from pathlib import Path
    from typing import Unpack

    from interlock.api.children import ChildGroup
    from interlock.api.engine import Engine
    from interlock.api.handle import JobHandle
    from interlock.jobs.options import Options
    from interlock.jobs.registry import JobFunction
    from interlock.jobs.steps import Steps

    class JobClient(Protocol):
        """The engine's methods that a running job can use: see `job_client`."""

        @property
        def engine(self) -> Engine:
            """See `JobContext.engine`."""
            ...

        def inputs(self) -> list[Any] | dict[str, Any]:
            """See `JobContext.inputs`."""
            ...

        @property
        def steps(self) -> Steps:
            """The steps of the attempt."""
            ...

        def submit(
            self,
            job: JobFunction[..., object] | str,
            args: Sequence[Any],
            kwargs: Mapping[str, Any],
        ) -> JobHandle[Any]:
            """See `JobContext.submit`."""
            ...

        def map(
            self,
            job: JobFunction[..., object] | str,
            items: Iterable[object],
            name: str | None,
            options: Mapping[str, Any],
        ) -> ChildGroup[Any]:
            """See `JobContext.map`."""
            ...


P = ParamSpec("P")
R = TypeVar("R")


class Interrupted(BaseException):
    """The job is being stopped; SIGTERM raises this in its main thread.

    Clean up and let it propagate: when the grace is over, every process of the job is
    killed. It is not an `Exception`, so `except Exception` does not catch it.
    """

    __module__ = PACKAGE

    def __init__(self, cause: StopCause) -> None:
        super().__init__(f"the job is being stopped: {cause}")
        self.cause = cause


def _nothing_asked() -> StopCause | None:
    return None


def _no_worker() -> "JobClient":
    raise InterlockError("No worker runs this job, so it cannot ask its worker.")


@dataclass(frozen=True, slots=True, kw_only=True)
class JobContext:
    """The attempt that runs in this process."""

    id: str
    name: str
    attempt: int
    deadline: datetime | None  # when it is stopped as TIMEOUT
    parent_id: str | None = None  # the job that submitted it
    metadata: Mapping[str, object] = field(default_factory=dict[str, object])
    _report: Callable[[Progress], None] = field(repr=False)
    _asked: Callable[[], StopCause | None] = field(repr=False, default=_nothing_asked)
    _client: Callable[[], "JobClient"] = field(repr=False, default=_no_worker)

    @property
    def tmpdir(self) -> "Path":
        """The attempt's own folder for temporary files; removed after the attempt."""
        import tempfile  # noqa: PLC0415  (many pages in each fork)
        from pathlib import Path  # noqa: PLC0415

        return Path(tempfile.gettempdir())

    @property
    def stop_requested(self) -> StopCause | None:
        """Why the job is being stopped, None while it is not."""
        return self._asked()

    @property
    def cancel_requested(self) -> bool:
        """Whether this job is being stopped because a cancel was requested."""
        return self._asked() is StopCause.CANCEL

    def progress(
        self,
        completed: float | None = None,
        total: float | None = None,
        *,
        phase: str | None = None,
        unit: str | None = None,
        message: str | None = None,
    ) -> None:
        """Report the progress of the job. At most 20 reports a second are sent."""
        self._report(
            Progress(
                phase=phase,
                completed=completed,
                total=total,
                unit=unit,
                message=message,
            )
        )

    @overload
    def submit(
        self,
        job: "JobFunction[P, Coroutine[Any, Any, R]]",
        /,
        *args: P.args,
        **kwargs: P.kwargs,
    ) -> "JobHandle[R]": ...
    @overload
    def submit(
        self, job: "JobFunction[P, R]", /, *args: P.args, **kwargs: P.kwargs
    ) -> "JobHandle[R]": ...
    @overload
    def submit(
        self,
        job: str,
        params: Mapping[str, object] | None = None,
        /,
        **options: "Unpack[Options]",
    ) -> "JobHandle[object]": ...
    def submit(self, job, /, *args, **kwargs):  # type: ignore[no-untyped-def]  # the overloads are the type
        """Submit a job as `Engine.submit` does, once; its `parent_id` is this job.

        It is a step: a later attempt gets the same job, and submits no other. If this
        job is canceled, the new one is canceled too, unless it has the option
        `on_parent_cancel="keep"`.

        `handle.result()` waits for it without a process and a slot: this job begins
        anew when it has ended, as after a `sleep`. With `result(timeout=60)` this
        process waits. Other methods of the handle open the database.

        Raises:
            StepMismatch: an earlier attempt submitted something else here. The job is
                FAILED (`step_mismatch`), without a retry.
            LeaseLost: another attempt has the job now. Nothing was stored.
            InterlockError: as `Engine.submit`; or this is not the job's main process.
        """
        return self._client().submit(job, args, kwargs)

    @overload
    def map(
        self,
        job: "JobFunction[..., Coroutine[Any, Any, R]]",
        items: "Iterable[object]",
        /,
        *,
        name: str | None = None,
        **options: "Unpack[Options]",
    ) -> "ChildGroup[R]": ...
    @overload
    def map(
        self,
        job: "JobFunction[..., R]",
        items: "Iterable[object]",
        /,
        *,
        name: str | None = None,
        **options: "Unpack[Options]",
    ) -> "ChildGroup[R]": ...
    @overload
    def map(
        self,
        job: str,
        items: "Iterable[object]",
        /,
        *,
        name: str | None = None,
        **options: "Unpack[Options]",
    ) -> "ChildGroup[Any]": ...
    def map(self, job, items, /, *, name=None, **options):  # type: ignore[no-untyped-def]  # the overloads are the type
        """Submit a job for each item, as `submit` does and as a group.

        `group.results()` waits for all of them without a process and a slot.

        Args:
            job: a job function, or its name.
            items: each is a mapping (parameters by name), a tuple (by position), or
                the only parameter itself.
            name: of the group; None: that of the job.
            options: of all jobs, as in `.options()`.

        Raises as `submit`; nothing was stored.
        """
        return self._client().map(job, items, name, options)

    def step(
        self,
        name: str,
        function: Callable[..., R],
        /,
        *args: Any,
        key: str | None = None,
        **kwargs: Any,
    ) -> R:
        """Call a function once a job, and keep what it returned.

        In a later attempt the kept value is returned, and the function is not called:
        after a retry, a kill, a lost worker, a deployment. It is stored before this
        returns, and only by the attempt that runs. What a function did before it could
        be stored, it may do again. The step of an async function is awaited.

        Args:
            name: of the step. The n-th step of a name is the same in each attempt.
            function: what to call. Its result is JSON by its annotation, as that of a
                job; it is returned as it was stored, also the first time.
            args: of the function.
            key: distinguishes steps of a name, instead of their order: in threads.
            kwargs: of the function.

        Raises:
            Misfit: the result is no JSON, or larger than 1 MiB. The job is FAILED
                (`bad_result`), without a retry. The function has been called.
            StepMismatch: an earlier attempt called another function here, or with other
                arguments. The job is FAILED (`step_mismatch`), without a retry.
            LeaseLost: another attempt has the job now. Nothing was stored.
            InterlockError: this is not the job's main process.
        """
        return self._client().steps.run(name, function, args, kwargs, key)  # type: ignore[no-any-return]  # or what awaits it

    def save(self, value: object) -> None:
        """Keep a value (JSON, at most 1 MiB) for later attempts, instead of the last.

        Raises as `step`.
        """
        self._client().steps.save(value)

    @property
    def saved(self) -> Any:
        """The value that this job has saved last, in any attempt; None: none."""
        return self._client().steps.saved

    def sleep(self, seconds: float) -> None:
        """Give the process and the slot back, and go on later in a new attempt.

        The function begins anew then, and its steps are not done again. A sleep is a
        step: a later attempt does not sleep again.

        Raises:
            Suspended: let it propagate.
            InterlockError: this is not the main thread of the job's main process.
            InvalidOption: `seconds` is out of its range: 0 to ten years.
        """
        self._client().steps.sleep(seconds)

    def await_signal(self, name: str, timeout: float | None = None) -> Any:
        """Return the payload of a signal to this job; wait for it as in `sleep`.

        Signals of a name are read in the order in which they came, each once; one that
        came before waits. See `Engine.signal`.

        Args:
            name: of the signal.
            timeout: seconds from the first wait; None: for ever.

        Raises:
            SignalTimeout: it did not come in time.
            Suspended, InterlockError, InvalidOption: as in `sleep`.
        """
        return self._client().steps.await_signal(name, timeout)

    def signal_token(self, name: str) -> str:
        """Return a token by which whoever has it sends one signal to this job, once.

        For a link in a mail or a webhook: `POST /v1/signals/TOKEN` needs no other
        authorization. It is made once a job: a later attempt gets the same one.

        Raises as `step`.
        """
        return self._client().steps.signal_token(self.id, name)

    @property
    def inputs(self) -> Any:
        """The results of the jobs that this one depends on.

        A list in the order of `depends_on`, or a dict with its names; empty if it
        depends on none. Each is in the type that the function's annotation says, as
        `JobHandle.result` returns it. None for a job that has not succeeded
        (`on_parent_failure="run"`). They are read from the database each time.

        Raises:
            InvalidResult: a result does not fit the function that is here.
            InterlockError: this is not the job's main process.
        """
        return self._client().inputs()

    @property
    def engine(self) -> "Engine":
        """An engine on the database of this job's worker, opened when first used.

        Raises:
            InterlockError: the worker does not allow it (`WorkerSettings.job_engine`),
                or its database cannot be opened by another process.
        """
        return self._client().engine


_current: contextvars.ContextVar[JobContext | None] = contextvars.ContextVar(
    "interlock_job", default=None
)
_of_process: Callable[[], JobContext] | None = None


def current_job() -> JobContext:
    """Return the context of the job that runs here.

    Raises:
        InterlockError: no job runs here.
    """
    context = _current.get()
    if context is None and _of_process is not None:
        context = _of_process()
    if context is None:
        raise InterlockError("current_job() was called outside a running job.")
    return context


def is_in_job() -> bool:
    """Whether a job runs here."""
    return _current.get() is not None or _of_process is not None


def enter(get_context: Callable[[], JobContext]) -> None:
    """Make `current_job()` return `get_context()`, in all threads of this process."""
    global _of_process  # noqa: PLW0603  (the process is the job's own)
    _of_process = get_context


@contextmanager
def entered(context: JobContext) -> Iterator[None]:
    """Make `current_job()` return `context`, for runners."""
    token = _current.set(context)
    try:
        yield
    finally:
        _current.reset(token)
