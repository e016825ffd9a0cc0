"""The jobs of the simulation. Nobody calls them: their trees do what params say."""

from __future__ import annotations

from typing import Final

from interlock import Job, Limit, Retry, job

NARROW: Final = "simulation.narrow"
SINGLE: Final = "simulation.single"
STEPPED: Final = "simulation.stepped"
ON_PURPOSE: Final = "on purpose"  # what a job says that fails
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


@job(
    name="simulation.keyed",
    concurrency=[Limit("group:{stubborn}", max_running=1, rate_limit="4/20s")],
)
def keyed(
    *, seconds: float, failures: int, snoozes: int, passing: bool, stubborn: bool
) -> int:
    """See `work`. It shares a limit with those that are as `stubborn`."""
    raise NotImplementedError


@job(name="simulation.latest", exclusive=["passing"], when_full="replace")
def latest(
    *, seconds: float, failures: int, snoozes: int, passing: bool, stubborn: bool
) -> int:
    """See `work`. The newest wins, of those that fail for the same reason."""
    raise NotImplementedError


@job(name="simulation.scheduled")
def scheduled(
    *, seconds: float, failures: int, snoozes: int, passing: bool, stubborn: bool
) -> int:
    """See `work`. The schedules submit it."""
    raise NotImplementedError


@job(name="simulation.sweep", retry=Retry(max_attempts=2, backoff=1), max_losses=50)
def sweep(
    *, seconds: float, failures: int, snoozes: int, passing: bool, stubborn: bool
) -> int:
    """See `work`. It cleans up after each attempt of `swept`."""
    raise NotImplementedError


@job(name="simulation.swept", finalizer=sweep)
def swept(
    *, seconds: float, failures: int, snoozes: int, passing: bool, stubborn: bool
) -> int:
    """See `work`. Another job cleans up after each attempt."""
    raise NotImplementedError


@job(name=STEPPED)
def stepped(
    *, seconds: float, failures: int, snoozes: int, passing: bool, stubborn: bool
) -> int:
    """See `work`. Before, it does what `body` says, once."""
    raise NotImplementedError


SUBMITTED: Final = (work, narrow, single, keyed, latest, swept, stepped)  # by clients
ALL: Final = (*SUBMITTED, scheduled, sweep)


def label(submitted: Job) -> str:
    """Return what a job is called; its id is another one in each run of a seed."""
    of_schedule = f"{submitted.schedule} of {submitted.scheduled_for}"
    return str(submitted.metadata.get("label", of_schedule))
