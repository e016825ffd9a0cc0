"""Waiting jobs as a claim sees them, and what decides about their start."""

import json
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from itertools import islice
from typing import Any, Final

from interlock.core.guards import MAY_DROP
from interlock.core.limits import MAX_RUNNING, Key, Rate, keys_of, targets
from interlock_adapters.sql.schema.held import BY_JOB

KEY: Final = "key:"  # causes: all slots are taken
RATE: Final = "rate:"  # all starts of the time are used
PAUSED: Final = "paused:"
HOLD: Final = "hold:"
FAIR: Final = "fair:"
#: By what `claiming.look` returns; these jobs wait for the reaper alone.
LATE: Final = (None, "expired", "overdue")


@dataclass(slots=True)
class Candidate:
    """A waiting job."""

    id: str
    name: str
    queue: str
    urgency: int
    is_early: bool
    late: str | None  # the moment that has passed: `expired` or `overdue`
    keys: tuple[Key, ...]  # that a limit may be set for
    when_full: str | None = None
    fair_key: str | None = None
    turn: int = 0  # of a fairness key; 0: none was given yet
    may_wait: int = 0  # 1: for other jobs
    is_blocked: bool = False  # by one of them

    @property
    def may_drop(self) -> bool:
        """Whether it may be dropped where a limit is full."""
        return self.when_full in MAY_DROP

    @property
    def rank(self) -> tuple[int, int, str]:
        """The place in the order of starts."""
        return -self.urgency, self.turn, self.id

    @property
    def is_unranked(self) -> bool:
        """Whether it waits for a turn."""
        return self.fair_key is not None and self.turn == 0


@dataclass(slots=True)
class Starts:
    """The starts that the rate of a key allows now."""

    base: str
    rate: Rate
    free: list[int]  # their numbers
    opens_at: datetime | None = None  # when there is one more


@dataclass(slots=True)
class Facts:
    """What decides about the start of some candidates, of one snapshot."""

    candidates: list[Candidate] = field(default_factory=list[Candidate])
    paused: set[str] = field(default_factory=set[str])
    holds: set[str] = field(default_factory=set[str])  # their targets
    has_due: bool = False  # some jobs are to be promoted first
    #: The free numbers of each key whose running jobs are limited.
    free: dict[str, list[int]] = field(default_factory=dict[str, list[int]])
    limits: dict[str, int] = field(default_factory=dict[str, int])  # of these keys
    #: The rate of each key that has one, with what its limit is set for.
    rates: dict[str, tuple[str, Rate]] = field(
        default_factory=dict[str, tuple[str, Rate]]
    )
    starts: dict[str, Starts] = field(default_factory=dict[str, Starts])  # of rates

    def cause(self, job: Candidate) -> str | None:
        """Return the first cause that keeps a job from starting, None if there is none.

        A job is parked on it.
        """
        if not (job.is_blocked or job.is_early or job.late or self._may_block):
            return None
        return next(self.causes(job), None)

    @property
    def _may_block(self) -> bool:
        """Whether anything here may keep a job from starting."""
        return bool(self.paused or self.holds or self.free or self.starts)

    def causes(self, job: Candidate) -> Iterator[str]:
        """Yield all causes that keep a job from starting."""
        if job.is_blocked:
            yield BY_JOB
        if job.is_early:
            yield "due"
        if job.late is not None:
            yield job.late
        if job.queue in self.paused:
            yield PAUSED + job.queue
        if self.holds:
            held = (target for target in targets(job.keys) if target in self.holds)
            yield from (HOLD + target for target in held)
        for key, _, weight in job.keys:
            if key in self.free and len(self.free[key]) < weight:
                yield KEY + key
            if key in self.starts and len(self.starts[key].free) < weight:
                yield RATE + key

    def add(self, other: "Facts") -> None:
        """Take the facts of other candidates too."""
        self.paused |= other.paused
        self.holds |= other.holds
        self.free |= other.free
        self.rates |= other.rates
        self.starts |= other.starts


def facts_of(found: Iterable[Any]) -> Facts:
    """Return the facts in the rows of `claiming.look`."""
    facts = Facts()
    limits: dict[str, tuple[int | None, Rate | None]] = {}
    taken: dict[str, set[int]] = {}
    for row in found:
        kind, text, name, queue, number, one, two, keys, *more = row
        if kind == "job":
            own = keys_of(name, queue, json.loads(keys) if keys else None)
            job = Candidate(
                *(text, name, queue, number, bool(one), LATE[two], own),
                *more,
            )
            facts.candidates.append(job)
        elif kind == "paused":
            facts.paused.add(text)
        elif kind == "hold":
            facts.holds.add(text)
        elif kind == "limit":
            limits[text] = number, Rate(one, two) if one else None
        elif kind == "slot":
            taken.setdefault(text, set()).add(number)
        else:
            facts.has_due = True
    facts.candidates.sort(key=lambda job: job.rank)
    if limits:
        _apply_limits(facts, limits, taken)
    return facts


def _apply_limits(
    facts: Facts,
    limits: Mapping[str, tuple[int | None, Rate | None]],
    taken: Mapping[str, set[int]],
) -> None:
    for job in facts.candidates:
        for key, base, _ in job.keys:
            most, rate = limits.get(key) or limits.get(base) or (None, None)
            if most is not None and key not in facts.free:
                facts.free[key] = free_numbers(taken.get(key, ()), most)
                facts.limits[key] = most
            if rate is not None:
                facts.rates[key] = base, rate


def free_numbers(taken: Collection[int], most: int) -> list[int]:
    """Return the numbers that may be taken one after the other, lowest first.

    As many as there is room for: after a limit was lowered, numbers beyond it are taken
    (`trigger_rules.slot_rules`).
    """
    numbers = (n for n in range(1, most + 1) if n not in taken)
    room = max(0, most - len(taken))
    return list(islice(numbers, min(room, MAX_RUNNING)))
