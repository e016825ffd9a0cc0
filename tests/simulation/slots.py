"""The place of a worker: whoever works there, with its links and what it started."""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Final, cast

from interlock.api import inputs
from interlock.api.engine import Engine, submit_children
from interlock.api.job_requests import JobRequests
from interlock.api.step_desk import StepDesk
from interlock.ports.store import JobStore
from interlock.worker.loop import Worker
from interlock.worker.settings import WorkerSettings

from .jobs import ALL
from .network import Link, Network
from .processes import Process
from .runner import Host, HostRunner
from .trees import Forest
from .world import World

_JOBS: Final = {job.name: job for job in ALL}


@dataclass(frozen=True, slots=True, kw_only=True)
class Staff:
    """One run of a worker process."""

    process: Process
    link: Link
    runner: HostRunner
    worker: Worker


class Slot:
    """Starts a worker whenever the last one has ended, until it is closed."""

    def __init__(self, world: World, host: Host, settings: WorkerSettings) -> None:
        self.staff: Staff | None = None
        self.closed = False
        self._world = world
        self._host = host
        self._settings = settings

    def hire(self, name: Callable[[], str], network: Network, forest: Forest) -> None:
        """Start a worker, and another one after it."""
        if self.closed:
            return
        process = Process(self._world, name(), self._host.clock)
        link = Link(network, process)
        runner = HostRunner(self._host, process, forest)
        store = cast("JobStore", link)
        submit = partial(submit_children, Engine(store, clock=process.clock))
        worker = Worker(
            store,
            runner,
            _JOBS,
            self._settings,
            self._host.clock,
            answer=JobRequests(
                inputs=partial(inputs.page, store),
                desk=partial(StepDesk, store, submit),
                url=None,
            ).answer,
            rng=random.Random(self._world.rng.random()),
        )
        network.store.living.add(worker.id)
        self.staff = Staff(process=process, link=link, runner=runner, worker=worker)

        def replace() -> None:
            runner.close()
            link.close()
            network.store.living.discard(worker.id)
            self.staff = None
            again = partial(self.hire, name, network, forest)
            self._world.after(self._world.rng.uniform(0.1, 20), again)

        process.on_end = replace
        process.start(worker.run)

    def close(self) -> None:
        """Stop the worker; none follows."""
        self.closed = True
        if self.staff is not None:
            self.staff.worker.stop()

    @property
    def is_well(self) -> bool:
        """Whether somebody works here, is awake and reaches the store."""
        staff = self.staff
        return staff is not None and staff.link.is_up and staff.process.is_awake
