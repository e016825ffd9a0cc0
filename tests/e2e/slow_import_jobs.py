"""A module whose import does not end before it is told to, in the zygote."""

import os
import sys
import time
from pathlib import Path

from interlock import job


def hang() -> None:
    """Wait for a file."""
    while not Path(os.environ["END_OF_IMPORT"]).exists():
        time.sleep(0.02)


if any("zygote" in word for word in sys.orig_argv):
    hang()


@job
def late() -> str:
    """Run as soon as the import has ended."""
    return "late"
