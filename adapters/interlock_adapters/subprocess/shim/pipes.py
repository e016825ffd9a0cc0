"""The pipes between a job's main process and its shim."""

import os
from collections.abc import Sequence
from typing import Final

from interlock.ports.clock import boot
from interlock_adapters.subprocess.shim.output import Capture

_CHUNK: Final = 65536
_CHUNKS: Final = 4  # of one pipe in one turn: the worker's orders come between
_NEVER: Final = float("inf")


class Pipes:
    """The job's main process and the shim's ends of its pipes."""

    def __init__(
        self, out: int, err: int, result: int, notice: int, theirs: Sequence[int]
    ) -> None:
        self.pid = 0  # until it is forked
        self.started = 0.0
        self._theirs = theirs  # the job's ends, which the shim has too at first
        self.result = result
        self.notice = notice
        self.streams = {out: "stdout", err: "stderr"}
        self.captures: dict[str, Capture] = {}  # of the streams that said something
        self.open = {out, err, result}  # until their end: a job may close its side
        self.unsaid: list[bytes] = []  # frames for the job; of the first, what is left
        self._is_within = False  # a part of the first is written
        for fd in (out, err, result, notice):
            os.set_blocking(fd, False)

    def begin(self, pid: int) -> None:
        """Remember the process at the other ends."""
        self.pid = pid
        self.started = boot()

    def let_go(self) -> None:
        """Close the job's ends in the shim."""
        for fd in self._theirs:
            os.close(fd)

    def close(self) -> None:
        """Release the pipes."""
        for fd in (*self.streams, self.result, self.notice):
            os.close(fd)

    def say(self, data: bytes, *, is_urgent: bool = False) -> None:
        """Send a frame to the job; an urgent one before others that wait."""
        place = int(self._is_within) if is_urgent else len(self.unsaid)
        self.unsaid.insert(place, data)
        self.flush()

    def flush(self) -> None:
        """Write what the job takes now of what it is told; never wait for it."""
        try:
            while self.unsaid:
                data = self.unsaid[0]
                written = os.write(self.notice, data)
                self._is_within = written < len(data)
                if self._is_within:
                    self.unsaid[0] = data[written:]
                else:
                    del self.unsaid[0]
        except BlockingIOError:
            pass
        except OSError:  # it has closed its end
            self.unsaid = []

    def available(self, fd: int) -> list[bytes]:
        """Yield what a pipe holds now, but only a few chunks, so others get a turn."""
        chunks: list[bytes] = []
        try:
            while len(chunks) < _CHUNKS:
                data = os.read(fd, _CHUNK)
                if not data:
                    self.open.discard(fd)
                    break
                chunks.append(data)
        except BlockingIOError:
            pass
        return chunks

    def lines(self, fd: int) -> list[list[str]]:
        """Yield the lines of a stream to send now, by chunk.

        A chunk fits into a frame, whatever its bytes become in JSON.
        """
        chunks = self.available(fd)
        if not chunks:
            return []
        capture = self.captures.setdefault(self.streams[fd], Capture())
        now = boot()
        return [capture.feed(data, now) for data in chunks]

    def due_at(self) -> float:
        """Return when to send a line that has not ended."""
        return min(
            (capture.due_at() for capture in self.captures.values()), default=_NEVER
        )

    def due(self) -> list[tuple[str, list[str]]]:
        """Return the lines that have not ended and are due, by stream."""
        now = boot()
        return [(name, capture.due(now)) for name, capture in self.captures.items()]
