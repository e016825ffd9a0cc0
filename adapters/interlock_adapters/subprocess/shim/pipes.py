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
