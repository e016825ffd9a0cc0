"""`Runner` with a zygote: hands launches to shims that wait, and minds the zygote."""

import json
import logging
import os
import select
import socket
import subprocess
import sys
import tempfile
import uuid
from collections import deque
from collections.abc import Collection, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any, Final

from interlock.errors import InterlockError
from interlock.job import Failure
from interlock.lifecycle import Proof, Reason
from interlock.observation import Launch
from interlock.ports import Execution, Source
from interlock_adapters.subprocess import domain, leftovers
from interlock_adapters.subprocess.execution import ProcessExecution
from interlock_adapters.subprocess.probe import strongest, works
from interlock_adapters.subprocess.zygote import BIND_NOW, EMPTY

_log = logging.getLogger("interlock.runner")
_MAX_MESSAGE: Final = 1024 * 1024
_MAX_AHEAD: Final = 8
_END_MS: Final = 5000
_NUMBERS: Final = 2**32
#: What must not reach a job: the database's URL and the tokens of this project.
_PRIVATE: Final = "INTERLOCK_"


class SubprocessRunner:
    """See `Runner`. Not thread-safe: one loop uses it."""

    def __init__(
        self, *, containment: str, modules: Sequence[str], main: str | None, ahead: int
    ) -> None:
        self.containment = containment
        self._proof = Proof(domain.proof_of(containment))
        self._ahead = min(ahead, _MAX_AHEAD)
        self._path = [entry or str(Path.cwd()) for entry in sys.path]
        self._config: dict[str, object] = {
            "containment": containment,
            "path": self._path,
            "modules": list(modules),
            "main": main,
            "ahead": self._ahead,
        }
        self._waiting: deque[ProcessExecution] = deque()
        self._spares: deque[tuple[int, socket.socket, int]] = deque()
        self._running: dict[int, ProcessExecution] = {}
        self._zygotes = 0
        self._ordered = 0  # shims that the zygote is making
        self._broken: str | None = None  # why job modules cannot be imported
        self.domain: str | None = None
        self._start_zygote()

    def _start_zygote(self) -> None:
        self._link, theirs = socket.socketpair(type=socket.SOCK_SEQPACKET)
        self.domain = str(domain_folder() / uuid.uuid4().hex)
        environment = {
            k: v for k, v in os.environ.items() if not k.startswith(_PRIVATE)
        }
        self._process = subprocess.Popen(  # noqa: S603  (our own module)
            [
                *(sys.executable, "-m", "interlock_adapters.subprocess.zygote"),
                str(theirs.fileno()),
            ],
            pass_fds=[theirs.fileno()],
            stdin=subprocess.DEVNULL,
            env={
                **environment,
                BIND_NOW: "1",
                "PYTHONPATH": os.pathsep.join(self._path),
            },
            start_new_session=True,
        )
        theirs.close()
        self._ordered = self._ahead
        self._zygote = -1  # its pidfd; in `namespace` its end proves all jobs dead
        me = os.pidfd_open(os.getpid())
        self._zygotes += 1  # no two shims of ours ever have the same number
        first = self._zygotes * _NUMBERS
        config = {**self._config, "domain": self.domain, "first": first}
        socket.send_fds(self._link, [json.dumps(config).encode()], [me])
        os.close(me)
        self._link.settimeout(0)

    def start(self, launch: Launch) -> Execution:
        """See `Runner.start`."""
        execution = ProcessExecution(_order(launch))
        if self._broken is None:
            self._waiting.append(execution)
            self._reclaim()
            self._match()
        else:
            self._refuse(execution, self._broken)
        return execution

    def _refuse(self, execution: ProcessExecution, why: str) -> None:
        lines = why.strip().splitlines()
        failure = Failure(
            reason=Reason.SPAWN_ERROR,
            message=f"the job modules cannot be imported: {lines[-1]}",
            traceback=why,
        )
        execution.fail_to_start(failure, self._proof)

    def _match(self) -> None:
        """Give waiting launches the shims that are ready; order what is lacking."""
        while self._waiting and self._spares:
            number, link, pidfd = self._spares.popleft()
            execution = self._waiting.popleft()
            self._running[number] = execution
            execution.attach(link, pidfd)
        there = len(self._spares) + len(self._running)
        wanted = max(self._ahead - there, len(self._waiting)) - self._ordered
        if wanted > 0 and self._broken is None:
            self._ordered += wanted
            with suppress(OSError):
                self._link.send(b"+" * wanted)

    def _reclaim(self) -> None:
        """Take back the shims whose jobs are dead and that can take another."""
        for number in [n for n, e in self._running.items() if e.done]:
            shim = self._running.pop(number).detach()
            if shim is not None:
                self._spares.append((number, *shim))

    def proved_empty(self, domain: str) -> bool:
        """See `Runner.proved_empty`."""
        try:
            return Path(domain).read_text(encoding="ascii") == EMPTY
        except OSError:
            return False

    def sweep(self, attempts: Collection[tuple[str, int]]) -> set[str]:
        """See `Runner.sweep`."""
        return leftovers.sweep(attempts)

    def sources(self) -> Sequence[Source]:
        """See `Runner.sources`."""
        return [self._link]

    def tend(self) -> None:
        """See `Runner.tend`."""
        while True:
            try:
                data, fds, _, _ = socket.recv_fds(self._link, _MAX_MESSAGE, 2)
            except BlockingIOError:
                break
            except OSError:
                data, fds = b"", []
            if not data:
                self._replace_zygote()
                break
            self._hear(json.loads(data), fds)
        self._reclaim()
        self._match()

    def _hear(self, said: Mapping[str, Any], fds: list[int]) -> None:
        if "shim" in said:
            link = socket.socket(fileno=fds[0])
            self._ordered -= 1
            self._spares.append((said["shim"], link, fds[1]))
        elif "gone" in said:
            execution = self._running.pop(said["gone"], None)
            if execution is not None:
                execution.gone(Proof(said["proof"]))
            else:  # a spare was killed: there are as many as before
                self._drop_spare(said["gone"])
        elif "failed" in said:
            self._broken = str(said["failed"])
            while self._waiting:
                self._refuse(self._waiting.popleft(), self._broken)
        else:
            self._zygote = fds[0]
            if said["threads"] > 1:
                _log.warning(
                    "job modules start threads when they are imported (%s now), and "
                    "such a process must not be forked: each job gets a fresh "
                    "interpreter, which is slower. Start them in the job instead.",
                    said["threads"],
                )

    def _drop_spare(self, number: int) -> None:
        for spare in [s for s in self._spares if s[0] == number]:
            self._spares.remove(spare)
            spare[1].close()
            os.close(spare[2])

    def _replace_zygote(self) -> None:
        """Start another zygote; know what the end of the last one proves."""
        if self._broken is not None:
            return
        if self.containment == domain.NAMESPACE and self._is_gone(self._zygote):
            # The init of its namespace has ended, and it ends last: pid_namespaces(7).
            for execution in self._running.values():
                execution.gone(self._proof)
            self._running.clear()
        self._release()
        self._process.wait()  # in the other strengths shims go on, and report
        self._start_zygote()

    def _is_gone(self, pidfd: int) -> bool:
        """Whether a process has ended, which it is about to do; bounded in time."""
        if pidfd < 0:  # it never said that it was ready: nothing runs in it
            return True
        poll = select.poll()
        poll.register(pidfd, select.POLLIN)
        return bool(poll.poll(_END_MS))

    def _release(self) -> None:
        self._link.close()
        if self._zygote >= 0:
            os.close(self._zygote)
            self._zygote = -1
        while self._spares:
            _, link, pidfd = self._spares.popleft()
            link.close()
            os.close(pidfd)

    def close(self) -> None:
        """See `Runner.close`."""
        for execution in self._running.values():
            execution.close()  # the shim takes it for our end, and kills its tree
        self._release()
        self._process.wait()
        if self.domain is not None:
            Path(self.domain).unlink(missing_ok=True)


