"""The main of a job that runs in a fresh interpreter."""

import json
import os
import sys

from interlock_adapters.subprocess.child import child, job_modules, log_output


def main() -> None:
    """Read what to run, import its modules, run it."""
    order_fd, result_fd, notice_fd = map(int, sys.argv[1:4])
    with os.fdopen(order_fd, "rb") as file:
        order = json.load(file)
    config = order["config"]
    child.print_lines()
    child.listen()
    job_modules.load(config["path"], config["modules"], config["main"], config["argv"])
    log_output.show()
    child.Main(order["launch"], result_fd, notice_fd).run()


if __name__ == "__main__":
    main()
