"""The job of the benchmark that is hard to kill.

It is not imported where no-ops are counted: a fork of a process that has imported
`threading`, as `subprocess` does, costs 0.6 ms more.
"""

import subprocess
import time

from interlock import job


@job(name="bench.family", grace=0)
def family() -> None:
    subprocess.Popen(["sleep", "600"], start_new_session=True)
    time.sleep(600)
