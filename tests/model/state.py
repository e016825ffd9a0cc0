"""What the model knows of the world: one job's row, who holds an attempt, one reaper.

Named tuples, not dataclasses: a search hashes a million of them.
"""

from enum import StrEnum
from typing import NamedTuple, TypeVar

from interlock.core.lifecycle import INITIAL, TERMINAL, JobStatus, StopCause

WORKERS = 2
MAX_ATTEMPTS = 2
MAX_LOSSES = 2


class Exit(StrEnum):
    """How the main process of an attempt ended, as its worker read it."""

    NONE = "none"
    RETURNED = "returned"
    FAILED = "failed"
    GAVE_BACK = "gave back"  # it asked to go on later
    KILLED = "killed"  # by its shim: asked to, fenced, or the shim itself was killed


class Link(StrEnum):
    """Whether a worker reaches the store."""

    REACHABLE = "reachable"
    CUT = "cut"  # partitioned, stalled or waiting for a database that does not answer
    DEAD = "dead"  # kill -9


class Parents(StrEnum):
    """How those that the job depends on stand to its start."""

    DONE = "done"  # there is none, or all have ended as it needs
    AWAITED = "awaited"
    FAILED = "failed"  # one has not succeeded, and the policy is cancel


class Row(NamedTuple):
    """The job's columns that a guard reads."""

    status: JobStatus = INITIAL
    attempt: int = 0
    failures: int = 0
    losses: int = 0
    cancel: bool = False
    stop: StopCause | None = None
    leased: bool = False
    on_timeout: bool = False  # the job's Retry.on_timeout; never changes
    held: bool = False  # somebody holds it
    parents: Parents = Parents.DONE
    awaits: bool = False  # jobs, for which its last attempt gave itself back

    @property
    def running(self) -> bool:
        """Whether it is neither waiting nor at its end."""
        return self.status is not INITIAL and self.status not in TERMINAL


class Holder(NamedTuple):
    """A worker with an attempt, and the process tree of that attempt."""

    attempt: int
    exit: Exit = Exit.NONE
    alive: bool = True  # some process of the tree; may outlive the main process
    link: Link = Link.REACHABLE
    supervised: bool = True  # its shim lives


class Reading(NamedTuple):
    """What the reaper read some time ago and is about to act upon."""

    attempt: int
    domain_empty: bool


class State(NamedTuple):
    """The world. A worker without an attempt is not listed: it is one of `WORKERS`."""

    row: Row
    holders: tuple[Holder, ...] = ()
    reading: Reading | None = None

    def current(self) -> Holder | None:
        """Return the holder of the row's attempt."""
        mine = self.row.attempt
        return next((each for each in self.holders if each.attempt == mine), None)


_Numbered = TypeVar("_Numbered", Holder, Reading)


def canonical(state: State) -> State:
    """Return the one state that stands for all that differ in names only.

    Workers have no names: they are sorted. Attempts are only ever compared with the
    row's, which only grows: the row's becomes 1 and every older one 0, so that the
    search is complete for any number of attempts. A dead worker without processes is
    as good as a new one. Beyond its budget one count is as bad as the next, so that
    also a search without budgets ends.
    """
    row, holders, reading = state
    last = row.attempt
    if holders:
        holders = tuple(
            sorted(
                _renumbered(holder, last)
                for holder in holders
                if holder.alive or holder.link is not Link.DEAD
            )
        )
    if reading:
        reading = _renumbered(reading, last)
    if last > 1 or row.failures > MAX_ATTEMPTS or row.losses > MAX_LOSSES:
        row = row._replace(
            attempt=min(last, 1),
            failures=min(row.failures, MAX_ATTEMPTS),
            losses=min(row.losses, MAX_LOSSES + 1),
        )
    return State(row, holders, reading)


def _renumbered(entry: _Numbered, last: int) -> _Numbered:
    number = min(last, 1) if entry.attempt == last else 0
    return entry if entry.attempt == number else entry._replace(attempt=number)
