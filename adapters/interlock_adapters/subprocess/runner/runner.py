"""`SubprocessRunner`: gives launches to waiting shims, and supervises the zygote.

One file, because both work on the same shims and the same socket to the zygote.
"""

import logging
import os
import socket
import sys
import tempfile
from collections import deque
from collections.abc import Collection, Mapping, Sequence
from pathlib import Path
from typing import Any, Final

from interlock.core.errors import InterlockError, NotGuarded
from interlock.core.lifecycle import Proof
from interlock.core.observations import Launch
from interlock.ports.clock import boot
from interlock.ports.runner import Execution, Source
from interlock_adapters.subprocess.kernel import kill_domain, leftovers, linux, usage
from interlock_adapters.subprocess.launch_order import FIELDS, LaunchOrder
from interlock_adapters.subprocess.runner.execution import ProcessExecution
from interlock_adapters.subprocess.runner.launcher import Launcher, hang_up
from interlock_adapters.subprocess.runner.probe import strongest, works
from interlock_adapters.subprocess.shim import temporary_folders
from interlock_adapters.subprocess.zygote.zygote import EMPTY

_log = logging.getLogger("interlock.runner")
_MAX_AHEAD: Final = 8
_MAX_ORDER: Final = 1000
_NO_DESCRIPTORS: Final = (
    "This worker has no file descriptors left. Raise the limit (`ulimit -n`)."
)
_NO_FOLDER: Final = (
    "Free some space there, or name another folder in TMPDIR. Nothing was started."
)
_SHORT_S: Final = 1.0  # until it is tried again, without descriptors


