"""One running attempt: turns the frames of its shim into observations."""

import logging
import os
import signal
import socket
from collections.abc import Mapping
from contextlib import suppress
from typing import Any, Final

from interlock.core.job import Exit, Failure
from interlock.core.lifecycle import Proof, StopCause
from interlock.core.observations import (
    ExitSeen,
    Observation,
    Output,
    PidSeen,
    Request,
    TreeDead,
    Unconfirmed,
)
from interlock.core.retry import Retry
from interlock.jobs import outcome
from interlock.ports.clock import boot
from interlock_adapters.subprocess.launch_order import LaunchOrder
from interlock_adapters.subprocess.protocol import (
    FROM_JOB,
    Decoder,
    GarbledError,
    Kind,
    frame,
    unframed,
)
from interlock_adapters.subprocess.runner import reports
from interlock_adapters.subprocess.runner.launcher import hang_up

_log = logging.getLogger("interlock.runner")
_ODD: Final = (AttributeError, LookupError, TypeError, ValueError)  # of a forged frame
_CHUNK: Final = 262_144  # in one turn of the worker: others, and leases, have theirs
_SEND_S: Final = 1.0
_SILENT_S: Final = 7.0  # a shim that kills says after 5 s that it could not


class ProcessExecution:
    """See `Execution`."""

    def __init__(self, order: LaunchOrder, proof: Proof) -> None:
        self._order = order
        self._proof = proof  # of its death, before it has begun
        self._link: socket.socket | None = None
        self._pidfd = -1
        self._decoder = Decoder()
        self._outbox = bytearray()  # what the shim has not taken yet
        self._result: object = None
        self._has_result = False
        self._failure: Failure | None = None
        self._observations: list[Observation] = []
        self._done = False
        self._is_reusable = False  # the shim waits for another job
        self._silent_at = float("inf")  # the shim must have said that all are dead

    def attach(self, link: socket.socket, pidfd: int) -> None:
        """Give the execution a shim, and start it."""
        self._link = link
        self._pidfd = pidfd
        self._outbox[:0] = frame(Kind.LAUNCH, self._order.to_json())
        link.settimeout(_SEND_S)  # a large one takes several turns of the shim
        self._flush()
        link.settimeout(0)

    def mark_dead(self, proof: Proof) -> None:
        """Record that the shim was killed or never started, and the tree is dead."""
        while not self._done and self._drain():
            pass
        if not self._done:
            self._observations.append(TreeDead(proof=proof))
            self._done = True
        self.close()

    def mark_unstarted(self, proof: Proof, cause: str) -> None:
        """Record that no process could be started for it, and why."""
        retry = Retry.from_json(self._order.retry)
        report = outcome.not_started(OSError(cause), retry)
        end = ExitSeen(
            exit=Exit(code=os.EX_OSERR), failure=reports.failure(report, reports.ALL)
        )
        self._observations.append(end)
        self.mark_dead(proof)

    @property
    def done(self) -> bool:
        """Whether the tree is known to be dead."""
        return self._done

    @property
    def _is_waiting(self) -> bool:
        """Whether nothing was started yet."""
        return self._link is None and self._pidfd == -1 and not self._done

    @property
    def supervised(self) -> bool:
        """See `Execution.supervised`."""
        return self._done or self._link is not None or self._pidfd == -1

    def fileno(self) -> int:
        """See `Execution.fileno`."""
        return -1 if self._link is None else self._link.fileno()

    def observe(self) -> list[Observation]:
        """See `Execution.observe`."""
        self._flush()
        is_more = self._drain()
        if not is_more and not self._done and boot() >= self._silent_at:
            self._kill_shim()
        observations, self._observations = self._observations, []
        return observations

    def _drain(self) -> bool:
        """Handle what the shim has said, up to a limit; return whether there is more.

        What is left stays in the socket, and then in the shim: it drops output, and
        keeps the last of the reports.
        """
        if self._link is None:
            return False
        try:
            data = self._link.recv(_CHUNK)
            for kind, text in self._decoder.feed(data):
                self._hear(kind, text)
        except BlockingIOError:
            return False
        except (OSError, GarbledError):
            data = b""
        if not data:
            self._unlink()
        return bool(data)

    def _kill_shim(self) -> None:
        """Kill a shim that does not answer; the zygote then kills what it has left."""
        self._silent_at = float("inf")
        _log.error(
            "The supervisor of job %s, attempt %s, does not answer (is it stopped?). "
            "It is killed, and the job's processes with it.",
            self._order.id,
            self._order.attempt,
            extra={"job_id": self._order.id, "attempt": self._order.attempt},
        )
        if self._pidfd >= 0:
            with suppress(ProcessLookupError):
                signal.pidfd_send_signal(self._pidfd, signal.SIGKILL)

    def _expect_end(self, within_s: float) -> None:
        """Give the shim this time, and some more, to say how the job has ended."""
        self._silent_at = min(self._silent_at, boot() + within_s + _SILENT_S)

    def _hear(self, kind: Kind, text: bytes) -> None:
        """Handle a frame; an invalid frame of the job itself is dropped."""
        try:
            self._take(kind, unframed(text, kind))
        except (GarbledError, ArithmeticError, *_ODD):
            if kind not in FROM_JOB:
                raise

    def _take(self, kind: Kind, payload: Any) -> None:  # noqa: C901  (each kind)
        match kind:
            case Kind.STARTED:
                age_s = max(0.0, boot() - payload["boot"])
                self._observations.append(PidSeen(pid=payload["pid"], age_s=age_s))
            case Kind.OUTPUT:
                lines = tuple(payload["lines"])
                self._observations.append(Output(stream=payload["stream"], lines=lines))
            case Kind.PROGRESS:
                self._observations.append(reports.progress(payload))
            case Kind.REQUEST:
                int(payload["number"])  # TypeError, KeyError: it is none
                self._observations.append(Request(body=payload))
            case Kind.RESULT:
                self._result, self._has_result = payload, True
            case Kind.FAILURE:
                self._failure = reports.failure(payload, reports.JOBS_OWN)
            case Kind.VERDICT:
                self._failure = reports.failure(payload, reports.ALL)
            case Kind.EXITED:
                self._expect_end(0.0)
                self._observations.append(self._exit(payload["code"]))
            case Kind.UNCONFIRMED:
                self._silent_at = float("inf")  # it answers; it waits for the kernel
                self._observations.append(Unconfirmed())
            case Kind.DEAD:
                self._observations.append(
                    TreeDead(
                        proof=Proof(payload["proof"]),
                        signals=_signals(payload),
                        killed=int(payload["killed"]),
                        cpu_seconds=payload["cpu_s"],
                        peak_memory_bytes=payload["peak_bytes"] or None,
                        where=payload["where"],
                    )
                )
                self._done = True
                self._is_reusable = bool(payload["again"])
            case _:
                raise GarbledError(f"a shim does not say {kind}")

    def _exit(self, code: int) -> ExitSeen:
        exit_ = Exit(code=code) if code >= 0 else Exit(signal=-code)
        if code == 0 and self._has_result and self._failure is None:
            return ExitSeen(exit=exit_, result=self._result)
        return ExitSeen(exit=exit_, failure=self._failure or reports.unexplained(code))

    def _send(self, data: bytes) -> None:
        self._outbox += data
        self._flush()

    def _flush(self) -> None:
        """Send as much as the shim takes; keep the rest."""
        with suppress(OSError):  # it takes no more now; or it ended: the zygote says so
            while self._outbox and self._link is not None:
                del self._outbox[: self._link.send(self._outbox)]

    def stop(self, cause: StopCause, grace_s: float) -> None:
        """See `Execution.stop`."""
        if self._is_waiting:
            self.mark_dead(self._proof)
            return
        self._expect_end(grace_s)
        self._send(frame(Kind.STOP, {"cause": cause, "grace_s": grace_s}))

    def kill(self) -> None:
        """See `Execution.kill`."""
        if self._is_waiting:
            self.mark_dead(self._proof)
            return
        self._expect_end(0.0)
        self._send(frame(Kind.KILL, {}))

    def reply(self, answer: Mapping[str, object]) -> None:
        """See `Execution.reply`."""
        if self._link is not None:
            self._send(frame(Kind.REPLY, answer))

    def extend(self, lease_deadline: float) -> None:
        """See `Execution.extend`."""
        self._order.lease_deadline = lease_deadline
        if self._link is not None:
            self._send(frame(Kind.EXTEND, {"lease_deadline": lease_deadline}))

    def detach(self) -> tuple[socket.socket, int] | None:
        """Return the shim if it can take another job; else close its link."""
        if not self._is_reusable or self._link is None or self._outbox:
            self.close()
            return None
        shim = (self._link, self._pidfd)
        self._link, self._pidfd = None, -2
        return shim

    def _unlink(self) -> None:
        if self._link is not None:
            hang_up(self._link)
            self._link = None

    def close(self) -> None:
        """Release the descriptors; a live shim then treats the worker as dead."""
        self._unlink()
        if self._pidfd >= 0:
            os.close(self._pidfd)
            self._pidfd = -2


def _signals(payload: Mapping[str, Any]) -> tuple[str, ...]:
    """Return the signals that a shim has sent."""
    sent = {"SIGTERM": payload["terminated"], "SIGKILL": payload["was_killed"]}
    return tuple(name for name, was_sent in sent.items() if was_sent)
