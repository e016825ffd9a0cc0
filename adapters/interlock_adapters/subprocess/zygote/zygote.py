"""The zygote: imports the job modules once, and forks a shim for each job.

It keeps a few of them ahead of time, hands each to the worker through a socket, reaps
them, and is the last to go: when the worker is gone it waits until the kernel says that
no process of any job is left, and leaves that proof in the domain file.

One file, because it is the life of one process: load, serve, outlive.
"""

import faulthandler
import gc
import json
import os
import select
import signal
import socket
import sys
import time
import traceback
from collections.abc import Callable, Mapping
from contextlib import suppress
from typing import Any, Final, NoReturn

from interlock import hooks
from interlock.core import import_errors
from interlock.core.errors import NotGuarded
from interlock.jobs import registry
from interlock_adapters.subprocess.child import (
    child,
    interpreter_end,
    job_modules,
    log_output,
    sigterm,
)
from interlock_adapters.subprocess.kernel import kill_domain, linux
from interlock_adapters.subprocess.launch_order import FIELDS, mismatch
from interlock_adapters.subprocess.shim.shim import Shim
from interlock_adapters.subprocess.shim.temporary_folders import (
    JobFolder,
    TemporaryFolders,
    use,
)
from interlock_adapters.subprocess.zygote import descriptors, fork_safety
from interlock_adapters.subprocess.zygote.spawn import spawner

EMPTY: Final = "empty"
#: Seconds after which an import is reported: the worker waits for it.
SLOW_IMPORT_S: Final = 10
_PATIENCE_S: Final = 10.0  # for shims to kill their jobs, once the worker is dead
#: Resolve all symbols at the start (ld.so(8)), or each fork would do it for itself.
BIND_NOW: Final = "LD_BIND_NOW"
_SHIM: Final = b"interlock-shim"  # in ps(1)
_QUIET_READS: Final = 20  # /proc's list of children is racy: one look proves nothing
_MAX_MESSAGE: Final = 1024 * 1024
_NUMBERS: Final = 2**32  # see `Launcher`
_FOR_THE_WORKER_TO_SAY: Final = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


