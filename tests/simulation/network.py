"""Links of processes to the store: they stall, break, and lose answers."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from functools import partial
from typing import Any, Final

from interlock.core.errors import StoreUnavailable
from interlock.ports.runner import Source, Wakeup
from interlock.ports.schedules import Schedules
from interlock.ports.steps import Steps

from .processes import Process
from .shim import Shim
from .store import WatchedStore

_TURN_S: Final = 0.001  # what a turn costs
_SPINS: Final = 20  # turns for nothing: something is due, and nobody sees to it


class Network:
    """All links, and how bad things are."""

    def __init__(self, store: WatchedStore) -> None:
        self.store = store
        self.links: list[Link] = []
        self.calm = False
        self.down_until = 0.0


class Link:
    """`JobStore` as one process reaches it, through a network and its own pauses."""

    def __init__(self, network: Network, process: Process) -> None:
        self._network = network
        self._store = network.store
        self._process = process
        self._world = process.world
        self._inside = False
        self._wakeup = LinkWakeup(process)
        self.cut_until = 0.0
        network.links.append(self)

    @property
    def is_up(self) -> bool:
        """Whether the store can be reached."""
        now = self._world.now
        return now >= self.cut_until and now >= self._network.down_until

    def __getattr__(self, name: str) -> Callable[..., Any]:
        call = self.reach(getattr(self._store, name))
        setattr(self, name, call)  # it is found without us from now on
        return call

    @property
    def schedules(self) -> LinkPart:
        """See `JobStore.schedules`."""
        return LinkPart(self, self._store.schedules)

    @property
    def steps(self) -> LinkPart:
        """See `JobStore.steps`."""
        return LinkPart(self, self._store.steps)

    def reach(self, method: Callable[..., Any]) -> Callable[..., Any]:
        """Return a method of the store as this link reaches it."""
        return partial(self._call, method)

    def _call(self, method: Callable[..., Any], *args: object, **named: object) -> Any:
        if self._inside:
            return method(*args, **named)
        self._ask()
        answer = method(*args, **named)
        self._answer()
        return answer

    @contextmanager
    def together(self) -> Iterator[None]:
        """See `JobStore.together`."""
        self._ask()
        self._inside = True
        try:
            with self._store.together():
                yield
        finally:
            self._inside = False
        self._answer()

    def watch(self) -> Wakeup:
        """See `JobStore.watch`."""
        return self._wakeup

    def close(self) -> None:
        """See `JobStore.close`."""
        self._network.links.remove(self)

    def _ask(self) -> None:
        """Let the request travel; it may hang, and it may not arrive."""
        self._hold_up()
        if self.is_up:
            return
        rng = self._world.rng
        if rng.random() < 0.2:  # no driver bounds it
            healed = max(self.cut_until, self._network.down_until)
            self._process.sleep(healed - self._world.now)
        else:
            self._process.sleep(rng.uniform(0.01, 1))
            raise StoreUnavailable("nobody answers")

    def _answer(self) -> None:
        """Let the answer travel; what was written is written, whatever happens now."""
        self._ring()
        self._hold_up()
        if self._network.calm:
            return
        luck = self._world.rng.random() / self._world.pace
        if luck < 0.003:
            self._process.die()
        if luck < 0.01 or not self.is_up:
            self._world.tell(f"{self._process.name} loses an answer")
            raise StoreUnavailable("the answer is lost")

    def _hold_up(self) -> None:
        rng = self._world.rng
        luck = rng.random()
        if luck > 0.1:
            return
        if luck < 0.01 * self._world.pace and not self._network.calm:
            self._process.sleep(rng.expovariate(1 / 10))
        else:
            self._process.sleep(rng.uniform(0, 0.02))

    def _ring(self) -> None:
        if not self._store.changed:
            return
        self._store.changed = False
        for link in self._network.links:
            if link is not self and link.is_up and self._world.rng.random() < 0.9:
                link._wakeup.ring()


class LinkPart:
    """A part of the store through a link."""

    def __init__(self, link: Link, part: Schedules | Steps) -> None:
        self._link = link
        self._part = part

    def __getattr__(self, name: str) -> Callable[..., Any]:
        return self._link.reach(getattr(self._part, name))


class LinkWakeup:
    """See `Wakeup`. One in ten is lost, and what is read while a link is down."""

    def __init__(self, process: Process) -> None:
        self._process = process
        self._changed = False
        self._spins = 0

    def wait(self, timeout_s: float, sources: Iterable[Source] = ()) -> bool:
        """See `Wakeup.wait`."""
        news = any(isinstance(source, Shim) and source.has_news for source in sources)
        waits = timeout_s > 0 or news or self._changed
        self._spins = 0 if waits else self._spins + 1
        if self._spins > _SPINS:
            self._process.world.violate(f"{self._process.name}: it spins")
        if news or self._changed:
            self._process.sleep(_TURN_S)
        else:
            self._process.nap(max(timeout_s, _TURN_S))
        changed, self._changed = self._changed, False
        return changed

    def ring(self) -> None:
        """Tell that the store changed."""
        self._changed = True
        self._process.wake(self._process.world.rng.uniform(0, 0.01))

    def wake(self) -> None:
        """See `Wakeup.wake`."""
        self._process.wake(0)

    def close(self) -> None:
        """See `Wakeup.close`."""
