"""A store in memory, for tests and trials. Everything is lost on exit."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from copy import copy, deepcopy
from dataclasses import replace
from datetime import timedelta
from typing import Any

from interlock.core.errors import (
    DuplicateJob,
    InterlockError,
    InvalidOption,
    JobNotFound,
)
from interlock.core.guards import (
    NOT_MOVES,
    Facts,
    facts_of,
    refusal,
    unmet,
    version_changed,
)
from interlock.core.job import Attempt, HistoryEntry, Job, Move, NewJob, Rejection
from interlock.core.lifecycle import SUBMIT, Event, JobStatus, row_of
from interlock.core.machine import legal
from interlock.core.records import (
    ClaimRequest,
    KillUnconfirmed,
    LogLine,
    Note,
    ProgressNote,
    Running,
    Started,
    Used,
)
from interlock.ports.clock import Clock
from interlock.ports.runner import Wakeup
from interlock_adapters.memory.maintenance import Maintenance
from interlock_adapters.memory.reads import MemoryWakeup, as_running
from interlock_adapters.memory.rules import moved, same_call

_CLAIM = row_of(Event.CLAIM)
_US = 1_000_000
_RECORDS = (
    *("_jobs", "_open", "_history", "_attempts", "_log", "_rejections", "_lines"),
    *("_feed", "_answers"),
)


class MemoryStore(Maintenance):
    """See `JobStore`. Jobs in a dict, under one lock."""

    def add(self, jobs: Sequence[NewJob], *, connection: object = None) -> list[Job]:
        """See `JobStore.add`."""
        if connection is not None:
            message = "memory: has no tables to share a transaction with. Leave it out."
            raise InvalidOption.because("connection", f"connection= with {message}")
        with self._lock, self.together():
            added = [self._add(new) for new in jobs]
        self._ring()
        return added

    def _add(self, new: NewJob) -> Job:
        for job in self._jobs.values():
            if new.id == job.id:
                raise DuplicateJob("id", new.id, job.id, "ids are used once")
            if new.idempotency_key and new.idempotency_key == job.idempotency_key:
                if same_call(job, new):
                    return job
                why = "it has another name or other params"
                key = new.idempotency_key
                raise DuplicateJob("idempotency_key", key, job.id, why)
            if (
                new.unique_key
                and new.unique_key == job.unique_key
                and not job.is_terminal
            ):
                why = f"it is {job.status}"
                raise DuplicateJob("unique_key", new.unique_key, job.id, why)
        fields = {name: getattr(new, name) for name in new.__dataclass_fields__}
        fields |= {name: deepcopy(fields[name]) for name in ("params", "metadata")}
        job = Job(**fields, read_at=self._clock.now())
        self._put(job)
        self._record(job, SUBMIT, None, job.submitted_by or "client", None)
        return job

    def _record(
        self,
        job: Job,
        event: str,
        source: JobStatus | None,
        actor: str,
        why: str | None,
    ) -> None:
        entries = self._history.setdefault(job.id, [])
        at = job.created_at if source is None else job.read_at
        entry = HistoryEntry(
            job_id=job.id,
            seq=len(entries) + 1,
            event=event,
            source=source,
            target=job.status,
            at=at,
            actor=actor,
            reason=why,
            attempt=job.attempt,
        )
        entries.append(entry)
        place = self.feed_end()._replace(job_id=job.id, seq=entry.seq)
        self._feed.append((place, entry))

    def claim(self, request: ClaimRequest) -> list[Job]:
        """See `JobStore.claim`."""
        with self._lock:
            waiting = [
                job
                for job in self._select(_CLAIM.source)
                if job.name in request.names
                and (request.queues is None or job.queue in request.queues)
            ]
            claimed: list[Job] = []
            for job in sorted(waiting, key=lambda job: (-job.priority, job.id)):
                if len(claimed) == request.limit:
                    break
                allowed = self._limits.get(job.name)
                facts = Facts(
                    now=request.now,
                    queue_open=not self._paused.get(job.queue, False),
                    slot_free=allowed is None or self._running(job.name) < allowed,
                )
                if unmet(Event.CLAIM, job, facts) is None:
                    claimed.append(self._claim(job, request))
            return claimed

    def _claim(self, job: Job, request: ClaimRequest) -> Job:
        lease_us = round((self._clock.boot() + request.lease.total_seconds()) * _US)
        taken = replace(
            job,
            status=_CLAIM.target,
            attempt=job.attempt + 1,
            started_at=request.now,
            worker_id=request.worker_id,
            lease_until_us=lease_us,
            reason=None,
            error=None,
            progress=None,
            version=job.version + 1,
            read_at=request.now,
        )
        self._put(taken)
        self._record(taken, Event.CLAIM, job.status, request.worker_id, None)
        self._attempts[job.id].append(
            Attempt(
                job_id=job.id,
                attempt=taken.attempt,
                worker_id=request.worker_id,
                claimed_at=request.now,
            )
        )
        return taken

    @contextmanager
    def together(self) -> Iterator[None]:
        """See `JobStore.together`. An error puts everything back as it was."""
        with self._lock:
            before = {name: copy(getattr(self, name)) for name in _RECORDS}
            for name in ("_history", "_attempts", "_log"):
                shelf = before[name]
                for job_id in shelf:
                    shelf[job_id] = list(shelf[job_id])
            try:
                yield
            except BaseException:
                vars(self).update(before)
                raise

    def apply(self, move: Move) -> Job:
        """See `JobStore.apply`."""
        (outcome,) = self.commit([move])
        if isinstance(outcome, InterlockError):
            raise outcome
        return outcome

    def commit(
        self, moves: Sequence[Move], notes: Sequence[Note] = ()
    ) -> list[Job | InterlockError]:
        """See `JobStore.commit`."""
        with self._lock:
            for note in notes:
                if note.job_id in self._jobs:
                    self._note(note)
            outcomes = [self._move(move) for move in moves]
        self._ring()
        return outcomes

    def _move(self, move: Move) -> Job | InterlockError:
        job = self._jobs.get(move.job_id)
        if job is None:
            return JobNotFound(move.job_id)
        live = self._live(job)
        facts = facts_of(move, lease_live=live)
        fits = move.event in legal(job.status) - NOT_MOVES
        fits &= version_changed(job, move.version, move.event) is None
        if not fits or unmet(move.event, job, facts) is not None:
            error = refusal(move, job, lease_live=live)
            self._rejections.append(
                Rejection(
                    job_id=job.id,
                    event=move.event,
                    status=job.status,
                    at=move.now,
                    actor=move.actor,
                    attempt=move.attempt,
                    why=str(error),
                )
            )
            return error
        after = moved(job, move)
        self._put(after)
        reason = move.reason and move.reason.value
        why = reason if move.text is None else move.text
        self._record(after, move.event, job.status, move.actor, why)
        if after.status is not job.status and job.status is _CLAIM.target:
            self._attempts[job.id][-1] = replace(
                self._attempts[job.id][-1],
                ended_at=move.now,
                outcome=move.event,
                exit=move.exit,
                proof=move.proof,
                error=move.error,
            )
        return after

    def _note(self, note: Note) -> None:
        job = self._jobs[note.job_id]
        if isinstance(note, LogLine):
            self._lines += 1
            self._log[job.id].append(replace(note, seq=self._lines))
        elif isinstance(note, ProgressNote | KillUnconfirmed):
            if job.attempt == note.attempt and job.status is _CLAIM.target:
                changed = (
                    {"progress": note.progress}
                    if isinstance(note, ProgressNote)
                    else {"kill_unconfirmed": True}
                )
                self._put(replace(job, **changed))
        elif isinstance(note, Started):
            self._note_attempt(
                note,
                pid=note.pid,
                containment=note.containment,
                started_at=note.at,
            )
        elif isinstance(note, Used):
            self._note_attempt(
                note,
                peak_memory_bytes=note.peak_memory_bytes,
                cpu_seconds=note.cpu_seconds,
            )

    def _note_attempt(self, note: Started | Used, **told: Any) -> None:
        """Store a note of an attempt; an ended attempt does not change."""
        told = {name: value for name, value in told.items() if value is not None}
        attempts = self._attempts[note.job_id]
        for index, attempt in enumerate(attempts):
            if attempt.attempt == note.attempt and attempt.outcome is None:
                attempts[index] = replace(attempt, **told)

    def renew(
        self, worker_id: str, attempts: Mapping[str, int], lease: timedelta
    ) -> list[Running]:
        """See `JobStore.renew`."""
        renewed = []
        with self._lock:
            until = round((self._clock.boot() + lease.total_seconds()) * _US)
            for job_id, attempt in attempts.items():
                job = self._jobs.get(job_id)
                if job and self._holds(job, worker_id, attempt) and self._live(job):
                    version = job.version + 1
                    self._put(replace(job, lease_until_us=until, version=version))
                    renewed.append(as_running(job))
        return renewed

    def _holds(self, job: Job, worker_id: str, attempt: int) -> bool:
        held = (job.status, job.worker_id, job.attempt)
        return held == (_CLAIM.target, worker_id, attempt)

    def watch(self) -> Wakeup:
        """See `JobStore.watch`."""
        wakeup = MemoryWakeup()
        self._wakeups.append(wakeup)
        return wakeup

    def close(self) -> None:
        """See `JobStore.close`."""


def open_store(
    _url: str = "memory:", clock: Clock | None = None, *, create: bool = True
) -> MemoryStore:
    """Open a new, empty store (entry point `memory`)."""
    del create
    return MemoryStore(clock)
