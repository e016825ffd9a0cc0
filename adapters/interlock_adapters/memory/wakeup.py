"""`Wakeup` within one process."""

import threading
from collections.abc import Iterable

from interlock.ports.runner import Source


class MemoryWakeup:
    """See `Wakeup`."""

    def __init__(self) -> None:
        self._event = threading.Event()

    def wait(self, timeout_s: float, sources: Iterable[Source] = ()) -> bool:
        """See `Wakeup.wait`. Sources are not watched: an inline runner has none."""
        del sources
        changed = self._event.wait(timeout_s)
        self._event.clear()
        return changed

    def wake(self) -> None:
        """See `Wakeup.wake`."""
        self._event.set()

    def close(self) -> None:
        """See `Wakeup.close`."""
