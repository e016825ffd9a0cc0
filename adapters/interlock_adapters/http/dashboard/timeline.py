"""A job's life as one bar: when it waited, and when which attempt of it ran."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from interlock.core.job import Attempt, Job

WIDTH: Final = 1000


@dataclass(frozen=True, slots=True, kw_only=True)
class Stretch:
    """One attempt on the bar."""

    attempt: Attempt
    x: int
    width: int
    seconds: float


def timeline(job: Job, attempts: Sequence[Attempt]) -> list[Stretch]:
    """Return the attempts in their places between submit and end (or now)."""
    end = job.finished_at or job.read_at
    whole = max((end - job.created_at).total_seconds(), 0.001)

    def at(moment: datetime) -> int:
        share = (moment - job.created_at).total_seconds() / whole
        return round(WIDTH * min(1.0, max(0.0, share)))

    stretches = []
    for attempt in attempts:
        ended = attempt.ended_at or end
        left = at(attempt.claimed_at)
        stretches.append(
            Stretch(
                attempt=attempt,
                x=left,
                width=max(3, at(ended) - left),
                seconds=(ended - attempt.claimed_at).total_seconds(),
            )
        )
    return stretches
