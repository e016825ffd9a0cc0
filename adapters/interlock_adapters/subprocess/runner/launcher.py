"""Starts the worker's zygote, reads its messages, and replaces it when it ends."""

import json
import logging
import os
import select
import socket
import subprocess
import sys
import uuid
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, suppress
from pathlib import Path
from typing import Any, Final

from interlock.ports.clock import boot
from interlock_adapters.subprocess.kernel.leftovers import PLACE
from interlock_adapters.subprocess.zygote.zygote import BIND_NOW, SLOW_IMPORT_S

_log = logging.getLogger("interlock.runner")
_MAX_MESSAGE: Final = 1024 * 1024
_END_MS: Final = 5000
_NUMBERS: Final = 2**32
#: The pause after a zygote that failed early; it doubles.
_FIRST_PAUSE_S, _LONGEST_PAUSE_S = 0.1, 30.0
_USEFUL_S, _SOON_S = 1.0, 1.0
#: What must not reach a job: the database's URL and the tokens of this project.
_PRIVATE: Final = "INTERLOCK_"


class Launcher:
    """Runs one zygote after the other. Each numbers its shims from `first` on."""

    def __init__(
        self,
        config: Mapping[str, object],
        path: list[str],
        *,
        place: str,
        domains: Path,
        scratch: Path,
    ) -> None:
        self._config = config
        self._path = path
        self._place = place
        self._domains = domains  # the folder of domain files
        self._scratch = scratch  # the folder of temporary files
        self._link: socket.socket | None = None
        self._pidfd = -1  # of the zygote that is ready
        self._pause_s = 0.0
        self._restart_at = 0.0
        self._loaded_at = 0.0
        self._is_slow = False
        self._slow_at = float("inf")  # when to report that it imports for long
        self.first = 0
        self._has_started = False  # any zygote
        self.try_again()

    @property
    def has_loaded(self) -> bool:
        """Whether there is a zygote that has imported the jobs."""
        return self._pidfd >= 0

    @property
    def ever_loaded(self) -> bool:
        """Whether any zygote of this worker has imported the jobs."""
        return self._loaded_at > 0

    @property
    def is_there(self) -> bool:
        """Whether there is a zygote; it may still be importing the jobs."""
        return self._link is not None

    @property
    def comes_soon(self) -> bool:
        """Whether a zygote is there or will be started soon."""
        return self.is_there or self._pause_s <= _SOON_S

    @property
    def trouble(self) -> str | None:
        """Why no job can start, if that lasts: an import that hangs, or fails."""
        if self.has_loaded:
            return None
        if self._is_slow:
            return f"its job modules have been importing for over {SLOW_IMPORT_S} s"
        if not self.comes_soon:
            return (
                "the process that prepares its jobs fails again and again: see its log"
            )
        return None

    def report_slow_import(self) -> None:
        """Log once that a zygote has been importing the job modules for long."""
        if self.has_loaded or boot() < self._slow_at:
            return
        self._slow_at = float("inf")
        self._is_slow = True
        _log.warning(
            "The job modules have been importing for %s s: no job starts here before "
            "that has ended. The stack of the import is on stderr. The modules: %s.",
            SLOW_IMPORT_S,
            self._config["modules"] or self._config["main"],
        )

    def _start(self) -> None:
        name = uuid.uuid4().hex
        self.domain = self._domains / name
        self.first += _NUMBERS  # no two shims of ours ever have the same number
        environment = {
            k: v for k, v in os.environ.items() if not k.startswith(_PRIVATE)
        }
        environment |= {BIND_NOW: "1", "PYTHONPATH": os.pathsep.join(self._path)}
        environment[PLACE] = self._place
        self._slow_at, self._is_slow = boot() + SLOW_IMPORT_S, False
        config = {**self._config, "domain": str(self.domain), "first": self.first}
        config["scratch"] = str(self._scratch / name[:8])
        program = [sys.executable, "-m", "interlock_adapters.subprocess.zygote.zygote"]
        with ExitStack() as opened:
            me = os.pidfd_open(os.getpid())
            opened.callback(os.close, me)
            pair = socket.socketpair(type=socket.SOCK_SEQPACKET)
            link, theirs = map(opened.enter_context, pair)
            self.process = subprocess.Popen(  # noqa: S603  (our own module)
                [*program, str(theirs.fileno())],
                pass_fds=[theirs.fileno()],
                stdin=subprocess.DEVNULL,
                env=environment,
                start_new_session=True,
            )
            self._has_started = True
            with suppress(OSError):  # it has ended already: `messages` says so
                socket.send_fds(link, [json.dumps(config).encode()], [me])
            link.settimeout(0)
            self._link = socket.socket(fileno=link.detach())

    def order(self, count: int) -> bool:
        """Order shims, at most 4096; return whether the order was sent."""
        if self._link is None:
            return False
        try:
            self._link.send(b"+" * count)
        except OSError:  # it is full; or it has ended: `messages` says so
            return False
        return True

    def sources(self) -> list[socket.socket]:
        """Return the sockets to wait for."""
        return [] if self._link is None else [self._link]

    def messages(self) -> Iterator[tuple[Mapping[str, Any], list[int]] | None]:
        """Yield the zygote's messages, with descriptors; None at its end."""
        while self._link is not None:
            try:
                data, fds, _, _ = socket.recv_fds(self._link, _MAX_MESSAGE, 2)
            except BlockingIOError:
                return
            except ConnectionResetError:
                continue  # it ended with orders unread; now comes what it has said
            except OSError:
                data, fds = b"", []
            if not data:
                yield None
                return
            yield json.loads(data), fds

    def is_ready(self, pidfd: int) -> None:
        """Record that the zygote has imported the jobs; `pidfd` is the zygote's."""
        self._pidfd = pidfd
        self._loaded_at = boot()

    def bury(self) -> bool:
        """Release a zygote that has ended; return whether its namespace has ended too.

        pid_namespaces(7): the init of a namespace ends as its last process.
        """
        has_ended = self._has_ended()
        was_useful = self.has_loaded and boot() - self._loaded_at > _USEFUL_S
        self._pause_s = 0.0 if was_useful else self._longer_pause_s()
        self._restart_at = boot() + self._pause_s
        self.close()
        if not was_useful:
            message = (
                "The zygote exited with code %s; no job starts until it has restarted "
                "(next try in %g s)"
            )
            _log.warning(message, self.process.returncode, self._pause_s)
        return has_ended

    def _longer_pause_s(self) -> float:
        return min(_LONGEST_PAUSE_S, max(_FIRST_PAUSE_S, self._pause_s * 2))

    def try_again(self) -> bool:
        """Start another zygote, unless the pause after a failure is not over."""
        if boot() < self._restart_at:
            return False
        try:
            self._start()
        except OSError as error:  # no process or descriptor is to be had now
            self._pause_s = self._longer_pause_s()
            self._restart_at = boot() + self._pause_s
            _log.error(
                "The zygote cannot be started, so no job starts: %s. Trying again.",
                error,
            )
            return False
        return True

    def _has_ended(self) -> bool:
        """Whether the zygote has ended; waits a bounded time for it."""
        if self._pidfd < 0:  # it never said that it was ready: nothing runs in it
            return True
        poll = select.poll()
        poll.register(self._pidfd, select.POLLIN)
        return bool(poll.poll(_END_MS))

    def _release(self) -> None:
        if self._link is not None:
            hang_up(self._link)
            self._link = None
        if self._pidfd >= 0:
            os.close(self._pidfd)
            self._pidfd = -1

    def close(self) -> None:
        """Let the zygote end, after everything that it has started, and wait for it.

        Not for ever: it may hang in a module's import, or beside a process that the
        kernel does not let die.
        """
        self._release()
        if not self._has_started:
            return
        try:
            self.process.wait(_END_MS / 1000)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
        self.domain.unlink(missing_ok=True)


def hang_up(link: socket.socket) -> None:
    """Close a link for both sides, even if a fork of this process has it too."""
    with suppress(OSError):
        link.shutdown(socket.SHUT_RDWR)
    link.close()
