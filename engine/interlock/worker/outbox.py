"""Buffers logs and progress of running attempts for the next transaction."""

from collections.abc import Collection
from datetime import datetime, timedelta
from itertools import islice
from typing import Final

from interlock.core.job import Job
from interlock.core.observations import Output, PidSeen, TreeDead, Unconfirmed
from interlock.core.progress import Progress
from interlock.core.records import (
    KillUnconfirmed,
    LogLine,
    Note,
    ProgressNote,
    Started,
    Used,
)

_MANY: Final = 2000  # of jobs that go on, in one transaction
_EVERY_S: Final = 0.1  # logs and progress by themselves; with a move, at once


class Outbox:
    """The notes that are not stored yet, in their order."""

    def __init__(self, containment: str) -> None:
        self._containment = containment
        self._notes: list[Note] = []
        self._stored_at = 0.0

    def take(
        self,
        job: Job,
        observation: PidSeen | Output | Progress | Unconfirmed | TreeDead,
        now: datetime,
    ) -> None:
        """Add an observation of an attempt."""
        job_id, attempt = job.id, job.attempt
        match observation:
            case PidSeen(pid=pid, age_s=age_s):
                started = Started(
                    job_id=job_id,
                    attempt=attempt,
                    pid=pid,
                    containment=self._containment,
                    at=now - timedelta(seconds=age_s),
                )
                self._notes.append(started)
            case Output(stream=stream, lines=lines):
                self._notes += [
                    LogLine(
                        job_id=job_id, attempt=attempt, at=now, stream=stream, text=text
                    )
                    for text in lines
                ]
            case Progress():
                last = ProgressNote(
                    job_id=job_id, attempt=attempt, progress=observation
                )
                self._notes = [note for note in self._notes if not _is_old(note, job)]
                self._notes.append(last)
            case Unconfirmed():
                self._notes.append(KillUnconfirmed(job_id=job_id, attempt=attempt))
            case TreeDead(peak_memory_bytes=None, cpu_seconds=None):
                pass
            case TreeDead(peak_memory_bytes=peak, cpu_seconds=seconds):
                used = Used(
                    job_id=job_id,
                    attempt=attempt,
                    peak_memory_bytes=peak,
                    cpu_seconds=seconds,
                )
                self._notes.append(used)

    def due_at(self) -> float:
        """Return when notes must be written, if no move is written before."""
        return self._stored_at + _EVERY_S if self._notes else float("inf")

    def due(self, *, now: float, moving: Collection[str]) -> list[Note]:
        """Return the notes to write now: all of jobs with a move, and some others.

        Their number is limited, because a worker that writes for long renews no lease.
        """
        if not moving and now < self.due_at():
            return []
        moving_notes = [note for note in self._notes if note.job_id in moving]
        other_notes = (note for note in self._notes if note.job_id not in moving)
        return moving_notes + list(islice(other_notes, _MANY))

    def stored(self, notes: list[Note], *, now: float) -> None:
        """Remove the notes that are written."""
        if notes:
            stored_ids = set(map(id, notes))
            self._notes = [note for note in self._notes if id(note) not in stored_ids]
            self._stored_at = now


def _is_old(note: Note, job: Job) -> bool:
    """Whether a note is an earlier progress of the job: only the last one counts."""
    return isinstance(note, ProgressNote) and note.job_id == job.id
