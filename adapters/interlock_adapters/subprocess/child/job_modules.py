"""Imports the job modules, in the zygote or in a fresh interpreter."""

import importlib
import importlib.util
import sys
from collections.abc import Mapping, Sequence
from contextlib import suppress
from importlib.machinery import (
    ModuleSpec,
    PathFinder,
    SourceFileLoader,
    SourcelessFileLoader,
)
from types import FunctionType, ModuleType
from typing import Any

from interlock.jobs.registry import MAIN, JobFunction, importing
from interlock_adapters.subprocess.child import threads


def load(
    path: Sequence[str],
    modules: Sequence[str],
    main: Mapping[str, str] | None,
    argv: Sequence[str],
) -> dict[int, str]:
    """Import the script that declares jobs, if there is one, and then `modules`.

    It becomes `__main__` as multiprocessing does it: it runs under another name, so
    that its `if __name__ == "__main__"` part does not run again.

    Returns:
        By which module each thread of this process was started.
    """
    sys.path[:] = list(path)
    sys.argv[:] = list(argv)
    started: dict[int, str] = {}
    with importing():
        if main is not None:
            _load_main(main)
            started |= dict.fromkeys(threads.others(), next(iter(main.values())))
        for name in modules:
            importlib.import_module(name)
            started = {**dict.fromkeys(threads.others(), name), **started}
    return started


def _load_main(main: Mapping[str, str]) -> None:
    spec = _spec(main)
    loader: Any = None if spec is None else spec.loader
    if spec is None or not hasattr(loader, "get_code"):
        (kind, where), *_ = main.items()
        raise ImportError(f"cannot import the job module again: {kind} {where}")
    module = ModuleType(MAIN)
    module.__file__, module.__loader__ = spec.origin, loader
    if "module" in main:
        module.__spec__, module.__package__ = spec, spec.parent
    sys.modules["__main__"] = sys.modules[MAIN] = module
    exec(loader.get_code(spec.name), vars(module))  # noqa: S102  (the application's own)
    module.__name__ = "__main__"
    _rename(vars(module))


def _spec(main: Mapping[str, str]) -> ModuleSpec | None:
    """Return how to import the main module: a module, a folder or archive, a file."""
    match dict(main):
        case {"module": name}:
            return importlib.util.find_spec(name)
        case {"folder": folder}:
            return PathFinder.find_spec("__main__", [folder])
        case {"file": file}:  # whatever its name ends with
            is_compiled = file.endswith(".pyc")
            kind = SourcelessFileLoader if is_compiled else SourceFileLoader
            loader = kind(MAIN, file)
            return importlib.util.spec_from_file_location(MAIN, file, loader=loader)
        case _:
            return None


def _rename(namespace: Mapping[str, object]) -> None:
    """Set the module of everything that a script declares to `__main__`.

    It is pickled by that: other processes know `__main__`, and none of them MAIN.
    """
    for value in list(namespace.values()):
        member = value.function if isinstance(value, JobFunction) else value
        if isinstance(member, FunctionType | type) and member.__module__ == MAIN:
            with suppress(AttributeError, TypeError):  # a class that does not allow it
                member.__module__ = "__main__"
            if isinstance(member, type):
                _rename(vars(member))
