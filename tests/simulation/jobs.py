"""The jobs of the simulation. Nobody calls them: their trees do what params say."""

from __future__ import annotations

from typing import Final

from interlock import job

NARROW: Final = "simulation.narrow"
SINGLE: Final = "simulation.single"
#: The most jobs of a name that may run.
LIMITS: Final = {NARROW: 2, SINGLE: 1}


@job(name="simulation.work")
def work(
    *, seconds: float, failures: int, snoozes: int, passing: bool, stubborn: bool
) -> int:
    """Run `seconds`, and return the number of the attempt.

    The first `snoozes` attempts ask to go on later instead, and those after them up to
    `failures` fail, for a `passing` reason or not. A `stubborn` one ignores SIGTERM.
    """
    raise NotImplementedError


@job(name=NARROW, max_running=LIMITS[NARROW])
def narrow(
    *, seconds: float, failures: int, snoozes: int, passing: bool, stubborn: bool
) -> int:
    """See `work`."""
    raise NotImplementedError


@job(name=SINGLE, max_running=LIMITS[SINGLE])
def single(
    *, seconds: float, failures: int, snoozes: int, passing: bool, stubborn: bool
) -> int:
    """See `work`."""
    raise NotImplementedError
