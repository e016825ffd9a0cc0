"""The periodic duties of a worker: what to do, how often, and when next."""

from collections.abc import Callable
from dataclasses import dataclass


def _always() -> bool:
    return True


@dataclass(slots=True, kw_only=True)
class Duty:
    """Something that the worker does again and again.

    Times are boot seconds. `next_at` may be changed from outside, to do it earlier.
    """

    name: str
    run: Callable[[float], None]  # gets the time at which the turn began
    period_s: float | None  # None: `run` sets `next_at`
    early_s: float = 0.0  # it may run this much before its time
    is_needed: Callable[[], bool] = _always
    next_at: float = 0.0

    @property
    def due_at(self) -> float:
        """When the worker must wake up for it; never, while it is not needed."""
        return self.next_at if self.is_needed() else float("inf")

    def is_due(self, now: float) -> bool:
        """Whether to perform it now."""
        return now + self.early_s >= self.next_at and self.is_needed()

    def perform(self, now: float) -> None:
        """Run it. If that fails, it is due again after its period, not at once."""
        if self.period_s is not None:
            self.next_at = now + self.period_s
        self.run(now)
