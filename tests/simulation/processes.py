"""Simulated processes: real code that runs until it would wait for the world."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Final

from greenlet import greenlet  # type: ignore[import-untyped]  # it has no types

from interlock.core.errors import StoreUnavailable

from .world import HostClock, World

_SOON_S: Final = 1.0


class CrashError(BaseException):
    """kill -9: unwinds the code; what it does meanwhile, nobody sees."""


class Process:
    """One process. It gives way in `sleep` and `nap` alone.

    `frozen_until` is what SIGSTOP, a suspended container or a long pause of the garbage
    collector do: wherever the code stands, it goes on later.
    """

    def __init__(self, world: World, name: str, clock: HostClock) -> None:
        self.world = world
        self.name = name
        self.clock = clock
        self.alive = True
        self.frozen_until = 0.0
        self.on_end: Callable[[], None] = lambda: None
        self._busy_until = 0.0
        self._rest = 0
        self._napping = False
        self._code = greenlet()

    @property
    def is_awake(self) -> bool:
        """Whether it does something, or would at once if it were woken."""
        return max(self.frozen_until, self._busy_until) < self.world.now + _SOON_S

    def start(self, main: Callable[[], None]) -> None:
        """Begin, and return when it first waits."""
        self._code.run = partial(self._run, main)
        self._code.switch()

    def _run(self, main: Callable[[], None]) -> None:
        try:
            main()
        except CrashError:
            return
        except StoreUnavailable as error:
            self.world.tell(f"{self.name} ends: {error}")
        self.alive = False
        self.on_end()

    def sleep(self, seconds: float) -> None:
        """Let the world go on for so long."""
        self._busy_until = self.world.now + seconds
        self._rest_for(seconds)

    def _rest_for(self, seconds: float) -> None:
        self._rest += 1
        self.world.after(seconds, partial(self._resume, self._rest))
        self._code.parent.switch()

    def nap(self, seconds: float) -> None:
        """Sleep, at most until somebody calls `wake`."""
        self._napping = True
        self._rest_for(seconds)

    def wake(self, delay_s: float) -> None:
        """End a nap after a delay."""
        if self._napping:
            self.world.after(delay_s, partial(self._resume, self._rest))

    def _resume(self, rest: int) -> None:
        if rest != self._rest or not self.alive:
            return
        if self.world.now < self.frozen_until:
            wait_s = self.frozen_until - self.world.now
            self.world.after(wait_s, partial(self._resume, rest))
            return
        self._napping = False
        self._rest += 1
        self._code.switch()

    def kill(self) -> None:
        """Kill it from outside, wherever it stands."""
        if self.alive:
            self._end("is killed")
            self._code.throw(CrashError)

    def die(self) -> None:
        """Kill it from within."""
        self._end("dies")
        raise CrashError

    def _end(self, how: str) -> None:
        self.world.tell(f"{self.name} {how}")
        self.alive = False
        self.on_end()
