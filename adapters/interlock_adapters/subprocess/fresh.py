"""The main of a job that runs in a fresh interpreter."""

import json
import os
import sys

from interlock_adapters.subprocess import child, joblogs, modules


def main() -> None:
    """Read what to run, import its modules, run it."""
    order_fd, result_fd, notice_fd = map(int, sys.argv[1:4])
    with os.fdopen(order_fd, "rb") as file:
        order = json.load(file)
    config = order["config"]
    child.print_lines()
    child.listen()
    modules.load(config["path"], config["modules"], config["main"], config["argv"])
    joblogs.show()
    child.Main(order["launch"], result_fd, notice_fd).run()


if __name__ == "__main__":
    main()