def _order(launch: Launch) -> dict[str, object]:
    job = launch.job
    environment = {
        "INTERLOCK_JOB_ID": job.id,
        "INTERLOCK_JOB_NAME": job.name,
        "INTERLOCK_ATTEMPT": str(job.attempt),
    }
    return {
        "id": job.id,
        "name": job.name,
        "params": dict(job.params),
        "attempt": job.attempt,
        "retry": job.retry.to_json(),
        "deadline": launch.deadline_at and launch.deadline_at.timestamp(),
        "lease_deadline": launch.lease_deadline,
        "isolation": launch.isolation,
        "limits": dict(launch.limits),
        "trace": dict(launch.trace),
        "environment": environment,
    }


def domain_folder() -> Path:
    """Return the folder of domain files: this user's own, gone after a boot."""
    root = os.environ.get("XDG_RUNTIME_DIR") or tempfile.gettempdir()
    folder = Path(root) / f"interlock-{os.getuid()}"
    folder.mkdir(mode=0o700, exist_ok=True)
    if folder.stat().st_uid != os.getuid() or folder.is_symlink():
        raise InterlockError(f"{folder} belongs to somebody else; remove it first.")
    return folder


def open_runner(
    *, containment: str = "auto", modules: Sequence[str], main: str | None, ahead: int
) -> SubprocessRunner:
    """Open the runner of this machine (entry point `subprocess`).

    Raises:
        InterlockError: the containment that was asked for does not work here, or it
            could not be found out.
    """
    if containment == "auto":
        containment = strongest()
    elif containment not in domain.STRENGTHS:
        known = ", ".join(("auto", *domain.STRENGTHS))
        raise InterlockError(f"no containment {containment!r}; there are {known}.")
    else:
        wrong = works(containment)
        if wrong is not None:
            raise InterlockError(
                f"containment {containment!r} does not work here: {wrong}. "
                "Use 'auto', or see `interlock doctor`."
            )
    return SubprocessRunner(
        containment=containment, modules=modules, main=main, ahead=ahead
    )
