"""Limits of a server: submits per second, waiting jobs, open streams."""

import math
import threading
import time
from collections import OrderedDict
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Final

from interlock_adapters.http.schemas.problems import Problem
from interlock_adapters.http.security.access import Principal
from interlock_adapters.http.settings import Settings

_MOST_BUCKETS: Final = 10_000
_TRUSTED_S: Final = 0.5  # a count of a backlog, plus what was added since
_FULL_RETRY_S: Final = 10


@dataclass(slots=True)
class _Bucket:
    """A token bucket: the number left, and when it was computed."""

    left: float
    at: float


@dataclass(slots=True)
class _Counted:
    waiting: int
    at: float


class Limits:
    """Enforces the limits of `Settings`. `queue_up` may be called in any thread."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._buckets: OrderedDict[str, _Bucket] = OrderedDict()
        self._counted: dict[str, _Counted] = {}
        self._streams = 0
        self._lock = threading.Lock()

    def take(self, principal: Principal, count: int) -> None:
        """Count submits of a caller.

        Raises:
            Problem: they are too many for now (429).
        """
        rate, now = self._settings.submits_per_s, time.monotonic()
        capacity = max(2 * rate, float(self._settings.max_batch))
        name = principal.name or principal.address
        bucket = self._buckets.setdefault(name, _Bucket(capacity, now))
        self._buckets.move_to_end(name)
        if len(self._buckets) > _MOST_BUCKETS:
            self._buckets.popitem(last=False)
        bucket.left = min(capacity, bucket.left + (now - bucket.at) * rate)
        bucket.at = now
        if bucket.left < count:
            wait = math.ceil((count - bucket.left) / rate)
            detail = (
                f"Too many submissions: at most {rate:g} a second. Nothing was stored."
            )
            headers = {"Retry-After": str(wait)}
            raise Problem(429, "too-many-submissions", detail, headers=headers)
        bucket.left -= count

    def queue_up(self, queue: str, added: int, count: Callable[[int], int]) -> None:
        """Add jobs to a queue's count; `count` returns its length, up to a limit.

        Raises:
            Problem: it is full (503).
        """
        limit, now = self._settings.max_pending, time.monotonic()
        with self._lock:
            counted = self._counted.get(queue)
            trusted = counted is not None and now - counted.at < _TRUSTED_S
            if counted is None or not trusted:
                if len(self._counted) > _MOST_BUCKETS:
                    self._counted.clear()
                counted = self._counted[queue] = _Counted(count(limit), now)
            fits = counted.waiting + added <= limit
            counted.waiting += added if fits else 0
        if not fits:
            detail = (
                f"Already {limit} jobs wait in queue {queue!r}. Try again later. "
                "Nothing was stored."
            )
            headers = {"Retry-After": str(_FULL_RETRY_S)}
            raise Problem(503, "queue-full", detail, headers=headers)

    def refuse_full(self) -> None:
        """Refuse a stream when there are too many. Raises Problem (503)."""
        if self._streams >= self._settings.max_streams:
            detail = (
                f"Already {self._settings.max_streams} streams are open. Try again "
                "later."
            )
            headers = {"Retry-After": str(_FULL_RETRY_S)}
            raise Problem(503, "too-many-streams", detail, headers=headers)

    @contextmanager
    def stream(self) -> Iterator[None]:
        """Count an open stream, from its first byte to its end."""
        self._streams += 1
        try:
            yield
        finally:
            self._streams -= 1
