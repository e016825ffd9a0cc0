"""The jobs of the benchmark."""

import subprocess
import time

from interlock import job


@job(name="bench.noop")
def noop() -> int:
    return 1


@job(name="bench.family", grace=0)
def family() -> None:
    subprocess.Popen(["sleep", "600"], start_new_session=True)
    time.sleep(600)
