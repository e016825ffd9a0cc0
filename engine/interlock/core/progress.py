"""The progress of a running job.

Separate from `job`, because the process of every job imports it.
"""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Progress:
    """The progress that a running job reports."""

    phase: str | None = None
    completed: float | None = None
    total: float | None = None
    unit: str | None = None
    message: str | None = None
