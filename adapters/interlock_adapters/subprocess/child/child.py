"""The job's own process: calls the function, reports its result, and ends.

One file, because it is one sequence: prepare, call, report, end.
"""

import atexit
import faulthandler
import fcntl
import io
import os
import resource
import signal
import sys
import traceback
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import suppress
from datetime import UTC, datetime
from functools import cache, partial
from typing import TYPE_CHECKING, Any, Final, NoReturn

from interlock import hooks
from interlock.core.lifecycle import StopCause
from interlock.core.retry import Retry
from interlock.jobs import context, outcome, registry, suspension
from interlock.jobs.annotations import Misfit
from interlock.jobs.context import Interrupted, JobContext
from interlock.ports.tracing import tracer
from interlock_adapters.subprocess.child import interpreter_end, sigterm, stacks
from interlock_adapters.subprocess.child.job_link import JobLink, interrupted
from interlock_adapters.subprocess.child.stacks import OURS
from interlock_adapters.subprocess.launch_order import LaunchOrder
from interlock_adapters.subprocess.protocol import Kind, frame, framed

if TYPE_CHECKING:
    from interlock.api.job_client import JobClient
    from interlock.jobs.codecs import Codec

_RESULT: Final = Kind.RESULT  # to ask an enum for it touches many pages in 3.11
_REHEARSALS: Final = 16  # CPython 3.11 to 3.13 adapt within 8 calls
_MAX_TASKS: Final = 64 * 1024
CO_COROUTINE: Final = 0x80  # as `inspect` has it, which is many pages
_MORE_CPU_S: Final = 2  # for what ignores SIGXCPU
_LIMITS: Final = {
    "address_space_mb": (resource.RLIMIT_AS, 1024 * 1024),
    "cpu_s": (resource.RLIMIT_CPU, 1),
    "file_mb": (resource.RLIMIT_FSIZE, 1024 * 1024),
    "open_files": (resource.RLIMIT_NOFILE, 1),
}  # and memory_mb and processes, which the shim watches


_callbacks: Final[Callable[[], int]] = atexit._ncallbacks