class SubprocessRunner:
    """See `Runner`. Not thread-safe: one loop uses it."""

    def __init__(
        self,
        *,
        containment: str,
        modules: Sequence[str],
        main: Mapping[str, str] | None,
        ahead: int,
        place: str,
    ) -> None:
        self.place = place
        self.containment = containment
        self._proof = Proof(kill_domain.proof_of(containment))
        self._ahead = min(ahead, _MAX_AHEAD)
        path = [entry or str(Path.cwd()) for entry in sys.path]
        config: dict[str, object] = {
            "containment": containment,
            "path": path,
            "modules": list(modules),
            "main": main,
            "argv": list(sys.argv),
            "ahead": self._ahead,
            "order_fields": FIELDS,
        }
        self._waiting: deque[ProcessExecution] = deque()
        self._spares: deque[tuple[int, socket.socket, int]] = deque()
        self._running: dict[int, ProcessExecution] = {}
        self._ordered = self._ahead  # shims that the zygote is making
        self._missing = 0  # of these, for lack of descriptors
        self._order_again_at = 0.0
        self._launcher = Launcher(
            config,
            path,
            place=place,
            domains=own_folder(os.environ.get("XDG_RUNTIME_DIR") or _temporary()),
            scratch=own_folder(temporary_folders.base(_temporary())),
        )

    @property
    def is_ready(self) -> bool:
        """See `Runner.is_ready`."""
        return self._launcher.has_loaded

    @property
    def trouble(self) -> str | None:
        """See `Runner.trouble`."""
        return self._launcher.trouble

    def memory_bytes(self) -> int | None:
        """See `Runner.memory_bytes`."""
        worker = os.getpid()
        return usage.used([worker, *linux.descendants(worker)])

    @property
    def domain(self) -> str | None:
        """See `Runner.domain`: while a shim of an earlier zygote runs, none has all."""
        if any(number < self._launcher.first for number in self._running):
            return None
        return str(self._launcher.domain)

    def start(self, launch: Launch) -> Execution:
        """See `Runner.start`."""
        execution = ProcessExecution(_order(launch), self._proof)
        self._waiting.append(execution)
        self._reclaim()
        self._match()
        return execution

    def _match(self) -> None:
        """Give ready shims to waiting launches; order missing shims."""
        self._waiting = deque(
            execution for execution in self._waiting if not execution.done
        )
        while self._waiting and self._spares:
            number, link, pidfd = self._spares.popleft()
            execution = self._waiting.popleft()
            self._running[number] = execution
            execution.attach(link, pidfd)
        present = len(self._spares) + len(self._running)
        needed = max(self._ahead - present, len(self._waiting)) - self._ordered
        if needed > 0 and self._launcher.order(min(needed, _MAX_ORDER)):
            self._ordered += min(needed, _MAX_ORDER)

    def _reclaim(self) -> None:
        """Take back shims whose jobs are dead, if they can take another job.

        Not those of an earlier zygote: `domain` would never prove their trees dead.
        """
        for number, execution in list(self._running.items()):
            is_old = number < self._launcher.first
            if execution.done or (is_old and not execution.supervised):
                del self._running[number]
                shim = execution.detach()
                if shim is not None and is_old:
                    _drop(shim)
                elif shim is not None:
                    self._spares.append((number, *shim))

    def proved_empty(self, domain: str) -> bool:
        """See `Runner.proved_empty`."""
        try:
            return Path(domain).read_text(encoding="ascii") == EMPTY
        except OSError:
            return False

    def sweep(self, attempts: Collection[tuple[str, int]]) -> set[str]:
        """See `Runner.sweep`."""
        return leftovers.sweep(attempts, self.place)

    def sources(self) -> Sequence[Source]:
        """See `Runner.sources`."""
        return self._launcher.sources()

    def tend(self) -> None:
        """See `Runner.tend`."""
        if not self._launcher.is_there:
            self._restart()
        self._launcher.report_slow_import()
        for message in self._launcher.messages():
            if message is None:
                self._bury_zygote()
            else:
                self._hear(*message)
        if self._missing and boot() >= self._order_again_at:
            self._ordered, self._missing = self._ordered - self._missing, 0
        self._reclaim()
        self._match()

    def _hear(self, message: Mapping[str, Any], fds: list[int]) -> None:
        if "gone" in message:
            execution = self._running.pop(message["gone"], None)
            if execution is not None:
                execution.mark_dead(Proof(message["proof"]))
            else:  # a spare was killed: there are as many as before
                self._drop_spare(message["gone"])
        elif "no_shim" in message:
            self._lack_processes(message["no_shim"])
        elif "shim" in message:
            if len(fds) == 2:  # noqa: PLR2004  (its link and its pidfd)
                self._ordered -= 1
                link, pidfd = socket.socket(fileno=fds[0]), fds[1]
                self._spares.append((message["shim"], link, pidfd))
            else:
                self._lack_descriptors(fds)
        elif "ready" in message:
            self._hear_ready(message, fds)
        else:
            self._hear_refusal(message)

    def _hear_refusal(self, message: Mapping[str, Any]) -> None:
        """Log why a zygote cannot start jobs."""
        if "not_guarded" in message:
            if not self._launcher.ever_loaded:
                raise NotGuarded(message["not_guarded"])
            _log.error(message["not_guarded"])  # it was changed since; its jobs go on
        elif "mismatch" in message:
            _log.error(message["mismatch"])
        else:
            text = "The job modules cannot be imported. No job is claimed until this"
            _log.error("%s is fixed:\n%s", text, message["failed"])

    def _hear_ready(self, message: Mapping[str, Any], fds: list[int]) -> None:
        if fds:
            self._launcher.is_ready(fds[0])
            _warn(message["threads"], message["remarks"])
        else:
            _log.error(_NO_DESCRIPTORS)
            self._launcher.process.kill()  # without its pidfd we could not see its end
            self._bury_zygote()

    def _lack_processes(self, cause: str) -> None:
        """Fail a launch that waits for a shim which could not be forked."""
        _log.error(
            "No process for jobs can be started: %s. Look at the limits of processes "
            "and files (`ulimit -u`, `ulimit -n`, pids.max of the cgroup).",
            cause,
        )
        self._missing += 1
        self._order_again_at = boot() + _SHORT_S
        if self._waiting:
            self._waiting.popleft().mark_unstarted(self._proof, cause)

    def _lack_descriptors(self, fds: list[int]) -> None:
        """Drop a shim of which only some descriptors arrived; it ends then."""
        _log.error(_NO_DESCRIPTORS)
        for fd in fds:
            os.close(fd)
        self._missing += 1
        self._order_again_at = boot() + _SHORT_S

    def _drop_spare(self, number: int) -> None:
        for spare in [s for s in self._spares if s[0] == number]:
            self._spares.remove(spare)
            _drop(spare[1:])

    def _drop_spares(self) -> None:
        while self._spares:
            _drop(self._spares.popleft()[1:])

    def _bury_zygote(self) -> None:
        """Record what the end of a zygote proves, and start another."""
        has_ended = self._launcher.bury()
        self._drop_spares()
        # In the other containments shims go on, and report.
        if has_ended and self.containment == kill_domain.NAMESPACE:
            for execution in self._running.values():
                execution.mark_dead(self._proof)
            self._running.clear()
        self._restart()

    def _restart(self) -> None:
        """Start a zygote if it is time; give up launches that would wait for long."""
        if self._launcher.try_again():
            self._ordered, self._missing = self._ahead, 0
        if not self._launcher.comes_soon:
            for execution in self._waiting:
                execution.mark_dead(self._proof)
            self._waiting.clear()

    def close(self) -> None:
        """See `Runner.close`."""
        for execution in self._running.values():
            execution.close()  # the shim takes it for our end, and kills its tree
        self._drop_spares()
        self._launcher.close()


