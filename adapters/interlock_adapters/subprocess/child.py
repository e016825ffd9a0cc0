"""The job's own process: calls the function, says what came of it, and ends."""

import fcntl
import json
import os
import resource
import select
import signal
import sys
import time
from collections.abc import Callable, Mapping
from dataclasses import asdict
from datetime import UTC, datetime
from functools import cache, partial
from typing import Any, NoReturn

from interlock import context, registry
from interlock.context import Interrupted, JobContext
from interlock.errors import UnknownJobName
from interlock.job import Progress
from interlock.lifecycle import StopCause
from interlock.registry import JobFunction
from interlock.retry import Retry
from interlock.tracing import tracer
from interlock_adapters.subprocess.outcome import failure, result_frame
from interlock_adapters.subprocess.protocol import Decoder, Kind, frame

_MAX_WORDS = 200  # of a progress report: a whole frame fits PIPE_BUF, so it is atomic
_PROGRESS_EVERY_S = 0.05
_REHEARSALS = 16  # CPython 3.11 to 3.13 adapt within 8 calls
_LIMITS = {
    "memory_mb": (resource.RLIMIT_AS, 1024 * 1024),
    "cpu_s": (resource.RLIMIT_CPU, 1),
    "file_mb": (resource.RLIMIT_FSIZE, 1024 * 1024),
    "open_files": (resource.RLIMIT_NOFILE, 1),
}


class Talk:
    """The job's end of its pipes to the shim."""

    def __init__(self, result_fd: int, notice_fd: int) -> None:
        self._result_fd = result_fd
        self._notice_fd = notice_fd
        self._decoder = Decoder()
        self._pid = 0  # of the job's main process, once it runs
        self._over = False  # the function has ended
        self._last_progress = 0.0
        self.stop_cause: StopCause | None = None

    def begin(self) -> None:
        """Speak for this process from now on."""
        self._pid = os.getpid()

    def end(self, data: bytes) -> None:
        """Say the last word. No SIGTERM interrupts it: half a frame is none."""
        self._over = True
        self.say(data)

    def say(self, data: bytes) -> None:
        """Write a frame; only the main process may: a fork of it has no say."""
        while data and os.getpid() == self._pid:
            data = data[os.write(self._result_fd, data) :]

    def progress(self, progress: Progress) -> None:
        """Report progress, unless the last report was just now and more will come."""
        now = time.monotonic()
        last = progress.total is not None and progress.completed == progress.total
        if last or now - self._last_progress >= _PROGRESS_EVERY_S:
            self._last_progress = now
            values = {
                name: value[:_MAX_WORDS] if isinstance(value, str) else value
                for name, value in asdict(progress).items()
            }
            self.say(frame(Kind.PROGRESS, values))

    def asked(self) -> StopCause | None:
        """Return why the job is to stop, if the shim has said so."""
        poll = select.poll()
        poll.register(self._notice_fd, select.POLLIN)
        if self.stop_cause is None and any(
            ev & select.POLLIN for _, ev in poll.poll(0)
        ):
            for kind, text in self._decoder.feed(os.read(self._notice_fd, 4096)):
                if kind is Kind.NOTICE:
                    self.stop_cause = StopCause(json.loads(text))
        return self.stop_cause

    def on_sigterm(self) -> None:
        """Turn the shim's SIGTERM into Interrupted; any other one is just that."""
        if self._over and os.getpid() == self._pid:
            return
        cause = self.asked()
        if cause is not None and os.getpid() == self._pid:
            raise Interrupted(cause)
        signal.signal(signal.SIGTERM, signal.SIG_DFL)
        os.kill(os.getpid(), signal.SIGTERM)


class _Ear:
    """The handler of SIGTERM: set once in a shim, whose forks inherit it."""

    def __init__(self) -> None:
        self.job: Talk | None = None  # None in the shim, and until the job runs
        self.missed = False

    def __call__(self, _signum: int, _frame: object) -> None:
        if self.job is None:
            self.missed = True
        else:
            self.job.on_sigterm()


_ear = _Ear()


def listen() -> None:
    """Let SIGTERM interrupt the jobs that this process, or a fork of it, will run."""
    signal.signal(signal.SIGTERM, _ear)


