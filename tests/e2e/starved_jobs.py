"""Jobs whose worker has no file descriptors left for them."""

import os
import resource

from interlock import hooks, job


@hooks.before_fork
def leave_few() -> None:
    """Leave the zygote, and the shims that it forks, only some descriptors."""
    room = os.environ.get("DESCRIPTORS_LEFT")
    if room is None:  # another test's worker
        return
    limit = len(os.listdir("/proc/self/fd")) + int(room)
    resource.setrlimit(resource.RLIMIT_NOFILE, (limit, limit))


@job(max_losses=1)
def starved() -> None:
    """Do nothing; it never starts."""
