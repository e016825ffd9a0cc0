"""What a job writes, in lines, bounded in size, so that a flood hurts nobody.

The first `HEAD` bytes of an attempt are passed on as they come; of the rest only the
last `TAIL` bytes are kept, and passed on at the end with a line that says how much was
dropped.
"""

from collections import deque
from typing import Final

HEAD: Final = 1024 * 1024
TAIL: Final = 64 * 1024
LINE: Final = 8192  # bytes; a longer line is cut into pieces
LEAST: Final = 64  # bytes that the shortest line counts for


class Capture:
    """The lines of one stream."""

    def __init__(self, head: int = HEAD, tail: int = TAIL) -> None:
        self._left = head
        self._room = tail
        self._partial = b""
        self._tail: deque[bytes] = deque()
        self._kept = 0
        self._dropped = 0

    def feed(self, data: bytes) -> list[str]:
        """Take bytes; return the lines that are to be passed on now."""
        *whole, rest = (self._partial + data).split(b"\n")
        lines = [piece for line in whole for piece in _pieces(line)]
        *begun, self._partial = _pieces(rest)
        lines += begun
        return [text for line in lines if (text := self._take(line)) is not None]

    def finish(self) -> list[str]:
        """Return what is left: the last line, or the tail of a flood."""
        if self._partial:
            last, self._partial = self._partial, b""
            text = self._take(last)
            if text is not None:
                return [text]
        if not self._tail and not self._dropped:
            return []
        lines = [_text(line) for line in self._tail]
        self._tail.clear()
        return [f"[interlock: {self._dropped} bytes of output dropped here]", *lines]

    def _take(self, line: bytes) -> str | None:
        if self._left > 0:
            self._left -= _weight(line)
            return _text(line)
        self._tail.append(line)
        self._kept += _weight(line)
        while self._kept > self._room and self._tail:
            gone = self._tail.popleft()
            self._kept -= _weight(gone)
            self._dropped += len(gone) + 1
        return None


def _pieces(line: bytes) -> list[bytes]:
    return [line[at : at + LINE] for at in range(0, len(line), LINE)] or [b""]


def _weight(line: bytes) -> int:
    """Return what a line counts for: also an empty one is a row in the store."""
    return max(len(line) + 1, LEAST)


def _text(line: bytes) -> str:
    return line.decode("utf-8", "replace").replace("\x00", "\ufffd").rstrip("\r")