def stop_listening() -> None:
    """Let SIGTERM end this process, also one that has come already."""
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    if _ear.missed:
        os.kill(os.getpid(), signal.SIGTERM)


class Main:
    """The main process of a job: made ready before its fork, in the shim."""

    def __init__(
        self,
        launch: Mapping[str, Any],
        result_fd: int,
        notice_fd: int,
        find: Callable[[str], JobFunction[..., object]] = registry.find,
    ) -> None:
        _ear.missed = False  # one that was sent to the shim is not for this job
        self._launch = launch
        self._talk = Talk(result_fd, notice_fd)
        try:
            self._function: Callable[..., object] = find(launch["name"]).function
        except UnknownJobName as error:
            self._function = partial(_refuse, error)
        context.enter(self.here)

    def here(self) -> JobContext:
        """Return what the job can see and say, for one that asks."""
        launch = self._launch
        deadline = launch["deadline"]
        return JobContext(
            id=launch["id"],
            name=launch["name"],
            attempt=launch["attempt"],
            deadline=deadline and datetime.fromtimestamp(deadline, UTC),
            _report=self._talk.progress,
            _asked=self._talk.asked,
        )

    def run(self) -> NoReturn:
        """Call the function, say what came of it, and end."""
        code = 1
        try:
            code = self.call()
            tracer().flush()
        finally:
            _flush()
            os._exit(code)

    def call(self) -> int:
        """Call the function and say what came of it; return the exit code."""
        launch, talk = self._launch, self._talk
        try:
            talk.begin()
            _ear.job = talk
            if _ear.missed:
                talk.on_sigterm()
            if launch["limits"]:
                _limit(launch["limits"])
            with tracer().entered(launch["trace"]):
                result = self._function(**launch["params"])
            talk.end(result_frame(result))
        except SystemExit as leaving:  # sys.exit() is an exit code, not an error
            return _exit_code(leaving)
        except BaseException as error:  # noqa: BLE001  (the child's edge)
            retry = Retry(**launch["retry"])
            talk.end(frame(Kind.FAILURE, failure(error, retry)))
            return 1
        return 0


def rehearse() -> None:
    """Run a job of nothing here, before any fork.

    The interpreter adapts bytecode in place as it runs (PEP 659). What it has adapted
    already no fork writes again, and what no fork writes is not copied.
    """
    nothing = JobFunction(function=lambda: None, name="nothing")
    launch = {"id": "", "name": "nothing", "attempt": 0, "deadline": None}
    launch |= {"params": {}, "limits": {}, "trace": {}}
    null = os.open(os.devnull, os.O_WRONLY)
    for _ in range(_REHEARSALS):
        Main(launch, null, null, lambda _name: nothing).call()
        _flush()
    os.close(null)
    _ear.job = None


def _refuse(error: UnknownJobName, /, **_params: object) -> None:
    raise error


def default_signals() -> None:
    """Undo what the zygote ignores; SIGPIPE is ignored in every Python."""
    for signum in (signal.SIGINT, signal.SIGHUP):
        signal.signal(signum, signal.SIG_DFL)


def _exit_code(leaving: SystemExit) -> int:
    if leaving.code is None:
        return 0
    if isinstance(leaving.code, int):
        return leaving.code & 0xFF
    print(leaving.code, file=sys.stderr)  # noqa: T201  (what Python does then)
    return 1


def _limit(limits: Mapping[str, int]) -> None:
    for name, value in limits.items():
        which, unit = _LIMITS[name]
        hard = resource.getrlimit(which)[1]
        wanted = value * unit
        if hard != resource.RLIM_INFINITY:
            wanted = min(wanted, hard)
        resource.setrlimit(which, (wanted, wanted))


def _flush() -> None:
    for stream in (sys.stdout, sys.stderr):
        try:
            stream.flush()
        except (OSError, ValueError):  # the job closed it
            continue


@cache
def most_descriptors() -> int:
    """Return how many descriptors this process, or a fork of it, can have."""
    return resource.getrlimit(resource.RLIMIT_NOFILE)[0]


def inheritable(*fds: int) -> None:
    """Let descriptors survive an exec."""
    for fd in fds:
        flags = fcntl.fcntl(fd, fcntl.F_GETFD)
        fcntl.fcntl(fd, fcntl.F_SETFD, flags & ~fcntl.FD_CLOEXEC)
