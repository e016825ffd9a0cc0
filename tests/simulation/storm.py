"""What befalls workers and the store, at random moments, until it is calm."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from .network import Network
from .runner import Host
from .slots import Slot, Staff
from .world import World

_EVERY_S: Final = 8.0
_LONG_S: Final = 20.0
_SHORT_S: Final = 2.0


class Storm:
    """Strikes one after the other."""

    def __init__(
        self,
        world: World,
        network: Network,
        hosts: Sequence[Host],
        slots: Sequence[Slot],
    ) -> None:
        self._world = world
        self._rng = world.rng
        self._network = network
        self._hosts = hosts
        self._slots = slots

    def blow(self) -> None:
        """Let something bad happen, and again after a while."""
        if self._network.calm:
            return
        rng = self._rng
        seconds = rng.expovariate(1 / rng.choice([_SHORT_S, _LONG_S]))
        staff = rng.choice(self._slots).staff
        luck = rng.random()
        if luck < 0.1:
            self._world.tell(f"the store is down for {seconds:.1f} s")
            healed = max(self._network.down_until, self._world.now + seconds)
            self._network.down_until = healed
        elif luck < 0.15:
            rng.choice(self._hosts).clock.step(rng.uniform(-30, 30))
        elif staff is not None:
            self._strike(staff, seconds)
        self._world.after(rng.expovariate(self._world.pace / _EVERY_S), self.blow)

    def _strike(self, staff: Staff, seconds: float) -> None:
        strikes = (self._crash, self._freeze, self._cut, self._shoot, self._stop)
        (strike,) = self._rng.choices(strikes, [2, 3, 3, 3, 1])
        strike(staff, seconds)

    def _crash(self, staff: Staff, _seconds: float) -> None:
        staff.process.kill()

    def _freeze(self, staff: Staff, seconds: float) -> None:
        self._world.tell(f"{staff.process.name} is frozen for {seconds:.1f} s")
        staff.process.frozen_until = self._world.now + seconds

    def _cut(self, staff: Staff, seconds: float) -> None:
        self._world.tell(f"{staff.process.name} is cut off for {seconds:.1f} s")
        staff.link.cut_until = self._world.now + seconds

    def _shoot(self, staff: Staff, _seconds: float) -> None:
        if staff.runner.shims:
            self._rng.choice(staff.runner.shims).shoot()

    def _stop(self, staff: Staff, seconds: float) -> None:
        self._world.tell(f"{staff.process.name} is told to stop")
        staff.worker.stop()
        if seconds > _SHORT_S:
            staff.worker.stop()
