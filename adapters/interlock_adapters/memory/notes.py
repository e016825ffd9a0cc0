"""Keeps the notes of running jobs in memory: log lines, progress, use of resources."""

from dataclasses import replace
from typing import Any

from interlock.core.lifecycle import Event, row_of
from interlock.core.records import (
    KillUnconfirmed,
    LogLine,
    Note,
    ProgressNote,
    Started,
    Used,
)
from interlock_adapters.memory.records import Records

_RUNNING = row_of(Event.CLAIM).target


class Notes:
    """What a worker notes of the attempts that it runs."""

    def __init__(self, records: Records) -> None:
        self._records = records

    def store(self, note: Note) -> None:
        """Store a note of a job that exists."""
        job = self._records.jobs[note.job_id]
        if isinstance(note, LogLine):
            self._records.lines += 1
            self._records.log[job.id].append(replace(note, seq=self._records.lines))
        elif isinstance(note, ProgressNote | KillUnconfirmed):
            if job.attempt == note.attempt and job.status is _RUNNING:
                changed = (
                    {"progress": note.progress}
                    if isinstance(note, ProgressNote)
                    else {"kill_unconfirmed": True}
                )
                self._records.put(replace(job, **changed))
        elif isinstance(note, Started):
            self._update_attempt(
                note,
                pid=note.pid,
                containment=note.containment,
                started_at=note.at,
            )
        elif isinstance(note, Used):
            self._update_attempt(
                note,
                peak_memory_bytes=note.peak_memory_bytes,
                cpu_seconds=note.cpu_seconds,
            )

    def _update_attempt(self, note: Started | Used, **values: Any) -> None:
        """Store a note of an attempt; an ended attempt does not change."""
        noted = {name: value for name, value in values.items() if value is not None}
        attempts = self._records.attempts[note.job_id]
        for index, attempt in enumerate(attempts):
            if attempt.attempt == note.attempt and attempt.outcome is None:
                attempts[index] = replace(attempt, **noted)
