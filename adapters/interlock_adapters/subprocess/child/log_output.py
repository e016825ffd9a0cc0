"""Shows the log records of jobs in their output, unless logging is configured.

`logging` itself is not imported here: it has hooks that every fork would run.
"""

import sys
from collections.abc import Sequence
from importlib.machinery import ModuleSpec, PathFinder
from types import ModuleType
from typing import Final

_LOGGING: Final = "logging"


def show() -> None:
    """Show records from INFO up on stderr, also if logging is imported later."""
    if _LOGGING in sys.modules:
        from interlock_adapters.subprocess.child import default_logging  # noqa: PLC0415

        default_logging.show()
    else:
        sys.meta_path.insert(0, _AtImport())


class _AtImport:
    """A finder that waits for the import of logging, and then leaves."""

    def find_spec(
        self,
        name: str,
        _path: Sequence[str] | None = None,
        _target: ModuleType | None = None,
    ) -> ModuleSpec | None:
        """Return the spec of logging; see `importlib.abc.MetaPathFinder`."""
        spec = PathFinder.find_spec(name) if name == _LOGGING else None
        if spec is None or spec.loader is None:
            return None
        run = spec.loader.exec_module

        def run_and_show(module: ModuleType) -> None:
            sys.meta_path.remove(self)
            run(module)
            show()

        spec.loader.exec_module = run_and_show  # type: ignore[method-assign]
        return spec
