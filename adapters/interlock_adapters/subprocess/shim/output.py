"""Splits a job's output into lines, and bounds its size.

A carriage return alone begins a line anew: what a progress bar has drawn is replaced by
what it draws next. What has not ended yet, a bar or a prompt, is passed on as a line of
its own: soon after it has come, and then at most once a second.

The first `HEAD` bytes of an attempt are passed on as they come; of the rest only the
last `TAIL` bytes are kept, and passed on at the end with a line that says how much was
dropped.
"""

import re
from codecs import utf_8_decode
from collections import deque
from typing import Final

HEAD: Final = 1024 * 1024
TAIL: Final = 64 * 1024
LINE: Final = 8192  # bytes; a longer line is cut into pieces
LEAST: Final = 64  # bytes that the shortest line counts for
SOON_S: Final = 0.5  # until a line that has not ended is passed on
EVERY_S: Final = 1.0  # between two such lines
#: Blanks and control sequences (ECMA-48, 5.4): they wipe a bar, whose state is kept.
_INVISIBLE: Final = re.compile(rb"(?:\s|\x1b\[[0-?]*[ -/]*[@-~])*")
_UP: Final = b"\x1b[A"  # and a newline: back to where this line begins (nested bars)


class Capture:
    """The lines of one stream. `now` is in seconds and never goes back."""

    def __init__(self, head: int = HEAD, tail: int = TAIL) -> None:
        self._head_room = head
        self._tail_room = tail
        self._tail_lines = tail // LEAST + 1  # more never fit
        self._partial = b""  # what nothing has ended yet
        self._state = b""  # what a return has ended, until something is drawn over it
        self._is_redrawn = False  # this line has had a return
        self._is_begun = False  # this line is passed on in part
        self._since = float("inf")  # there is something to pass on
        self._next_at = 0.0
        self._tail: deque[bytes] = deque()
        self._tail_size = 0
        self._dropped = 0

    def feed(self, data: bytes, now: float) -> list[str]:
        """Take bytes; return the lines to send now."""
        *ended, rest = (self._partial + data).split(b"\n")
        if self._head_room <= 0 and len(ended) > self._tail_lines:
            ended = self._skip(ended)
        lines: list[bytes] = []
        for line in ended:
            if line.endswith(_UP):
                lines += self._draw(line + b"\r")
                continue
            lines += self._draw(line)
            last = self._newest()
            if last or not self._is_begun:
                lines.append(last)
            self._begin_line()
        lines += self._draw(rest)
        if not _is_visible(self._newest()):
            self._since = float("inf")
        elif self._since > now:
            self._since = now
        return self._passed_on(lines)

    def _skip(self, ended: list[bytes]) -> list[bytes]:
        """Drop the lines that later ones push out of the tail; return those."""
        skipped = ended[: -self._tail_lines]
        self._dropped += sum(map(len, skipped)) + len(skipped)
        self._begin_line()
        return ended[-self._tail_lines :]

    def due_at(self) -> float:
        """Return when to send a line that has not ended; infinity if there is none."""
        return max(self._since + SOON_S, self._next_at)

    def due(self, now: float) -> list[str]:
        """Return a line that has not ended, if it is due; characters stay whole."""
        if now < self.due_at():
            return []
        newest = self._newest()
        end = len(newest)
        if newest is self._partial:
            end = _whole(newest)
            self._partial = newest[end:]
        self._state = b""
        self._since = float("inf")
        self._next_at = now + EVERY_S
        if end == 0:
            return []
        self._is_begun = True
        return self._passed_on([newest[:end]])

    def finish(self) -> list[str]:
        """Return the rest: the last line, or the tail of dropped output."""
        newest = self._newest()
        self._begin_line()
        lines = self._passed_on([newest]) if newest else []
        if self._tail or self._dropped:
            message = f"[interlock: {self._dropped} bytes of output dropped here]"
            lines += [message, *map(_text, self._tail)]
            self._tail.clear()
        return lines

    def _begin_line(self) -> None:
        self._partial = self._state = b""
        self._is_redrawn = self._is_begun = False
        self._since = float("inf")

    def _draw(self, line: bytes) -> list[bytes]:
        """Take the newest of a line; return what is too long to be held back."""
        *drawn, rest = line.split(b"\r")
        *long, self._partial = _pieces(rest)
        if not drawn:
            return long
        self._is_redrawn = True
        begun: list[bytes] = []
        for piece in drawn:
            *first, last = _pieces(piece)
            begun += first
            if _is_visible(last) or not (self._state or self._is_begun):
                self._state = last
        return begun + long

    def _newest(self) -> bytes:
        """Return what a terminal would show of this line, if it was not sent yet."""
        if self._is_redrawn and not _is_visible(self._partial):
            return self._state
        return self._partial

    def _passed_on(self, lines: list[bytes]) -> list[str]:
        return [text for line in lines if (text := self._take(line)) is not None]

    def _take(self, line: bytes) -> str | None:
        if self._head_room > 0:
            self._head_room -= _weight(line)
            return _text(line)
        self._tail.append(line)
        self._tail_size += _weight(line)
        while self._tail_size > self._tail_room and self._tail:
            dropped = self._tail.popleft()
            self._tail_size -= _weight(dropped)
            self._dropped += len(dropped) + 1
        return None


def _is_visible(text: bytes) -> bool:
    return _INVISIBLE.fullmatch(text) is None


def _whole(text: bytes) -> int:
    """Return the number of bytes before an incomplete character."""
    last = text[-3:]  # of four at most (RFC 3629, 3)
    return len(text) - len(last) + utf_8_decode(last, "replace", False)[1]


def _pieces(line: bytes) -> list[bytes]:
    """Cut a line between characters into pieces of `LINE` bytes at most."""
    pieces: list[bytes] = []
    while len(line) > LINE:
        end = _whole(line[:LINE])
        pieces.append(line[:end])
        line = line[end:]
    return [*pieces, line]


def _weight(line: bytes) -> int:
    """Return the size that a line counts for: each line is a row in the store."""
    return max(len(line) + 1, LEAST)


def _text(line: bytes) -> str:
    return line.decode("utf-8", "replace").replace("\x00", "\ufffd")
