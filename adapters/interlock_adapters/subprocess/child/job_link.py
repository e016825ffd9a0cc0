"""The job's end of its pipes to the shim: reports, requests, and notices to stop."""

import _thread
import json
import os
import select
import signal
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import asdict
from typing import Any, Final

from interlock.core.errors import InterlockError
from interlock.core.lifecycle import StopCause
from interlock.core.progress import Progress
from interlock.jobs.context import Interrupted
from interlock_adapters.subprocess.protocol import Decoder, Kind, frame

_MAX_TEXT: Final = 200  # of a progress report: a frame fits PIPE_BUF, so it is atomic
_PROGRESS_EVERY_S: Final = 0.05
_CHUNK: Final = 65536
_REST_S: Final = 0.5  # for the rest of an answer
_AGAIN_S: Final = 0.001
_LOOK_MS: Final = 50  # another thread may have read the answer


class JobLink:
    """Sends frames to the shim, and receives its notices."""

    def __init__(self) -> None:
        self.result_fd = self.notice_fd = -1  # until a job has its pipes
        self._decoder = Decoder()
        self._pid = 0  # of the job's main process, once it runs
        self._has_ended = False  # the function has ended
        self._last_progress = 0.0
        # Not of `threading`, which has hooks in every fork.
        self._write_lock = _thread.allocate_lock()
        self._read_lock = _thread.allocate_lock()
        self._request_lock = _thread.allocate_lock()
        self._requests = 0
        self._replies: dict[int, Mapping[str, Any]] = {}
        self.stop_cause: StopCause | None = None
        self.interrupt: Callable[[StopCause], object] = interrupted

    def begin(self) -> None:
        """Use this link for the current process from now on."""
        self._pid = os.getpid()

    @property
    def _is_main(self) -> bool:
        return os.getpid() == self._pid

    def end(self, data: bytes) -> None:
        """Send the last frame. SIGTERM must not interrupt it, or the frame is lost."""
        self._has_ended = True
        while data and os.getpid() == self._pid:
            data = data[os.write(self.result_fd, data) :]

    def _say(self, data: bytes) -> None:
        """Write a frame; only the main process may, not a fork of it."""
        with self._write_lock:  # threads may speak at once
            while data and self._is_main:
                data = data[os.write(self.result_fd, data) :]

    def progress(self, progress: Progress) -> None:
        """Report progress, unless another report was sent just now."""
        now = time.monotonic()
        last = progress.total is not None and progress.completed == progress.total
        if last or now - self._last_progress >= _PROGRESS_EVERY_S:
            self._last_progress = now
            values = {
                name: value[:_MAX_TEXT] if isinstance(value, str) else value
                for name, value in asdict(progress).items()
            }
            self._say(frame(Kind.PROGRESS, values))

    def ask(self, request: Mapping[str, object]) -> Mapping[str, Any]:
        """Send a request to the worker, and return its answer after the commit.

        Raises:
            InterlockError: this is not the job's main process, or the worker is gone.
        """
        if not self._is_main:
            raise InterlockError(
                "only the job's main process can ask its worker; this is another "
                "process. Do it in the job's function. Nothing was stored."
            )
        with self._request_lock:
            self._requests += 1
            number = self._requests
            self._replies.clear()  # of one that was interrupted while it waited
            self._say(frame(Kind.REQUEST, {"number": number, **request}))
            poll = select.poll()
            poll.register(self.notice_fd, select.POLLIN)
            while number not in self._replies:
                poll.poll(_LOOK_MS)
                self._read()
            return self._replies.pop(number)

    def stop_asked(self) -> StopCause | None:
        """Return why the job must stop, None if it need not."""
        if self.stop_cause is None and self._is_main:
            self._read()
        return self.stop_cause

    def _cause_of_sigterm(self) -> StopCause | None:
        """Return why the job must stop; the rest of an answer may come before it."""
        until = time.monotonic() + _REST_S
        while (cause := self.stop_asked()) is None and self._decoder.is_within:
            if time.monotonic() > until:
                break
            time.sleep(_AGAIN_S)
        return cause

    def _read(self) -> None:
        """Read the frames of the shim, unless another thread does."""
        if not self._read_lock.acquire(blocking=False):
            return
        try:
            with suppress(BlockingIOError):
                data = os.read(self.notice_fd, _CHUNK)
                if not data:
                    raise InterlockError("The worker of this job has died.")
                for kind, text in self._decoder.feed(data):
                    if kind is Kind.NOTICE:
                        self.stop_cause = StopCause(json.loads(text))
                    elif kind is Kind.REPLY:
                        reply = json.loads(text)
                        self._replies[reply["number"]] = reply
        finally:
            self._read_lock.release()

    def on_sigterm(self) -> None:
        """Turn the shim's SIGTERM into Interrupted; any other ends the process."""
        if self._is_main:
            if self._has_ended:
                return
            with suppress(InterlockError):
                cause = self._cause_of_sigterm()
                if cause is not None:
                    self.interrupt(cause)
                    return
        signal.signal(signal.SIGTERM, signal.SIG_DFL)
        os.kill(os.getpid(), signal.SIGTERM)


def interrupted(cause: StopCause) -> None:
    """Raise Interrupted in the main thread."""
    raise Interrupted(cause)
