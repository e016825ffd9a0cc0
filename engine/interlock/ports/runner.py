"""What the engine needs of whatever runs its jobs, and of what it waits for."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import Protocol

from interlock.core.lifecycle import StopCause
from interlock.core.observations import Launch, Observation


class Source(Protocol):
    """What becomes readable, for poll(2)."""

    def fileno(self) -> int:
        """Return a file descriptor that is readable when there is something."""
        ...


class Wakeup(Protocol):
    """Tells a waiter that the store may have changed. False alarms are allowed."""

    def wait(self, timeout_s: float, sources: Iterable[Source] = ()) -> bool:
        """Wait until a source is readable, the store changed, or the time is over.

        Returns:
            Whether the store has changed by another hand since the last call.
        """
        ...

    def wake(self) -> None:
        """Make a `wait` in another thread return at once."""
        ...

    def close(self) -> None:
        """Release what it holds."""
        ...


class Execution(Protocol):
    """One attempt that runs."""

    @property
    def supervised(self) -> bool:
        """Whether something still holds its lease; False: never renew it again."""
        ...

    def fileno(self) -> int:
        """Return a descriptor that is readable when `observe` has something."""
        ...

    def observe(self) -> list[Observation]:
        """Return what happened since the last call, in order; never block.

        TreeDead comes exactly once, last, and only when it is true.
        """
        ...

    def stop(self, cause: StopCause, grace_s: float) -> None:
        """Tell the job (SIGTERM), and kill its tree when the grace is over."""
        ...

    def kill(self) -> None:
        """Kill the tree now."""
        ...

    def reply(self, answer: Mapping[str, object]) -> None:
        """Tell the job what its worker has done for it; JSON of up to 4000 bytes."""
        ...

    def extend(self, lease_deadline: float) -> None:
        """Put off the moment at which the tree is killed unasked."""
        ...


class Runner(Protocol):
    """Starts attempts, each in a kill domain of its own."""

    containment: str

    @property
    def domain(self) -> str | None:
        """The kill domain of all that it runs, None if there is no one such."""
        ...

    @property
    def is_ready(self) -> bool:
        """Whether it can start attempts; False: claim nothing for it now."""
        ...

    def start(self, launch: Launch) -> Execution:
        """Start one attempt; return at once. A failure to start is an ExitSeen."""
        ...

    def sources(self) -> Sequence[Source]:
        """Return what else the worker's loop should watch (`tend` is called then)."""
        ...

    def proved_empty(self, domain: str) -> bool:
        """Whether a dead worker's kill domain of this host is proved empty."""
        ...

    def sweep(self, attempts: Collection[tuple[str, int]]) -> set[str]:
        """Kill what is left on this host of lost attempts, (job id, attempt) each.

        Returns:
            The jobs of which something is still alive: they must not run again yet.
        """
        ...

    def tend(self) -> None:
        """Look after the runner's own processes; never block."""
        ...

    def close(self) -> None:
        """Kill what still runs and release everything."""
        ...