class Main:
    """The main process of a job: prepared in the shim, before the fork.

    A shim makes one, for each of its jobs anew: what is the same for all of them is
    found once. Each fork has its own copy.
    """

    def __init__(
        self,
        *,
        steps: Sequence[Callable[[], object]] = (),
        find: Callable[[str], "_Callee"] | None = None,
        is_rehearsed: bool = False,
    ) -> None:
        """Find out what the jobs of this process have in common.

        Args:
            steps: what a fork does first.
            find: finds what to call, `_find` if not given.
            is_rehearsed: it runs in the zygote, where no hook is called and nothing is
                finished.
        """
        self._link = JobLink()
        self._find = find or _find
        self._steps = steps
        self._finish: Callable[[], object] = _nothing if is_rehearsed else _finish
        self._has_end_hooks = bool(hooks.job_end) and not is_rehearsed
        if hooks.job_start and not is_rehearsed:
            self._steps = [*steps, hooks.job_start.run]
        self._modules = interpreter_end.modules()
        self._lowest_fd = -1
        self._codec: Codec | None = None

    def prepare(
        self, order: LaunchOrder, result_fd: int, notice_fd: int, lowest_fd: int = -1
    ) -> None:
        """Prepare a job, in the shim that forks it.

        Args:
            order: what to run.
            result_fd: where to write what is to be said.
            notice_fd: where to read what the shim says.
            lowest_fd: the lowest free descriptor when the function is called, -1: any.

        Raises:
            UnknownJobName: no job module has declared it.
        """
        sigterm.handler.missed = (
            False  # one that was sent to the shim is not for this job
        )
        self._order = order
        self._link.result_fd = result_fd
        self._link.notice_fd = notice_fd
        self._lowest_fd = lowest_fd
        self._function, self._codec, is_async = self._find(order.name)
        if is_async:
            self._function = partial(_in_loop, self._link, self._function)
        context.enter(self.job_context)

    def job_context(self) -> JobContext:
        """Return the job's context, when it is first used."""
        order = self._order
        deadline = order.deadline
        return JobContext(
            id=order.id,
            name=order.name,
            attempt=order.attempt,
            deadline=None
            if deadline is None
            else datetime.fromtimestamp(deadline, UTC),
            parent_id=order.parent_id,
            metadata=order.metadata,
            _report=self._link.progress,
            _asked=self._link.stop_asked,
            _client=self._client,
        )

    @cache  # noqa: B019  (as long as the process lives)
    def _client(self) -> "JobClient":
        from interlock.api.job_client import JobClient  # noqa: PLC0415  (few need it)

        return JobClient(self._link.ask)

    def run(self) -> NoReturn:
        """Call the function, report its result, and end."""
        code = 1
        try:
            code = self.call()
            tracer().flush()
        finally:
            _flush()
            os._exit(code)

    def call(self) -> int:
        """Call the function and report its result; return the exit code."""
        order, link = self._order, self._link
        try:
            link.begin()
            sigterm.handler.job = link
            if sigterm.handler.missed:
                link.on_sigterm()
            if order.limits:
                _limit(order.limits)
            for step in self._steps:
                step()
            result: object = None
            try:
                with tracer().entered(order.trace):
                    params, codec = order.params, self._codec
                    called_with = params if codec is None else codec.params(params)
                    result = self._function(**called_with)
            except BaseException as error:  # noqa: BLE001  (it says what follows)
                self._raised(error)
            if self._has_end_hooks:
                _end_hooks(hooks.Outcome(result=result))
            swallowed = suspension.take() is not None
            answer = _answer(result, self._codec, swallowed=swallowed)
            if len(sys.modules) != self._modules or _callbacks() > 0 or self._leaks():
                self._finish()
            link.end(answer)
        except SystemExit as leaving:
            code, report = outcome.left(leaving)
            if report is not None:
                link.end(frame(Kind.FAILURE, report))
            return code
        except BaseException as error:  # noqa: BLE001  (the child's edge)
            retry = Retry.from_json(order.retry)
            link.end(frame(Kind.FAILURE, outcome.failure(error, retry, folder=OURS)))
            return 1
        return 0

    def _leaks(self) -> bool:
        """Whether the job has left open descriptors: it would have the lowest one."""
        fd = os.dup(self._link.result_fd)
        os.close(fd)
        return fd != self._lowest_fd

    def _raised(self, error: BaseException) -> None:
        """Return if the function has ended by `sys.exit()`; else raise its error."""
        if isinstance(error, SystemExit) and error.code in {None, 0}:
            return
        if not isinstance(error, Interrupted):  # then what it began may never end
            if self._has_end_hooks:
                _end_hooks(hooks.Outcome(error=error))
            self._finish()
        raise error


#: A function, its codec, and whether it is async.
_Callee = tuple[Callable[..., object], "Codec | None", bool]


@cache  # jobs of one name follow each other in a shim, and each look touches pages
def _find(name: str) -> _Callee:
    """Return the function of a job. Raises UnknownJobName."""
    function = registry.find(name).function
    return function, registry.codec_of(function), _is_async(function)


def _answer(result: object, codec: "Codec | None", *, swallowed: bool) -> bytes:
    """Return the frame with a result, or with the failure if it cannot be stored."""
    if swallowed:
        return frame(Kind.FAILURE, outcome.swallowed())
    try:
        return framed(_RESULT, outcome.result_text(result, codec))
    except Misfit as error:
        return frame(Kind.FAILURE, outcome.bad_result(error))


def _is_async(function: Callable[..., object]) -> bool:
    """Whether a function is async, even if a decorator wraps it."""
    while hasattr(function, "__wrapped__"):
        function = function.__wrapped__
    code = getattr(function, "__code__", None)
    return code is not None and bool(code.co_flags & CO_COROUTINE)


