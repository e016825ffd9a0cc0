"""Tells what a worker must do at shutdown, and when. Pure: no clock or signal."""

from enum import Enum, auto
from typing import Final

#: Seconds after the second signal in which ends can be written; then the worker leaves.
LEAVE_S: Final = 5.0
_NEVER: Final = float("inf")


class Step(Enum):
    """What to do. Each comes once."""

    BEGIN = auto()  # running jobs may finish
    STOP = auto()  # the grace is over: stop them, each with its own grace
    HURRY = auto()  # a second signal: stop them now
    LEAVE = auto()  # end, even if the store does not answer


class Shutdown:
    """The shutdown of one worker. Times are boot seconds."""

    def __init__(self, grace_s: float) -> None:
        self._grace_s = grace_s
        self._requests = 0
        self._has_begun = self._is_hurried = False
        self._at: dict[Step, float] = {}  # of the steps to come, in their order

    def request(self) -> None:
        """Ask for the shutdown; the second time, at once. Thread-safe."""
        self._requests += 1

    @property
    def is_requested(self) -> bool:
        """Whether the worker must claim nothing more, and end."""
        return self._requests > 0

    @property
    def is_hurried(self) -> bool:
        """Whether running jobs were stopped at once."""
        return self._is_hurried

    def due_at(self) -> float:
        """Return when the next step is due, infinity if there is none."""
        return min(self._at.values(), default=_NEVER)

    def steps(self, now: float) -> list[Step]:
        """Return the steps that are due, in their order."""
        steps: list[Step] = []
        if self._requests > 0 and not self._has_begun:
            self._has_begun = True
            self._at = {Step.STOP: now + self._grace_s}
            steps.append(Step.BEGIN)
        if self._requests > 1 and not self._is_hurried:
            self._is_hurried = True
            self._at = {Step.LEAVE: now + LEAVE_S}
            steps.append(Step.HURRY)
        due = [step for step, at in self._at.items() if now >= at]
        for step in due:
            del self._at[step]
        return steps + due
