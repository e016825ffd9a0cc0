"""One run: hosts, workers and clients on one store, a storm, and the judgement."""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from itertools import count
from typing import Final, cast, get_args

from interlock.api.engine import Engine
from interlock.core.schedule import Catchup, Overlap, Schedule
from interlock.ports.store import JobStore
from interlock.worker.settings import WorkerSettings

from .client import QUEUES, Client
from .jobs import scheduled
from .network import Link, Network
from .processes import Process
from .runner import Host
from .slots import Slot
from .store import WatchedStore
from .storm import Storm
from .trees import Forest
from .truth import Truth
from .world import HostClock, World

_WORKERS: Final = 3
_CLIENTS: Final = 2
_STORM_S: Final = 600.0
_ORDINARY: Final = 1 / 60  # the pace after the storm: an hour has a minute's events
_CALM_S: Final = 3600.0  # in which everything must end
_STOP_S: Final = 600.0  # in which every worker must stop; one may still be cut off
_LOOK_S: Final = 5.0
#: How often, how long the jobs take, and what is done if the last one still runs.
_SCHEDULES: Final[tuple[tuple[str, float, Overlap], ...]] = (
    ("30s", 1.0, "allow"),
    ("20s", 30.0, "skip"),
    ("25s", 40.0, "replace"),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """What became of a run."""

    seed: int
    ordinary_s: float
    violations: list[str]
    trace: list[str]
    simulated_s: float
    ends: dict[str, int]

    def __str__(self) -> str:
        labels = {what.partition(":")[0] for what in self.violations}
        lines = [t for t in self.trace if any(label in t for label in labels)]
        again = f"simulate({self.seed}, ordinary_s={self.ordinary_s:g})"
        return "\n".join([f"again with {again}", *self.violations, *lines[-60:]])


class Simulation:
    """Everything that one seed decides.

    One run in five is gentle: nothing strikes, and instead the kernel keeps some killed
    processes for a while. Both at once break a promise that nobody gives: a fence
    assumes that a kill kills.
    """

    def __init__(self, seed: int, *, live: bool, ordinary_s: float) -> None:
        self._world = world = World(seed)
        self._seed = seed
        self._calm_at = _STORM_S + ordinary_s
        gentle = world.rng.random() < 0.2
        self._forest = Forest(world, stuck=gentle)
        self._store = WatchedStore(HostClock(world))
        self._engine = Engine(cast("JobStore", self._store), clock=HostClock(world))
        self._network = Network(self._store)
        self._network.calm = gentle
        self._truth = Truth(world, self._store, self._forest, live=live)
        hosts = [Host(name, HostClock(world)) for name in "AB"]
        self._client_clock = hosts[0].clock
        self._lease_s = world.rng.choice([3.0, 10.0, 30.0])
        self._slots = [
            Slot(world, hosts[number % len(hosts)], self._settings())
            for number in range(_WORKERS)
        ]
        self._truth.is_somebody_well = lambda: any(s.is_well for s in self._slots)
        self._storm = Storm(world, self._network, hosts, self._slots)
        self._numbers = count(1)
        self._clients: set[Process] = set()

    def _settings(self) -> WorkerSettings:
        concurrency = self._world.rng.randint(1, 3)
        return WorkerSettings(
            concurrency=concurrency, lease=self._lease_s, shutdown_grace=3
        )

    def run(self) -> Report:
        """Let the storm blow, then ordinary weather, let it calm down, and judge."""
        for slot in self._slots:
            slot.hire(self._name, self._network, self._forest)
        for _ in range(_CLIENTS):
            self._invite()
        self._schedule()
        self._storm.blow()
        self._world.run(_STORM_S)
        for slot in self._slots[self._world.rng.randint(1, 2) :]:
            slot.close()  # one or two workers are enough now
        self._world.pace = _ORDINARY
        self._world.run(self._calm_at)
        self._world.tell("from here on nothing fails")
        self._network.calm = True
        for queue in QUEUES:
            self._store.set_paused(queue, paused=False)
        for info in self._engine.schedules.list():
            self._engine.schedules.pause(info.name)
        self._run_until(lambda: not self._clients and self._truth.all_ended, _CALM_S)
        self._close()
        if not self._world.violations:
            self._truth.judge_the_end()
        self._tidy()
        return Report(
            seed=self._seed,
            ordinary_s=self._calm_at - _STORM_S,
            violations=self._world.violations,
            trace=self._world.trace,
            simulated_s=self._world.now,
            ends={status.value: n for status, n in self._store.counts().items()},
        )

    def _schedule(self) -> None:
        """Let the workers submit jobs too."""
        rng = self._world.rng
        for every, seconds, overlap in _SCHEDULES:
            catchup = rng.choice(get_args(Catchup))
            job = scheduled.call(
                seconds=seconds,
                failures=rng.randint(0, 1),
                snoozes=0,
                passing=True,
                stubborn=rng.random() < 0.3,
            )
            self._engine.schedules.create(
                f"{catchup}-{overlap}",
                scheduled,
                job.params,
                schedule=Schedule(every=every, catchup=catchup, overlap=overlap),
            )

    def _name(self) -> str:
        return f"w{next(self._numbers)}"

    def _run_until(self, done: Callable[[], bool], most_s: float) -> None:
        end = self._world.now + most_s
        while self._world.now < end and not self._world.violations and not done():
            self._world.run(self._world.now + _LOOK_S)

    def _invite(self) -> None:
        """Start a client, and another one after it."""
        if self._world.now >= self._calm_at:
            return
        process = Process(self._world, f"c{next(self._numbers)}", self._client_clock)
        link = Link(self._network, process)
        self._clients.add(process)

        def leave() -> None:
            link.close()
            self._clients.remove(process)
            self._invite()

        process.on_end = leave
        client = Client(process, link, self._truth)
        process.start(partial(client.run, self._calm_at))

    def _close(self) -> None:
        """Stop the workers, and see that they end."""
        for slot in self._slots:
            slot.close()
        self._run_until(lambda: not any(slot.staff for slot in self._slots), _STOP_S)
        for slot in self._slots:
            if slot.staff is not None and not self._world.violations:
                self._world.violate(f"{slot.staff.process.name}: it does not stop")

    def _tidy(self) -> None:
        """End what a violation has interrupted."""
        staff = [slot.staff.process for slot in self._slots if slot.staff]
        for process in [*staff, *self._clients]:
            process.on_end = lambda: None
            process.kill()


def simulate(seed: int, *, live: bool = True, ordinary_s: float = 0.0) -> Report:
    """Run the world of a seed; the same seed is the same run.

    Args:
        seed: decides everything.
        live: judge while it runs too; else only the judge of the records speaks.
        ordinary_s: seconds of ordinary weather after the storm.
    """
    logger = logging.getLogger("interlock")
    level = logger.level
    logger.setLevel(logging.CRITICAL)  # what is strange elsewhere is daily life here
    try:
        return Simulation(seed, live=live, ordinary_s=ordinary_s).run()
    finally:
        logger.setLevel(level)
