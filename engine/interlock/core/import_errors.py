"""Explains in one line why a module cannot be imported, and what to do."""

import os
import re
from types import FrameType
from typing import Final

_DISTRIBUTION: Final = "interlock-jobs"
_EXTRA: Final = re.compile(r"""extra\s*==\s*["']([\w-]+)["']""")
_OWN: Final = ("interlock", "interlock_adapters")
_STANDARD: Final = os.path.dirname(os.__file__) + os.sep  # noqa: PTH120  (kept light)


def failed(module: str, error: BaseException) -> str:
    """Return why a module with jobs cannot be imported, and where it failed."""
    if _is_itself(module, error):
        also = f" Write {module[:-3]}, without .py." if module.endswith(".py") else ""
        return (
            f"There is no module {module!r} in this folder or in this Python "
            f"environment.{also} Run the command in the folder that contains it."
        )
    kind = type(error).__name__
    message = f"{kind}: {error}" if str(error) else kind
    return f"The module {module!r} cannot be imported: {message}{_in_brackets(error)}."


def lacking(feature: str, error: ImportError) -> str:
    """Return which package is not installed that `feature` needs, and how to get it."""
    if not isinstance(error, ModuleNotFoundError) or error.name is None:
        return f"{feature} cannot be used here: {error}."
    missing = error.name.partition(".")[0]
    extra = _extra_of(missing)
    requirement = missing if extra is None else f'"{_DISTRIBUTION}[{extra}]"'
    return (
        f"{feature} needs the Python module {missing!r}, which is not installed. "
        f"Run: pip install {requirement}"
    )


def place_of(error: BaseException) -> str | None:
    """Return "FILE, line N": where the code that failed is, outside of libraries."""
    if isinstance(error, SyntaxError) and error.filename:
        return f"{error.filename}, line {error.lineno}"
    place: str | None = None
    trace = error.__traceback__
    while trace is not None:
        if not _is_library(trace.tb_frame):
            place = f"{trace.tb_frame.f_code.co_filename}, line {trace.tb_lineno}"
        trace = trace.tb_next
    return place


def _in_brackets(error: BaseException) -> str:
    place = place_of(error)
    return "" if place is None else f" ({place})"


def _is_library(frame: FrameType) -> bool:
    name = str(frame.f_globals.get("__name__", ""))
    file = frame.f_code.co_filename
    return (
        name.partition(".")[0] in _OWN
        or file.startswith(("<", _STANDARD))
        or "site-packages" in file
    )


def _is_itself(module: str, error: BaseException) -> bool:
    """Whether it is the module that is not there, not one that it needs."""
    is_absent = isinstance(error, ModuleNotFoundError) and error.name is not None
    return is_absent and f"{module}.".startswith(f"{error.name}.")  # type: ignore[attr-defined]  # it is one


def _extra_of(module: str) -> str | None:
    """Return the smallest extra of this distribution that installs a module."""
    from importlib import metadata  # noqa: PLC0415  (a zygote imports this module too)

    try:
        requirements = metadata.requires(_DISTRIBUTION) or []
    except metadata.PackageNotFoundError:
        return None
    extras: dict[str, list[str]] = {}
    for requirement in requirements:
        extra = _EXTRA.search(requirement)
        if extra is not None:
            name = re.split(r"[^\w.-]", requirement, maxsplit=1)[0]
            extras.setdefault(extra[1], []).append(name.replace("-", "_").lower())
    extras_with_module = [extra for extra, names in extras.items() if module in names]
    return min(extras_with_module, key=lambda extra: len(extras[extra]), default=None)
