"""The port `Runner`, which runs jobs, and the things that a worker waits for."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import Protocol

from interlock.core.lifecycle import StopCause
from interlock.core.observations import Launch, Observation


class Source(Protocol):
    """A file descriptor to wait for with poll(2)."""

    def fileno(self) -> int:
        """Return a file descriptor that is readable when there is something."""
        ...


class Wakeup(Protocol):
    """Wakes a waiter when the store may have changed. False alarms are allowed."""

    def wait(self, timeout_s: float, sources: Iterable[Source] = ()) -> bool:
        """Wait until a source is readable, the store changed, or the time is over.

        Returns:
            Whether another process or thread has changed the store since the last call.
        """
        ...

    def wake(self) -> None:
        """Make a `wait` in another thread return at once."""
        ...

    def close(self) -> None:
        """Release what it holds."""
        ...


class Execution(Protocol):
    """One running attempt."""

    @property
    def supervised(self) -> bool:
        """Whether its supervisor is alive; False: never renew its lease again."""
        ...

    def fileno(self) -> int:
        """Return a descriptor that is readable when `observe` has something."""
        ...

    def observe(self) -> list[Observation]:
        """Return what happened since the last call, in order; never block.

        TreeDead comes exactly once, as the last one, and only if the tree is dead.
        """
        ...

    def stop(self, cause: StopCause, grace_s: float) -> None:
        """Send SIGTERM to the job, and kill its tree when the grace is over."""
        ...

    def kill(self) -> None:
        """Kill the tree now."""
        ...

    def reply(self, answer: Mapping[str, object]) -> None:
        """Send the job the answer to its request; JSON of up to 4000 bytes."""
        ...

    def extend(self, lease_deadline: float) -> None:
        """Extend the lease: move the time at which the supervisor kills the tree."""
        ...


class Runner(Protocol):
    """Starts attempts, each in a kill domain of its own."""

    containment: str
    place: str  # the mark of the store's place, which its processes carry

    @property
    def domain(self) -> str | None:
        """The kill domain of everything that it runs, None if there is not only one."""
        ...

    @property
    def is_ready(self) -> bool:
        """Whether it can start attempts; False: the worker must not claim now."""
        ...

    @property
    def trouble(self) -> str | None:
        """Why it cannot start attempts for long, in words; None: it can, or soon."""
        ...

    def memory_bytes(self) -> int | None:
        """Return the memory of the worker and all that it has started, if known."""
        ...

    def start(self, launch: Launch) -> Execution:
        """Start one attempt, and return at once. A failed start gives an ExitSeen."""
        ...

    def sources(self) -> Sequence[Source]:
        """Return more sources for the worker's loop; when one is ready, call `tend`."""
        ...

    def proved_empty(self, domain: str) -> bool:
        """Whether a dead worker's kill domain of this host is proved empty."""
        ...

    def sweep(self, attempts: Collection[tuple[str, int]]) -> set[str]:
        """Kill the processes of lost attempts on this host; (job id, attempt) each.

        Returns:
            The jobs with processes that are still alive: do not rescue them yet.
        """
        ...

    def tend(self) -> None:
        """Look after the runner's own processes; never block."""
        ...

    def close(self) -> None:
        """Kill what still runs and release everything."""
        ...
