"""Finds out where a job was when it was stopped, from faulthandler's output."""

import os
import re
from collections.abc import Iterable, Sequence
from typing import Any, Final

_FRAME: Final = re.compile(r'  File "(?P<file>.*)", line (?P<line>\d+) in (?P<name>.*)')
_CURRENT: Final = "Current thread "  # the one that got the signal: the main one
_TASK: Final = "Task "
OURS: Final = os.path.dirname(__file__) + os.sep
_NOT_THE_JOBS: Final = (os.path.dirname(os.__file__) + os.sep, "<frozen")
_MOST_LINES: Final = 2000


class Stacks:
    """The stacks of a job's threads, from its stderr."""

    def __init__(self) -> None:
        self._lines: list[str] = []
        self._is_below = False  # the job's function: what called it is ours

    def take(self, lines: Sequence[str]) -> list[str]:
        """Take lines of stderr; return the lines for the log, without our frames."""
        shown = [line for line in lines if self._is_shown(line)]
        self._lines += shown[: _MOST_LINES - len(self._lines)]
        return shown

    def _is_shown(self, line: str) -> bool:
        is_frame = line.startswith('  File "')
        self._is_below = is_frame and (
            self._is_below or line.startswith(f'  File "{OURS}')
        )
        return not self._is_below

    def __bool__(self) -> bool:
        """Whether the stack of the main thread has begun to come."""
        return any(line.startswith(_CURRENT) for line in self._lines)

    def where(self) -> str | None:
        """Return the innermost function of the job's own code, None if not known."""
        frames = [*_frames(self._lines, _CURRENT), *_frames(self._lines, _TASK)]
        own = (frame for frame in frames if not _is_library(frame["file"]))
        innermost = next(own, frames[0] if frames else None)
        if innermost is None:
            return None
        return f"{innermost['name']} ({innermost['file']}, line {innermost['line']})"


def of_task(task: Any) -> str:
    """Return where a task of asyncio waits, the innermost call first."""
    lines: list[str] = []
    waiting = task.get_coro()
    while waiting is not None:
        frame = getattr(waiting, "cr_frame", None) or getattr(waiting, "gi_frame", None)
        if frame is None:
            break
        code = frame.f_code
        line = f'  File "{code.co_filename}", line {frame.f_lineno} in {code.co_name}'
        lines.append(line)
        waiting = getattr(waiting, "cr_await", None) or getattr(
            waiting, "gi_yieldfrom", None
        )
    head = f"{_TASK}{task.get_name()} (most recent call first):"
    return "\n".join([head, *reversed(lines), ""])


def _frames(lines: Iterable[str], kind: str) -> Iterable[re.Match[str]]:
    """Yield the frames below the headings of a kind, the innermost first."""
    is_wanted = False
    for line in lines:
        frame = _FRAME.fullmatch(line)
        if frame is None:
            is_wanted = line.startswith(kind)
        elif is_wanted:
            yield frame


def _is_library(file: str) -> bool:
    return file.startswith(_NOT_THE_JOBS) or "site-packages" in file
