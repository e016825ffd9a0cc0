"""Import an application's job modules, in the zygote or in a fresh interpreter."""

import importlib
import importlib.util
import os
import sys
from collections.abc import Sequence

from interlock.registry import MAIN, importing


def load(path: Sequence[str], modules: Sequence[str], main: str | None) -> None:
    """Import `modules`; a job module that was run as a script is imported by its path.

    Its `if __name__ == "__main__"` part does not run again.
    """
    sys.path[:] = list(path)
    with importing():
        if main is not None:
            spec = importlib.util.spec_from_file_location(MAIN, main)
            if spec is None or spec.loader is None:
                raise ImportError(f"cannot import the job module {main}")
            module = importlib.util.module_from_spec(spec)
            sys.modules[MAIN] = module
            spec.loader.exec_module(module)
        for name in modules:
            importlib.import_module(name)


def threads() -> int:
    """Return how many threads this process has: forking more than one is not safe."""
    try:
        return len(os.listdir("/proc/self/task"))
    except OSError:
        import threading  # noqa: PLC0415  (not Linux)

        return threading.active_count()
