"""How far a running job is. Apart from `job`: the process of every job imports it."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Progress:
    """How far a running job says it is."""

    phase: str | None = None
    completed: float | None = None
    total: float | None = None
    unit: str | None = None
    message: str | None = None
