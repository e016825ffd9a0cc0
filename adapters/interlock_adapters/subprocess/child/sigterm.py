"""What SIGTERM does in a job's processes: it interrupts the main one, ends the others.

A fork in CPython forgets a signal with a handler in Python that arrives while the fork
is being made (`_clear_pending_signals` in `PyOS_AfterFork_Child`). A pool that stops
its new workers would wait for ever. So SIGTERM is held up until the fork is whole.
"""

import _thread
import faulthandler
import os
import signal
from typing import Final

from interlock_adapters.subprocess.child.job_link import JobLink

_SIGTERM: Final = {signal.SIGTERM}


class _Handler:
    """The handler of SIGTERM: set once in a shim, whose forks inherit it."""

    def __init__(self) -> None:
        self.job: JobLink | None = None  # None in the shim, and until the job runs
        self.missed = False
        self._forking: set[int] = set()  # threads

    def __call__(self, _signum: int, _frame: object) -> None:
        if self.job is None:
            self.missed = True
        else:
            self.job.on_sigterm()

    def before_fork(self) -> None:
        """Hold SIGTERM up in the thread that forks."""
        if self.job is None:
            return
        is_ours = signal.getsignal(signal.SIGTERM) is self
        if is_ours:
            blocked = signal.pthread_sigmask(signal.SIG_BLOCK, _SIGTERM)
            if signal.SIGTERM not in blocked:
                self._forking.add(_thread.get_ident())

    def after_fork(self) -> None:
        """Let it come."""
        if self._forking and _thread.get_ident() in self._forking:
            self._forking.remove(_thread.get_ident())
            signal.pthread_sigmask(signal.SIG_UNBLOCK, _SIGTERM)

    def after_fork_in_child(self) -> None:
        """Let it end a process that is not the main one of its job."""
        if self._forking and _thread.get_ident() in self._forking:
            signal.signal(signal.SIGTERM, signal.SIG_DFL)
            self.after_fork()


handler = _Handler()


def listen() -> None:
    """Set the handlers of signals for the jobs of this process, or of forks of it.

    SIGTERM interrupts the function. SIGURG, which a program that the job executes
    ignores, writes the stacks of all threads to the job's log: the handler is C and
    needs no lock, so it works where the interpreter is blocked.
    """
    signal.signal(signal.SIGTERM, handler)
    os.register_at_fork(
        before=handler.before_fork,
        after_in_parent=handler.after_fork,
        after_in_child=handler.after_fork_in_child,
    )
    faulthandler.register(signal.SIGURG, file=2, all_threads=True, chain=False)


def stop_listening() -> None:
    """Let SIGTERM end this process, even if it has arrived already."""
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    if handler.missed:
        os.kill(os.getpid(), signal.SIGTERM)
