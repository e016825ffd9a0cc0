"""Buffers logs and progress of running attempts for the next transaction."""

from collections import Counter
from collections.abc import Collection, Iterable
from datetime import datetime, timedelta
from itertools import chain, islice
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

_MANY: Final = 2000  # in one transaction: who writes for long renews no lease
_EVERY_S: Final = 0.1  # logs and progress by themselves; with a move, at once


class Outbox:
    """The notes that are not stored yet, in their order."""

    def __init__(self, containment: str) -> None:
        self._containment = containment
        self._notes: list[Note] = []
        self._progress: dict[str, ProgressNote] = {}  # only the last of a job counts
        self._ending: set[str] = set()  # jobs whose end waits for their notes
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
                self._progress[job_id] = last
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
        if self._ending:
            return 0.0
        has_some = bool(self._notes or self._progress)
        return self._stored_at + _EVERY_S if has_some else float("inf")

    def writable(self, ends: Iterable[str]) -> set[str]:
        """Return of which ending jobs all notes fit into one transaction.

        The notes of the others are written first, over several transactions.
        """
        ending = list(ends)
        self._ending = set()
        if len(self._notes) + len(self._progress) <= _MANY:
            return set(ending)
        counts = Counter(note.job_id for note in self._notes)
        counts.update(self._progress.keys())
        writable: set[str] = set()
        room = _MANY
        for job_id in ending:
            if counts[job_id] <= room:
                room -= counts[job_id]
                writable.add(job_id)
            else:
                self._ending.add(job_id)
        return writable

    def due(self, *, now: float, moving: Collection[str]) -> list[Note]:
        """Return the notes to write now: all of jobs that end, and some others.

        `moving` are ends that are `writable`. The jobs whose end waits come next.
        """
        if not moving and now < self.due_at():
            return []
        notes = [*self._notes, *self._progress.values()]
        if len(notes) <= _MANY:
            return notes
        first = [note for note in notes if note.job_id in moving]
        next_ = [note for note in notes if note.job_id in self._ending]
        known = self._ending.union(moving)
        others = (note for note in notes if note.job_id not in known)
        room = max(0, _MANY - len(first))
        return first + list(islice(chain(next_, others), room))

    def stored(self, notes: list[Note], *, now: float) -> None:
        """Remove the notes that are written."""
        if notes:
            stored_ids = set(map(id, notes))
            self._notes = [note for note in self._notes if id(note) not in stored_ids]
            for job_id, note in list(self._progress.items()):
                if id(note) in stored_ids:
                    del self._progress[job_id]
            self._stored_at = now
