"""The job of the benchmark that does nothing, in a module that imports numpy."""

import numpy as np

from interlock import job


@job(name="bench.numpy")
def with_numpy() -> int:
    return int(np.int64(1))
