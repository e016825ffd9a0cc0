"""The jobs of the benchmark that do nothing."""

import time

from interlock import current_job, job


@job(name="bench.noop")
def noop() -> int:
    return 1


@job(name="bench.family")
def family(children: int, seconds: float = 0.0) -> None:
    """Submit jobs, and wait for them; or submit them and stay for so long."""
    group = current_job().map(noop, [{}] * children)
    if seconds:
        time.sleep(seconds)
    else:
        group.wait()
