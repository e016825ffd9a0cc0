"""The supervisor of one job: owns its kill domain and its lease deadline.

It kills the job's tree when it is told to, when the worker is gone, and when the lease
deadline comes, whatever the worker, its database or its driver are doing. It reports
the job's end only after the kernel has said that nothing of the tree is left.

One file, because it is one loop over one state: the order of kill, proof and report.
"""

import json
import os
import select
import signal
import socket
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from typing import Final, NoReturn

from interlock.core.errors import UnknownJobName
from interlock.core.lifecycle import Reason
from interlock.core.retry import Retry
from interlock.jobs import outcome
from interlock.ports.clock import boot
from interlock_adapters.subprocess.child.stacks import Stacks
from interlock_adapters.subprocess.kernel import kill_domain, usage
from interlock_adapters.subprocess.kernel.usage import Usage
from interlock_adapters.subprocess.launch_order import LaunchOrder
from interlock_adapters.subprocess.protocol import (
    FROM_JOB,
    Decoder,
    GarbledError,
    Kind,
    frame,
    framed,
)
from interlock_adapters.subprocess.shim.pipes import Pipes
from interlock_adapters.subprocess.shim.temporary_folders import JobFolder

Spawn = Callable[[LaunchOrder], Pipes]

_decoded: Final = json.JSONDecoder().raw_decode  # for what the worker has encoded
_DEAD: Final = (
    b'{"proof": "%s", "again": %s, "cpu_s": %f, "peak_bytes": %d, "where": %s,'
    b' "terminated": %s, "was_killed": %s, "killed": %d}'
)
_CHUNK: Final = 65536
_REAP_EVERY_S: Final = 1.0  # orphans that ended by themselves
_UNCONFIRMED_AFTER_S: Final = 5.0
_AGAIN_S: Final = 0.001  # until it is tried again
_STACKS_S: Final = 0.1  # at most, to write its stacks, for a job without grace
_WEIGH_EVERY_S: Final = 0.1
_MIB: Final = 1024 * 1024
_SHORT_S: Final = 0.005  # nothing is said of a job that is shorter but its end
_MAX_OUTBOX: Final = 4 * 1024 * 1024  # output beyond it is dropped while nobody reads
_PROGRESS_EVERY_S: Final = 0.05  # of several reports meanwhile, the last one counts
_MAX_PROGRESS: Final = 4096  # bytes of a report; the library's are shorter (PIPE_BUF)
_MAX_REQUESTS: Final = 16  # without an answer; the library waits for each