class Zygote:
    """Forks shims on the worker's orders."""

    def __init__(
        self, link: socket.socket, worker: int, config: Mapping[str, Any]
    ) -> None:
        self._link = link
        self._worker = worker  # a pidfd
        self._config = config
        self._containment: str = config["containment"]
        self._shims: dict[int, int] = {}  # pid -> number
        self._number: int = config["first"]
        self._scratch = TemporaryFolders(config["scratch"])
        self._namespace = -1
        if self._containment == kill_domain.NAMESPACE:
            self._namespace = os.open("/proc/self/ns/pid", os.O_RDONLY | os.O_CLOEXEC)

    def run(self) -> NoReturn:
        """Serve until the worker has died, then prove that no job is left."""
        if self._containment != kill_domain.GROUP:
            with suppress(OSError):
                linux.become_subreaper()
        loaded = self._load()
        if loaded:
            bell = _on_child()
            for _ in range(self._config["ahead"]):
                self._fork_shim()
            while self._serve(bell):
                self._reap()
        self._link.close()
        self._outlive()
        if self._worker_is_gone():  # else it may have more started elsewhere
            with open(self._config["domain"], "w", encoding="ascii") as file:
                file.write(EMPTY)
        self._scratch.close()
        if loaded:
            _end_modules()
        os._exit(0)

    def _worker_is_gone(self) -> bool:
        poll = select.poll()
        poll.register(self._worker, select.POLLIN)
        return bool(poll.poll(0))

    def _load(self) -> bool:
        """Import the job modules and prepare to fork; return whether it worked."""
        config = self._config
        if set(config["order_fields"]) != set(FIELDS):
            self._tell({"mismatch": mismatch(config["order_fields"])})
            return False
        child.print_lines()
        before = descriptors.opened()
        faulthandler.dump_traceback_later(SLOW_IMPORT_S)  # where it hangs
        try:
            started = job_modules.load(
                config["path"], config["modules"], config["main"], config["argv"]
            )
            registry.prepare()  # once, before any fork
            hooks.worker_ready.run()
            hooks.before_fork.run()
            faulthandler.cancel_dump_traceback_later()
            log_output.show()
            prepared = fork_safety.prepare(before, started)
        except NotGuarded as error:
            self._tell({"not_guarded": f"{error} ({import_errors.place_of(error)})"})
            return False
        except BaseException:  # noqa: BLE001  (user code at import; it is reported)
            self._tell({"failed": traceback.format_exc()[-60_000:]})
            return False
        finally:
            faulthandler.cancel_dump_traceback_later()
        self._spawn = spawner(config, prepared)
        pidfd = os.pidfd_open(os.getpid())
        remarks = list(prepared.remarks)
        ready = {"ready": True, "threads": prepared.unsafe, "remarks": remarks}
        self._tell(ready, pidfd)
        os.close(pidfd)
        sys.stdout.flush()
        child.rehearse()
        gc.collect()
        gc.freeze()  # a collection in a fork would copy every page
        self._scratch.remove_orphans()
        return True

    def _tell(self, message: object, *fds: int) -> None:
        with suppress(OSError):
            socket.send_fds(self._link, [json.dumps(message).encode()], fds)

    def _serve(self, bell: int) -> bool:
        """Wait for an order or a dead shim; return whether the worker is alive."""
        poll = select.poll()
        for fd in (self._link.fileno(), self._worker, bell):
            poll.register(fd, select.POLLIN)
        ready = {fd for fd, _ in poll.poll()}
        if bell in ready:
            with suppress(BlockingIOError):
                os.read(bell, 4096)
        if self._worker in ready:
            return False
        if self._link.fileno() in ready:
            try:
                orders = self._link.recv(4096)
            except OSError:
                return False
            for _ in range(len(orders)):
                self._fork_shim()
            return bool(orders)
        return True

    def _fork_shim(self) -> None:
        """Fork a shim and give it to the worker; tell the cause if that fails."""
        try:
            theirs, ours = socket.socketpair()
            with theirs, ours:
                pid = self._forked(theirs, ours)
                self._number += 1
                self._shims[pid] = self._number
                pidfd = os.pidfd_open(pid)  # our child, not reaped
                self._tell({"shim": self._number}, theirs.fileno(), pidfd)
                os.close(pidfd)
        except OSError as error:  # a shim that nobody has the link to ends by itself
            self._tell({"no_shim": str(error)})

    def _forked(self, theirs: socket.socket, ours: socket.socket) -> int:
        """Return the pid of a new shim.

        Raises:
            OSError: no process can be forked now.
        """
        in_namespace = self._containment == kill_domain.NAMESPACE
        if in_namespace:
            linux.unshare(linux.NEWPID)  # the next child is the init of a new one
        try:
            pid = os.fork()
            if pid == 0:
                self._become_shim(theirs, ours)
        finally:
            if in_namespace:
                linux.setns(self._namespace, linux.NEWPID)  # and further ones are not
        return pid

    def _become_shim(self, theirs: socket.socket, ours: socket.socket) -> NoReturn:
        has_own_memory = False
        try:
            linux.name_process(_SHIM)
            theirs.close()
            self._link.close()
            signal.set_wakeup_fd(-1)
            signal.signal(signal.SIGCHLD, signal.SIG_DFL)
            if self._containment == kill_domain.NAMESPACE:
                os.close(self._namespace)
                linux.private_proc()
                has_own_memory = _has_own_memory()
                for signum in (signal.SIGINT, signal.SIGHUP):
                    signal.signal(signum, signal.SIG_DFL)  # an init is not killed by it
            else:
                os.setsid()
                if self._containment == kill_domain.SUBREAPER:
                    linux.become_subreaper()
            sigterm.listen()
            path = os.path.join(self._config["scratch"], f"{self._number % _NUMBERS:x}")
            folder = JobFolder(path, own_memory=has_own_memory)
            use(folder.path)
            Shim(ours, self._worker, self._containment, folder).run(self._spawn)
        except BaseException:  # noqa: BLE001  (the shim's edge)
            traceback.print_exc()
        os._exit(70)  # EX_SOFTWARE

    def _reap(self) -> None:
        """Reap shims; after one that was killed, kill what it left."""
        died: list[int] = []

        def note(pid: int, code: int) -> None:
            number = self._shims.pop(pid, None)
            if number is not None and code != 0:
                died.append(number)

        kill_domain.reap(note)
        for number in died:
            if self._containment == kill_domain.SUBREAPER:
                self._sweep(note)
            proof = kill_domain.proof_of(self._containment)
            self._tell({"gone": number, "proof": proof})

    def _sweep(self, note: Callable[[int, int], None]) -> None:
        """Kill every child that is not a shim: it belonged to a dead shim."""
        quiet = 0
        while quiet < _QUIET_READS:
            killed = kill_domain.kill_below(os.getpid(), frozenset(self._shims))
            quiet = 0 if killed else quiet + 1
            kill_domain.reap(note)

    def _forget(self, pid: int) -> None:
        self._shims.pop(pid, None)

    def _outlive(self) -> None:
        """Wait until no descendant is left; the shims kill theirs by themselves.

        What else there is a module has started when it was imported. A shim that is
        still there long after the worker's death stands still: it is killed too.
        """
        poll = select.poll()
        patience_ends = float("inf")
        while not kill_domain.reap(lambda pid, _code: self._forget(pid)):
            now = time.monotonic()
            if patience_ends == float("inf") and self._worker_is_gone():
                patience_ends = now + _PATIENCE_S
            spared = frozenset(self._shims) if now < patience_ends else frozenset[int]()
            kill_domain.kill_below(os.getpid(), spared)
            poll.poll(5)


