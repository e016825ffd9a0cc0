"""Virtual time: one queue of what happens next, and one seed that decides it."""

from __future__ import annotations

import heapq
import random
from collections.abc import Callable
from datetime import datetime, timedelta
from itertools import count

from interlock.testing.clock import START


class World:
    """What everything that is simulated shares."""

    def __init__(self, seed: int) -> None:
        self.rng = random.Random(seed)
        self.now = 0.0  # seconds
        self.pace = 1.0  # how often things happen and fail, as a part of a storm's
        self.trace: list[str] = []
        self.violations: list[str] = []
        self._queue: list[tuple[float, int, Callable[[], None]]] = []
        self._numbers = count()

    def after(self, seconds: float, do: Callable[[], None]) -> None:
        """Have something done later; at the same moment, in the order of asking."""
        moment = self.now + max(0.0, seconds)
        heapq.heappush(self._queue, (moment, next(self._numbers), do))

    def every(self, seconds: float, do: Callable[[], None]) -> None:
        """Have something done again and again."""

        def again() -> None:
            do()
            self.after(seconds, again)

        self.after(seconds, again)

    def run(self, until: float) -> None:
        """Let time pass; stop early where a promise is broken."""
        while self._queue and self._queue[0][0] <= until and not self.violations:
            self.now, _, do = heapq.heappop(self._queue)
            do()
        if not self.violations:
            self.now = until

    def tell(self, what: str) -> None:
        """Keep a line of the trace."""
        self.trace.append(f"{self.now:9.3f} {what}")

    def violate(self, what: str) -> None:
        """Note that a promise is broken."""
        self.tell(f"VIOLATION {what}")
        self.violations.append(what)


class HostClock:
    """See `Clock`. Hosts agree on durations only: neither on the hour nor on a boot."""

    def __init__(self, world: World) -> None:
        self._world = world
        self._wall = START + timedelta(seconds=world.rng.uniform(-3, 3))
        self._boot_s = world.rng.uniform(0, 1e6)

    def now(self) -> datetime:
        """See `Clock.now`."""
        return self._wall + timedelta(seconds=self._world.now)

    def boot(self) -> float:
        """See `Clock.boot`."""
        return self._boot_s + self._world.now

    def step(self, seconds: float) -> None:
        """Set the wall clock, as people and NTP do; boot time does not notice."""
        self._wall += timedelta(seconds=seconds)

    def at(self, boot_s: float, do: Callable[[], None]) -> None:
        """Have something done at a moment of this clock, `boot` seconds."""
        self._world.after(boot_s - self.boot(), do)
