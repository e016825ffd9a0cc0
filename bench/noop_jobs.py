"""The job of the benchmark that does nothing."""

from interlock import job


@job(name="bench.noop")
def noop() -> int:
    return 1