def _has_own_memory() -> bool:
    """Mount an empty /dev/shm; return whether that is allowed."""
    try:
        linux.private_shared_memory()
    except OSError:
        return False
    return True


def _end_modules() -> None:
    """Run the atexit handlers of the modules, when no job is left."""
    try:
        hooks.worker_stop.run()
        interpreter_end.finish_modules()
    except BaseException:  # noqa: BLE001  (user code)
        traceback.print_exc()


def _on_child() -> int:
    """Return a descriptor that is readable after SIGCHLD."""
    bell, ring = os.pipe2(os.O_NONBLOCK | os.O_CLOEXEC)
    signal.signal(signal.SIGCHLD, lambda _signum, _frame: None)
    signal.set_wakeup_fd(ring, warn_on_full_buffer=False)
    return bell


def usual_signals() -> None:
    """Undo what this process has inherited: blocked signals, and SIGCHLD ignored.

    Where SIGCHLD is ignored the kernel reaps, and tells nobody how a job has ended
    (wait(2)).
    """
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    signal.pthread_sigmask(signal.SIG_SETMASK, ())


def enter_namespace() -> None:
    """Become the init of a PID namespace: when it ends, the kernel kills all jobs."""
    if os.geteuid() != 0:
        linux.own_user_namespace()
    linux.unshare(linux.NEWPID)
    pid = os.fork()
    if pid != 0:
        _, status = os.waitpid(pid, 0)  # returns when the namespace is empty
        os._exit(os.waitstatus_to_exitcode(status) & 0xFF)
    linux.die_with_parent(0)  # the parent is outside: its pid is 0 here
    linux.private_proc()


def main() -> None:
    """Read the configuration from the worker and serve it."""
    os.environ.pop(BIND_NOW, None)  # ours alone, not the jobs'
    usual_signals()
    link = socket.socket(fileno=int(sys.argv[1]))
    data, fds, _, _ = socket.recv_fds(link, _MAX_MESSAGE, 1)
    config = json.loads(data)
    for signum in _FOR_THE_WORKER_TO_SAY:
        signal.signal(signum, signal.SIG_IGN)
    if config["containment"] == kill_domain.NAMESPACE:
        enter_namespace()
    Zygote(link, fds[0], config).run()


if __name__ == "__main__":
    main()