class Shim:
    """One job, from its launch to the proof of its death."""

    def __init__(
        self, link: socket.socket, worker: int, containment: str, folder: JobFolder
    ) -> None:
        self._link = link
        self._worker = worker  # a pidfd: EOF fails if a fork of it keeps the link
        self._containment = containment
        self._folder = folder
        self._proof = kill_domain.proof_of(containment).encode()
        self._inbox = Decoder()
        self._unread: list[tuple[Kind, bytes]] = []
        self._outbox = bytearray()
        self._orphan = False  # nobody listens any more
        self._begin()

    def _begin(self) -> None:
        """Forget the last job."""
        self._from_job = Decoder()
        self._outcome = b""  # the job's last word, told with its exit
        self._verdict = b""  # the failure that we have found, told instead
        self._progress = b""  # the last report that is not told yet
        self._progress_at = 0.0  # when to tell it
        self._requests = 0  # without an answer
        self._dropped: dict[str, int] = {}  # lines of each stream, and not told yet
        self._usage = Usage()
        self._limits: Mapping[str, int] = {}
        self._stacks: Stacks | None = None  # once they are asked for
        self._lease = float("inf")
        self._kill_at = float("inf")
        self._to_signal = False  # told to stop, and has no process group yet
        self._clean = True  # the job ended by itself and left nothing behind
        self._terminated = self._was_killed = False  # SIGTERM, SIGKILL was sent
        self._killed = 0  # processes that ended by our SIGKILL
        self._exit: int | None = None
        self._job: Pipes | None = None

    def run(self, spawn: Spawn) -> NoReturn:
        """Supervise one job after another, as long as they leave nothing behind.

        No code of a job ever runs here: a shim whose domain is empty is as good as new.
        """
        self._link.settimeout(0)
        while (order := self._await_order()) is not None:
            if boot() < self._lease:
                self._limits = order.limits
                self._job = self._spawned(spawn, order)
                if self._job is not None:
                    self._supervise(self._job)
                    self._bury(self._job)
                    self._job.close()
            self._say_dead()
            self._flush(boot() + 60)
            if not self._clean:
                break
            self._begin()
        self._folder.close()
        os._exit(0)

    def _spawned(self, spawn: Spawn, order: LaunchOrder) -> Pipes | None:
        """Start the job; if that fails, report the cause: nothing was lost."""
        try:
            return spawn(order)
        except (OSError, UnknownJobName) as error:
            failure = outcome.not_started(error, Retry.from_json(order.retry))
            self._outbox += frame(Kind.VERDICT, failure)
            self._exit = os.EX_OSERR
            self._say(Kind.EXITED, b'{"code": %d}' % self._exit)
            return None

    def _say_dead(self) -> None:
        self._clean &= self._exit is not None and not self._orphan
        self._clean = self._clean and self._folder.is_clean()
        where = b"null"
        if self._stacks is not None:
            where = json.dumps(self._stacks.where()).encode()
        used = (self._usage.cpu_s, self._usage.peak_bytes)
        ended = (_truth(self._terminated), _truth(self._was_killed), self._killed)
        text = _DEAD % (self._proof, _truth(self._clean), *used, where, *ended)
        self._say(Kind.DEAD, text)

    def _await_order(self) -> LaunchOrder | None:
        while not self._orphan:
            self._wait(None)
            orders = self._received()
            while orders:
                kind, text = orders.pop(0)
                if kind is Kind.LAUNCH:  # before it: orders that the last job outran
                    order = LaunchOrder.from_json(_decoded(text.decode())[0])
                    self._lease = order.lease_deadline
                    self._unread = orders  # a stop may come right behind it
                    return order
        return None

    def _supervise(self, job: Pipes) -> None:
        """Forward events until the main process has ended or must be killed."""
        pidfd = os.pidfd_open(job.pid)  # not reaped, so it is ours
        self._watch_shortly(job, pidfd)
        while self._exit is None:
            now = boot()
            if now >= self._lease:
                self._obey(job)  # an extension may have come while output was read
            if self._orphan or now >= min(self._lease, self._kill_at):
                break
            every_s = self._weigh(job) if self._limits else _REAP_EVERY_S
            until = min(self._lease, self._kill_at, now + every_s, job.due_at())
            if self._progress:
                until = min(until, self._progress_at)
            if self._to_signal:
                self._signal(job)
                until = min(until, now + _AGAIN_S)
            timeout_s = 0.0 if self._unread else until - now
            ready = self._wait(timeout_s, pidfd, *job.open)
            self._obey(job)
            self._read(job, ready)
            kill_domain.reap(self._on_exit, self._usage.ended)
        os.close(pidfd)

    def _watch_shortly(self, job: Pipes, pidfd: int) -> None:
        """Give the job a moment to end, and report that it has started.

        While a fork lives, each page that we write is copied. So for a short job we do
        nothing before its end, and then the worker wakes only once.
        """
        if not self._unread:
            self._wait(min(self._lease - job.started, _SHORT_S), pidfd)
        kill_domain.reap(self._on_exit, self._usage.ended)
        job.let_go()
        payload = b'{"pid": %d, "boot": %f}' % (job.pid, job.started)
        self._outbox += framed(Kind.STARTED, payload)
        if self._exit is None:
            self._flush_some()
            kill_domain.offer_to_oom_killer(job.pid)

    def _bury(self, job: Pipes) -> None:
        """Kill and reap until no process is left, and report it."""
        is_dead = kill_domain.reap(self._on_exit, self._usage.ended)
        self._read(job, set(job.open))
        if self._exit is not None:
            self._outbox += self._progress
            self._outbox += self._verdict or self._outcome or self._cpu_failure()
            self._outbox += framed(Kind.EXITED, b'{"code": %d}' % self._exit)
        if not is_dead:
            self._clean = False
            self._kill_all(job)
            self._read(job, set(job.open))
        for name, capture in job.captures.items():
            self._output(name, capture.finish(), last=True)

    def _kill_all(self, job: Pipes) -> None:
        started = boot()
        has_reported, self._was_killed = False, True
        while True:
            main = job.pid if self._exit is None else None
            kill_domain.kill_all(self._containment, main)
            if kill_domain.reap(self._on_exit, self._usage.ended):
                return
            if not has_reported and boot() - started > _UNCONFIRMED_AFTER_S:
                has_reported = True
                self._say(Kind.UNCONFIRMED, b"{}")
            self._flush_some()
            time.sleep(0.0005)  # a killed process needs a moment to die

    def _on_exit(self, pid: int, code: int) -> None:
        self._killed += self._was_killed and code == -signal.SIGKILL
        if self._job is not None and pid == self._job.pid:
            self._exit = code

    def _wait(self, timeout_s: float | None, *fds: int) -> set[int]:
        """Wait for the worker or one of `fds`; return what is ready."""
        poll = select.poll()
        if not self._orphan:
            events = select.POLLIN | (select.POLLOUT if self._outbox else 0)
            poll.register(self._link, events)
        for fd in (self._worker, *fds):
            poll.register(fd, select.POLLIN)
        told = self._job if self._job is not None and self._job.unsaid else None
        if told is not None:
            poll.register(told.notice, select.POLLOUT)
        timeout_ms = None if timeout_s is None else max(0.0, timeout_s) * 1000
        ready = {fd for fd, _ in poll.poll(timeout_ms)}
        if self._worker in ready:
            self._orphan = True
        self._flush_some()
        if told is not None:
            told.flush()
        return ready

    def _received(self) -> list[tuple[Kind, bytes]]:
        """Return the worker's frames; if the link ends, the worker is gone."""
        if self._unread:
            unread, self._unread = self._unread, []
            return unread
        try:
            data = self._link.recv(_CHUNK)
            while data:
                frames = list(self._inbox.feed(data))
                if frames:
                    return frames
                data = self._link.recv(_CHUNK)
        except BlockingIOError:
            return []
        except (OSError, GarbledError):
            pass
        self._orphan = True
        return []

    def _obey(self, job: Pipes) -> None:
        for kind, text in self._received():
            order = json.loads(text)
            if kind is Kind.EXTEND:
                self._lease = order["lease_deadline"]
            elif kind is Kind.REPLY:
                self._answer(job, text)
            elif kind is Kind.KILL:
                self._kill_at = boot()
            elif kind is Kind.STOP and self._exit is None:
                self._ask_for_stacks(job, brief=order["grace_s"] == 0)
                self._kill_at = min(self._kill_at, boot() + order["grace_s"])
                if order["grace_s"] > 0:
                    self._terminate(job, order["cause"])

    def _answer(self, job: Pipes, text: bytes) -> None:
        self._requests -= 1
        job.say(framed(Kind.REPLY, text))

    def _ask_for_stacks(self, job: Pipes, *, brief: bool) -> None:
        """Make the main process write its stacks to its log; wait a moment at most.

        `brief`: it is killed at once, so this is its only chance.
        """
        self._stacks = Stacks()
        with suppress(OSError):
            os.kill(job.pid, signal.SIGURG)  # not reaped, so it is ours
        until = boot() + (_STACKS_S if brief else 0.0)
        while boot() < until and not self._stacks:
            time.sleep(_AGAIN_S)
            self._read(job, set(job.open))

    def _weigh(self, job: Pipes) -> float:
        """Kill the job if its tree is over a limit; return when to check again."""
        most = self._limits.get("processes")
        limit = self._limits.get("memory_mb", 0) * _MIB
        if not limit and most is None:
            return _REAP_EVERY_S
        pids = kill_domain.members(self._containment)
        if most is not None and len(pids) > most:
            self._fail(Reason.SIGNAL, usage.too_many(pids, most))
            self._limits, self._was_killed = {}, True
            kill_domain.kill_all(self._containment, job.pid)
            return _AGAIN_S
        if not limit or usage.resident(pids) <= limit:
            return _WEIGH_EVERY_S
        sizes = usage.proportional(pids)
        if sum(sizes.values()) <= limit:
            return _WEIGH_EVERY_S
        self._fail(Reason.OUT_OF_MEMORY, usage.over_limit(sizes, limit))
        self._limits = {}
        self._ask_for_stacks(job, brief=True)
        self._was_killed = True
        with suppress(ProcessLookupError):
            os.kill(job.pid, signal.SIGKILL)
        return _AGAIN_S

    def _fail(self, reason: Reason, message: str) -> None:
        """Set the failure to report instead of the job's own outcome."""
        self._verdict = frame(Kind.VERDICT, {"reason": reason, "message": message})

    def _cpu_failure(self) -> bytes:
        """Return the failure of a job that the kernel ended for its CPU time."""
        limit, used = self._limits.get("cpu_s"), self._usage.cpu_s
        killed = self._exit == -signal.SIGKILL and used >= (limit or 0)
        if limit is None or not (killed or self._exit == -signal.SIGXCPU):
            return b""
        message = (
            f"a process of the job used {used:.1f} s of CPU; its limit is cpu_s={limit}"
        )
        self._fail(Reason.SIGNAL, message)
        return self._verdict

    def _terminate(self, job: Pipes, cause: str) -> None:
        job.say(frame(Kind.NOTICE, cause), is_urgent=True)
        self._signal(job)

    def _signal(self, job: Pipes) -> None:
        """Signal the job's process group; a new fork has none in its first moment."""
        self._to_signal = False
        try:
            for signum in (signal.SIGTERM, signal.SIGCONT):  # a stopped one must wake
                os.killpg(job.pid, signum)
            self._terminated = True
        except ProcessLookupError:
            self._to_signal = True
        except PermissionError:
            return

    def _read(self, job: Pipes, ready: set[int]) -> None:
        """Forward output, progress and the result."""
        ready &= job.open
        for fd, name in job.streams.items():
            if fd in ready:
                for lines in job.lines(fd):
                    if self._stacks is not None and name == "stderr":
                        lines = self._stacks.take(lines)  # noqa: PLW2901  (fewer)
                    self._output(name, lines)
        for name, lines in job.due():
            self._output(name, lines)
        if job.result in ready:
            try:
                for data in job.available(job.result):
                    self._hear(data)
            except GarbledError:  # then there is no result: `bad_result`
                job.open.discard(job.result)
        if self._progress and boot() >= self._progress_at:
            self._tell_progress()

    def _hear(self, data: bytes) -> None:
        """Handle the frames of the job itself; never keep more than some of them."""
        for kind, text in self._from_job.feed(data):
            if kind is Kind.PROGRESS:
                if len(text) <= _MAX_PROGRESS:
                    self._progress = framed(kind, text)
            elif kind is Kind.REQUEST:
                if self._requests < _MAX_REQUESTS:
                    self._requests += 1
                    self._tell_progress()
                    self._outbox += framed(kind, text)
            elif kind in FROM_JOB:
                self._outcome = framed(kind, text)

    def _tell_progress(self) -> None:
        """Send the last report, unless the worker is too slow: a newer one may come."""
        if self._progress and len(self._outbox) < _MAX_OUTBOX:
            self._outbox += self._progress
            self._progress = b""
        self._progress_at = boot() + _PROGRESS_EVERY_S

    def _output(self, stream: str, lines: list[str], *, last: bool = False) -> None:
        """Forward lines; if the worker is too slow, count dropped ones for later."""
        if len(self._outbox) >= _MAX_OUTBOX and not last:
            self._dropped[stream] = self._dropped.get(stream, 0) + len(lines)
            return
        dropped = self._dropped.pop(stream, 0)
        if dropped:
            message = (
                f"[interlock: {dropped} lines dropped here, the worker was too slow]"
            )
            lines = [message, *lines]
        if lines:
            payload = {"stream": stream, "lines": lines}
            self._say(Kind.OUTPUT, json.dumps(payload).encode())

    def _say(self, kind: Kind, text: bytes) -> None:
        self._outbox += framed(kind, text)
        self._flush_some()

    def _flush_some(self) -> None:
        """Write what the worker takes now; never wait for it."""
        try:
            while self._outbox and not self._orphan:
                del self._outbox[: self._link.send(self._outbox)]
        except BlockingIOError:
            pass
        except OSError:
            self._orphan = True

    def _flush(self, until: float) -> None:
        while self._outbox and not self._orphan and boot() < until:
            self._wait(until - boot())
            if self._outbox:  # else it is told, and what comes is for the next job
                self._received()


def _truth(value: object) -> bytes:
    return b"true" if value else b"false"
