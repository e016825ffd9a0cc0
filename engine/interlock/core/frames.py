"""The frames of a Python traceback: which are the user's own, and where it broke."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import PurePath
from typing import Final

_FRAME: Final = re.compile(
    r'^ {2}File "(?P<path>.+)", line (?P<line>\d+), in (?P<of>.+)$'
)
_NOT_OURS: Final = ("site-packages", "dist-packages")
_LIBRARY: Final = re.compile(
    r"/lib/python\d|/interlock(?:_adapters)?/|^<frozen |^<string>"
)
_PARTS: Final = 3  # of a path
_MOST: Final = 8  # frames that are shown open


@dataclass(frozen=True, slots=True, kw_only=True)
class Frame:
    """One call in a traceback."""

    path: str
    line: int
    function: str
    source: str
    is_own: bool  # the code of the application

    @property
    def place(self) -> str:
        """The end of the path, and the line: `billing/tax.py:48`."""
        return (
            f"{'/'.join(PurePath(self.path).parts[-_PARTS:]).lstrip('/')}:{self.line}"
        )


def frames(traceback: str | None) -> list[Frame]:
    """Return the frames of the last exception of a traceback, the innermost first."""
    lines = (traceback or "").splitlines()
    last = max((at for at, text in enumerate(lines) if _begins(text)), default=-1)
    found = []
    for at, text in enumerate(lines[last + 1 :], last + 1):
        match = _FRAME.match(text)
        if match is not None:
            found.append(_frame(match, lines[at + 1 :]))
    return found[::-1]


def own(found: Sequence[Frame]) -> list[Frame]:
    """Return the frames of the application's own code."""
    return [frame for frame in found if frame.is_own][:_MOST]


def _begins(text: str) -> bool:
    return text.startswith("Traceback (most recent call last)")


def _frame(match: re.Match[str], after: Sequence[str]) -> Frame:
    path = match["path"]
    source = after[0].strip() if after and after[0].startswith("    ") else ""
    is_own = not (_LIBRARY.search(path) or any(part in path for part in _NOT_OURS))
    return Frame(
        path=path,
        line=int(match["line"]),
        function=match["of"],
        source=source,
        is_own=is_own,
    )
