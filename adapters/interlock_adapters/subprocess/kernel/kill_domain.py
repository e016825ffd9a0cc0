"""Kill domains: keeps a job's process tree together, kills it, and proves its death.

The shim is the process at the top of its job's tree: in `namespace` the init of a PID
namespace (pid_namespaces(7)), in `subreaper` the heir of every orphan (prctl(2),
PR_SET_CHILD_SUBREAPER), in `group` merely a parent.
"""

import os
import signal
from collections.abc import Callable
from contextlib import suppress

from interlock_adapters.subprocess.kernel import linux

NAMESPACE, SUBREAPER, GROUP = "namespace", "subreaper", "group"
STRENGTHS = (NAMESPACE, SUBREAPER, GROUP)
UNPROVEN = "group_unproven"


_OOM_SCORE = b"500"  # proc_pid_oom_score_adj(5)


def _ignore(_cpu_s: float, _peak_kib: int) -> None:
    """Ignore what a process used."""


def proof_of(containment: str) -> str:
    """Return the kind of proof that a containment gives."""
    return UNPROVEN if containment == GROUP else containment


def reap(
    on_exit: Callable[[int, int], None], used: Callable[[float, int], None] = _ignore
) -> bool:
    """Reap all dead children; return whether no child is left (ECHILD).

    `used` is told the CPU seconds of each, and its peak memory in KiB (wait4(2)): of
    the process and those that it has waited for itself.
    """
    while True:
        try:
            pid, status, usage = os.wait4(-1, os.WNOHANG)
        except ChildProcessError:
            return True
        if pid == 0:
            return False
        used(usage.ru_utime + usage.ru_stime, usage.ru_maxrss)
        on_exit(pid, os.waitstatus_to_exitcode(status))


def members(containment: str) -> list[int]:
    """Return the processes of this shim's domain, as /proc shows them; racy."""
    if containment == NAMESPACE:
        return [
            int(entry)
            for entry in os.listdir("/proc")
            if entry.isdecimal() and entry != "1"
        ]
    return linux.descendants(os.getpid())


def kill_all(containment: str, main: int | None) -> None:
    """Send SIGKILL to every process of the domain, once; call until `reap` is True.

    `main` is the job's main process while it is not reaped: its group is killed too,
    safe because a pid that is not reaped cannot be used again.
    """
    if containment == NAMESPACE:
        with suppress(ProcessLookupError):
            os.kill(-1, signal.SIGKILL)  # all of this namespace but its init: us
        return
    if main is not None:
        with suppress(ProcessLookupError, PermissionError):
            os.killpg(main, signal.SIGKILL)
        with suppress(ProcessLookupError):
            os.kill(main, signal.SIGKILL)  # before it has its own group
    if containment == SUBREAPER:
        kill_below(os.getpid())


def offer_to_oom_killer(pid: int) -> None:
    """Make the kernel kill this process before its shim when memory runs out."""
    with suppress(OSError):
        fd = os.open(f"/proc/{pid}/oom_score_adj", os.O_WRONLY)
        os.write(fd, _OOM_SCORE)
        os.close(fd)


def kill_below(root: int, spare: frozenset[int] = frozenset()) -> int:
    """Kill every descendant of `root` except the trees of `spare`; return how many.

    Children are not reaped meanwhile, so their pids are theirs. A deeper pid may be
    used again between reading and killing: it is signaled through a pidfd, opened
    before its ancestry is checked.
    """
    killed = 0
    for child in set(linux.children(root)) - spare:
        for pid in (child, *linux.descendants(child)):
            killed += _kill(pid, root)
    return killed


def _kill(pid: int, root: int) -> bool:
    try:
        pidfd = os.pidfd_open(pid)
    except OSError:
        return False
    try:
        if not linux.is_below(pid, root):
            return False
        signal.pidfd_send_signal(pidfd, signal.SIGKILL)
    except (ProcessLookupError, PermissionError):
        return False
    finally:
        os.close(pidfd)
    return True
