"""Waits for jobs to end: one thread watches the store for all waiters."""

import threading
import time
from collections import defaultdict
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from interlock.core.errors import InterlockError
from interlock.core.job import Job
from interlock.ports.store import JobStore

_POLL_S = 1.0  # behind every wake-up
_FOR_EVER_S = 3e9


class Waiting:
    """Calls the waiters back when the store may have changed."""

    def __init__(self, store: JobStore) -> None:
        self._store = store
        self._lock = threading.Lock()
        self._waiters: dict[str, list[Callable[[], None]]] = defaultdict(list)
        self._thread: threading.Thread | None = None
        self._closed = False
        self._failed: InterlockError | None = None
        self._wakeup = store.watch()

    @contextmanager
    def watching(self, job_id: str, callback: Callable[[], None]) -> Iterator[None]:
        """Call `callback` from another thread each time the job may have changed."""
        with self._lock:
            self._waiters[job_id].append(callback)
            if self._thread is None:
                self._thread = threading.Thread(
                    target=self._watch, name="interlock-waiting", daemon=True
                )
                self._thread.start()
        try:
            yield
        finally:
            with self._lock:
                self._waiters[job_id].remove(callback)
                if not self._waiters[job_id]:
                    del self._waiters[job_id]

    def _watch(self) -> None:
        while not self._closed:
            self._wakeup.wait(_POLL_S)
            with self._lock:
                if not self._waiters:
                    continue
                callbacks = [c for waiters in self._waiters.values() for c in waiters]
            for callback in callbacks:
                callback()

    def fail(self, error: InterlockError | None) -> None:
        """Make all waiters raise an error from now on; None: not any more."""
        self._failed = error
        self._wakeup.wake()

    def refuse_failed(self) -> None:
        """Raise the error of `fail`, if there is one."""
        if self._failed is not None:
            raise self._failed

    def wait(self, job_id: str, timeout_s: float | None) -> Job:
        """Return the job when it is terminal or the time is over."""
        changed = threading.Event()
        until = time.monotonic() + (_FOR_EVER_S if timeout_s is None else timeout_s)
        with self.watching(job_id, changed.set):
            while True:
                changed.clear()
                self.refuse_failed()
                job = self._store.get(job_id)
                left_s = until - time.monotonic()
                if job.is_terminal or left_s <= 0:
                    return job
                changed.wait(min(left_s, _POLL_S))

    def pause(self, timeout_s: float | None) -> None:
        """Wait until the store may have changed, for a second at most."""
        changed = threading.Event()
        self.refuse_failed()
        with self.watching("", changed.set):
            changed.wait(_POLL_S if timeout_s is None else min(timeout_s, _POLL_S))

    def close(self) -> None:
        """Stop watching."""
        self._closed = True
        self._wakeup.wake()
        if self._thread is not None:
            self._thread.join()
        self._wakeup.close()
