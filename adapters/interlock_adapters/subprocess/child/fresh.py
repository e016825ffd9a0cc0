"""The main module of a job that runs in a fresh interpreter."""

import json
import os
import sys

from interlock.core.lifecycle import Reason
from interlock_adapters.subprocess.child import child, job_modules, log_output, sigterm
from interlock_adapters.subprocess.launch_order import LaunchOrder
from interlock_adapters.subprocess.protocol import GarbledError, Kind, frame


def main() -> None:
    """Read the launch, import the job modules, and run the job."""
    order_fd, result_fd, notice_fd = map(int, sys.argv[1:4])
    with os.fdopen(order_fd, "rb") as file:
        message = json.load(file)
    config = message["config"]
    try:
        order = LaunchOrder.from_json(message["order"])
    except GarbledError as error:
        failure = {"reason": Reason.ERROR, "message": str(error)}
        os.write(result_fd, frame(Kind.FAILURE, failure))
        sys.exit(os.EX_SOFTWARE)
    child.print_lines()
    sigterm.listen()
    job_modules.load(config["path"], config["modules"], config["main"], config["argv"])
    log_output.show()
    job = child.Main()
    job.prepare(order, result_fd, notice_fd)
    job.run()


if __name__ == "__main__":
    main()