def _in_loop(
    link: JobLink, function: Callable[..., Any], /, **params: object
) -> object:
    """Run an async function. A stop cancels it; it may await while it cleans up."""
    import asyncio  # noqa: PLC0415  (for coroutines alone)

    async def main() -> object:
        task, loop = asyncio.current_task(), asyncio.get_running_loop()
        assert task is not None  # noqa: S101  (for the type checker)

        def interrupt(cause: StopCause) -> None:
            _show_tasks(asyncio.all_tasks(loop))
            loop.call_soon_threadsafe(task.cancel, f"the job is being stopped: {cause}")

        link.interrupt = interrupt
        return await function(**params)

    try:
        return asyncio.run(main())
    except asyncio.CancelledError:
        if link.stop_cause is None:
            raise
        raise Interrupted(link.stop_cause) from None
    finally:
        link.interrupt = interrupted


def _show_tasks(tasks: Iterable[Any]) -> None:
    """Log where each task waits: the stack of the thread shows only the loop."""
    with suppress(Exception):  # it is the job's end that matters
        text = "".join(stacks.of_task(task) for task in tasks)
        os.write(2, text.encode()[:_MAX_TASKS])


def _end_hooks(outcome: hooks.Outcome) -> None:
    try:
        hooks.job_end.run(outcome)
    except Interrupted:
        raise
    except BaseException:  # noqa: BLE001  (the function has ended as it has)
        traceback.print_exc()


def rehearse() -> None:
    """Run a job of nothing here, before any fork.

    The interpreter adapts bytecode in place as it runs (PEP 659). What it has adapted
    already no fork writes again, and what no fork writes is not copied.
    """
    callee: _Callee = (lambda: None), None, False
    order = LaunchOrder(
        id="",
        name="nothing",
        attempt=0,
        params={},
        retry={},
        lease_deadline=0.0,
        isolation="process",
        limits={},
        trace={},
    )
    null = os.open(os.devnull, os.O_WRONLY)
    for _ in range(_REHEARSALS):
        job = Main(find=lambda _name: callee, is_rehearsed=True)
        job.prepare(order, null, null)
        job.call()
        _flush()
    os.close(null)
    sigterm.handler.job = None


def _finish() -> None:
    """Export the spans, then do what an interpreter does at its end."""
    tracer().flush()
    interpreter_end.finish()


def _nothing() -> None:
    """Finish nothing."""


def default_signals() -> None:
    """Reset the signals that the zygote ignores; every Python ignores SIGPIPE."""
    for signum in (signal.SIGINT, signal.SIGHUP):
        signal.signal(signum, signal.SIG_DFL)


def _limit(limits: Mapping[str, int]) -> None:
    for name, value in limits.items():
        if name not in _LIMITS:
            continue
        resource_id, unit = _LIMITS[name]
        hard = resource.getrlimit(resource_id)[1]
        soft = value * unit
        if hard != resource.RLIM_INFINITY:
            soft = min(soft, hard)
        if resource_id == resource.RLIMIT_CPU:
            # SIGXCPU, and SIGKILL for one that ignores it
            faulthandler.register(signal.SIGXCPU, file=2, all_threads=True, chain=True)
            resource.setrlimit(resource_id, (soft, _last_cpu_s(soft, hard)))
        else:
            resource.setrlimit(resource_id, (soft, soft))


def _last_cpu_s(soft: int, hard: int) -> int:
    last = soft + _MORE_CPU_S
    return last if hard == resource.RLIM_INFINITY else min(last, hard)


def print_lines() -> None:
    """Make the output of jobs line-buffered, as in a terminal; stdout is a pipe."""
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(line_buffering=True)


def _flush() -> None:
    """Flush stdout and stderr, even if the job has replaced them.

    Plain statements, here and in `Main.call`: each other object is a page to copy.
    """
    for stream in (sys.stdout, sys.stderr):
        try:
            stream.flush()
        except Exception:  # noqa: BLE001, S112  (the job's own)
            continue


@cache
def most_descriptors() -> int:
    """Return how many descriptors this process, or a fork of it, may have."""
    return resource.getrlimit(resource.RLIMIT_NOFILE)[0]


def inheritable(*fds: int) -> None:
    """Make descriptors survive an exec."""
    for fd in fds:
        flags = fcntl.fcntl(fd, fcntl.F_GETFD)
        fcntl.fcntl(fd, fcntl.F_SETFD, flags & ~fcntl.FD_CLOEXEC)