def _drop(shim: tuple[socket.socket, int]) -> None:
    """Drop a shim without a job: it ends when its link is closed."""
    link, pidfd = shim
    hang_up(link)
    os.close(pidfd)


def _warn(threads: Sequence[str], remarks: Sequence[str]) -> None:
    if threads:
        _log.warning(
            "Importing the job modules started threads (%s), which a fork would lose. "
            "Each job gets a fresh interpreter, which is slower. Start the threads in "
            "the job, or stop them in a function with @hooks.before_fork. If you know "
            'that forks are safe, use @job(isolation="fork").',
            ", ".join(threads),
        )
    for remark in remarks:
        _log.warning("%s.", remark)


def _order(launch: Launch) -> LaunchOrder:
    job, deadline = launch.job, launch.deadline_at
    return LaunchOrder(
        id=job.id,
        name=job.name,
        attempt=job.attempt,
        params=dict(job.params),
        retry=job.retry.to_json(),
        metadata=dict(job.metadata),
        parent_id=job.parent_id,
        deadline=None if deadline is None else deadline.timestamp(),
        lease_deadline=launch.lease_deadline,
        isolation=launch.isolation,
        limits=dict(launch.limits),
        privileges=launch.privileges,
        pass_env=None if launch.pass_env is None else list(launch.pass_env),
        run_as=launch.run_as,
        private_tmp=launch.private_tmp,
        trace=dict(launch.trace),
    )


def _temporary() -> str:
    """Return the folder for temporary files.

    Raises:
        InterlockError: none can be written.
    """
    try:
        return tempfile.gettempdir()
    except OSError as error:
        raise InterlockError(f"{error.strerror}. {_NO_FOLDER}") from error


def own_folder(root: str) -> Path:
    """Return this user's own folder in `root`, for domain files or temporary files.

    Raises:
        InterlockError: it belongs to another user, or cannot be made.
    """
    folder = Path(root) / f"interlock-{os.getuid()}"
    try:
        folder.mkdir(mode=0o700, exist_ok=True)
        status = folder.stat()
    except OSError as error:
        raise InterlockError(
            f"The folder {folder} cannot be made: {error.strerror}. {_NO_FOLDER}"
        ) from error
    if status.st_uid != os.getuid() or folder.is_symlink():
        raise InterlockError(
            f"The folder {folder} belongs to another user. Remove it first. Nothing "
            "was started."
        )
    return folder


def open_runner(
    *,
    containment: str = "auto",
    modules: Sequence[str],
    main: Mapping[str, str] | None,
    ahead: int,
    place: str = "",
) -> SubprocessRunner:
    """Open the runner of this machine (entry point `subprocess`).

    `place` is `JobStore.place()`, if several stores may use this machine.

    Raises:
        InterlockError: the containment that was asked for does not work here, or it
            could not be found out.
    """
    if containment == "auto":
        containment = strongest()
    elif containment not in kill_domain.STRENGTHS:
        names = ", ".join(("auto", *kill_domain.STRENGTHS))
        raise InterlockError(
            f"There is no containment {containment!r}. Use one of {names}."
        )
    else:
        problem = works(containment)
        if problem is not None:
            raise InterlockError(
                f"Containment {containment!r} does not work on this machine: "
                f"{problem}. Use 'auto', or run `interlock doctor`."
            )
    return SubprocessRunner(
        containment=containment, modules=modules, main=main, ahead=ahead, place=place
    )
