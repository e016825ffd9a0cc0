"""Rules that a single row of `job` must fulfill, and constants as SQL."""

from dataclasses import fields
from typing import Final

from interlock.core.job import NewJob
from interlock.core.lifecycle import INITIAL, TERMINAL, Event, JobStatus, row_of


def quoted(words: object) -> str:
    """Return a list of constants as SQL literals."""
    return ", ".join(f"'{word}'" for word in sorted(words))  # type: ignore[call-overload]  # any iterable of StrEnum


def found_in(status: JobStatus, row: str = "") -> str:
    """Return that a row, found by its id, is in a status; `row` is a prefix, `job.`.

    No index of a status fits these words. One that does is walked to its end for each
    id, where a database takes it for small.
    """
    return f"{row}status || '' = '{status}'"


RUNNING = row_of(Event.CLAIM).target
SUCCEEDED = row_of(Event.SUCCEED).target
LIVE = frozenset(JobStatus) - TERMINAL

#: Rules that one row shows by itself; CHECKs here, and again in the triggers, since
#: SQLite can be told to ignore CHECKs (PRAGMA ignore_check_constraints).
ROW_RULES = {
    "status": f"{{r}}status IN ({quoted(JobStatus)})",
    "finished": f"({{r}}status IN ({quoted(TERMINAL)}))"
    " = ({r}finished_at IS NOT NULL)",
    "leased": f"({{r}}status = '{RUNNING}') = ({{r}}lease_until_us IS NOT NULL"
    " AND {r}lease_epoch IS NOT NULL)",
    "owned": f"{{r}}status <> '{RUNNING}' OR ({{r}}worker_id IS NOT NULL"
    " AND {r}started_at IS NOT NULL)",
    "result": f"{{r}}result IS NULL OR {{r}}status = '{SUCCEEDED}'",
    "pending": f"{{r}}status <> '{INITIAL}' OR ({{r}}stop_cause IS NULL"
    " AND {r}proof IS NULL AND {r}lease_until_us IS NULL AND {r}lease_epoch IS NULL)",
    "counters": "{r}attempt >= 0 AND {r}failures >= 0 AND {r}losses >= 0",
}

#: The columns of fields that have another name.
COLUMN_OF: Final = {"version": "write_seq"}
#: The columns of what is submitted, each named as its field of `NewJob`.
SUBMITTED: Final = tuple(field.name for field in fields(NewJob))
#: Columns that hold JSON, as text.
JSON_COLUMNS: Final = frozenset(
    {"params", "retry", "metadata", "keys", "result", "error", "progress"}
    | {"death", "finalizer", "secret"}
)
#: Columns that are read out of the policy `retry`, for the guards.
_OF_RETRY: Final = ("max_attempts", "retry_on_timeout")
#: What was submitted never changes, but for the moment of the next attempt.
IMMUTABLE: Final = tuple(
    column
    for name in SUBMITTED
    if name != "run_at"
    for column in ((*_OF_RETRY, name) if name == "retry" else (name,))
)
