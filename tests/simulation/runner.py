"""Simulated hosts, and a `Runner` on one of them."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass, field

from interlock.core.observations import Launch
from interlock.ports.runner import Execution, Source

from .processes import Process
from .shim import Shim
from .trees import Forest
from .world import HostClock


@dataclass(slots=True)
class Host:
    """A machine: what runs on it is seen by whoever is on it too."""

    name: str
    clock: HostClock
    runners: dict[str, HostRunner] = field(default_factory=dict)


class HostRunner:
    """See `Runner`. Its kill domain is named after its worker."""

    containment = "namespace"
    place = "memory"
    trouble: str | None = None
    is_ready = True

    def __init__(self, host: Host, worker: Process, forest: Forest) -> None:
        self.domain: str | None = worker.name
        self.shims: list[Shim] = []
        self.closed = False
        self._host = host
        self._worker = worker
        self._forest = forest
        host.runners[worker.name] = self

    def memory_bytes(self) -> int | None:
        return None

    @property
    def empty(self) -> bool:
        """Whether its zygote has ended, as the last of its domain."""
        return self.closed and all(shim.done for shim in self.shims)

    def start(self, launch: Launch) -> Execution:
        """See `Runner.start`."""
        self.shims = [shim for shim in self.shims if not shim.done]
        shim = Shim(self._worker, self._forest, launch)
        self.shims.append(shim)
        return shim

    def sources(self) -> Sequence[Source]:
        """See `Runner.sources`."""
        return ()

    def proved_empty(self, domain: str) -> bool:
        """See `Runner.proved_empty`."""
        runner = self._host.runners.get(domain)  # none of another host is seen
        return runner is not None and runner.empty

    def sweep(self, attempts: Collection[tuple[str, int]]) -> set[str]:
        """See `Runner.sweep`."""
        alive = set()
        for runner in self._host.runners.values():
            for shim in runner.shims:
                job = shim.launch.job
                if (job.id, job.attempt) in attempts and not shim.done:
                    shim.kill()
                    alive.add(job.id)
        return alive

    def tend(self) -> None:
        """See `Runner.tend`."""

    def close(self) -> None:
        """See `Runner.close`; also what the kernel does when the worker is gone."""
        if not self.closed:
            self.closed = True
            for shim in self.shims:
                shim.lose_worker()
