"""The running attempts of a worker: collects observations, and writes their moves.

One file, because all of it is about the one list of running attempts.
"""

import logging
import random
from collections import deque
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Final, assert_never

from interlock.core.errors import IllegalTransition, InterlockError, JobNotFound
from interlock.core.job import Death, Job, Move
from interlock.core.lifecycle import Event, Guard, row_of
from interlock.core.observations import (
    ExitSeen,
    Observation,
    Output,
    PidSeen,
    Request,
    TreeDead,
    Unconfirmed,
)
from interlock.core.progress import Progress
from interlock.core.records import Note, Running
from interlock.ports.clock import Clock
from interlock.ports.runner import Execution, Runner
from interlock.ports.store import JobStore
from interlock.ports.tracing import Span
from interlock.worker.moves import next_move
from interlock.worker.outbox import Outbox
from interlock.worker.supervision import Signal, Supervised, decide

_log = logging.getLogger("interlock.worker")
_RUNNING: Final = row_of(Event.CLAIM).target


@dataclass(slots=True, kw_only=True)
class Tracked:
    """One attempt: what the worker knows of it, and its execution."""

    state: Supervised
    execution: Execution
    span: Span
    grace_s: float | None = None  # instead of the job's own, at a forced shutdown
    asks_since: float | None = None  # `Clock.boot` of a request without an answer yet

    @property
    def job(self) -> Job:
        """The job as last read."""
        return self.state.job


class Attempts:
    """The running attempts of a worker, by job id."""

    def __init__(
        self,
        store: JobStore,
        runner: Runner,
        clock: Clock,
        worker_id: str,
        rng: random.Random,
    ) -> None:
        self.all: dict[str, Tracked] = {}
        self._store = store
        self._clock = clock
        self._actor = worker_id
        self._rng = rng
        self._requests: deque[tuple[Tracked, Mapping[str, Any]]] = deque()
        self._dying: list[Execution] = []  # let go of, and not dead yet
        self._outbox = Outbox(runner.containment)

    def add(self, tracked: Tracked) -> None:
        """Begin to watch an attempt."""
        self.all[tracked.job.id] = tracked

    def sources(self) -> list[Execution]:
        """Return the sources to wait for."""
        return [*(tracked.execution for tracked in self.all.values()), *self._dying]

    def held(self) -> dict[str, int]:
        """Return the attempts whose leases must be renewed."""
        return {
            job_id: tracked.job.attempt
            for job_id, tracked in self.all.items()
            if tracked.execution.supervised
        }

    def extend(
        self, renewed: Iterable[Running], held: Mapping[str, int], deadline: float
    ) -> None:
        """Extend attempts with a confirmed lease; kill those that lost it."""
        renewed_by_id = {running.job_id: running for running in renewed}
        self.note_cancels(renewed_by_id.values())
        for job_id in held:
            tracked = self.all[job_id]
            if job_id in renewed_by_id:
                tracked.execution.extend(deadline)
            elif tracked.state.proof is None:
                about = _about(tracked.job)
                _log.warning(
                    "Job %s: this worker lost its lease and kills the attempt",
                    job_id,
                    extra=about,
                )
                tracked.execution.kill()

    def note_cancels(self, running: Iterable[Running]) -> None:
        """Remember which attempts have a cancel request."""
        for attempt in running:
            tracked = self.all.get(attempt.job_id)
            if tracked is not None and tracked.job.attempt == attempt.attempt:
                tracked.state.cancel_requested |= attempt.cancel_requested

    def shut_down(self, *, at_once: bool) -> None:
        """Stop every attempt, and release its job."""
        for tracked in self.all.values():
            tracked.state.shut_down = True
            if at_once:
                tracked.grace_s = 0.0
                if tracked.state.signaled:
                    tracked.execution.kill()

    def kill(self) -> None:
        """Kill every attempt without asking the store: it does not answer."""
        for tracked in self.all.values():
            if tracked.state.proof is None:
                tracked.execution.kill()

    def next_deadline(self) -> float:
        """Return when the next timeout is reached, or notes must be written."""
        deadlines = [
            moment
            for tracked in self.all.values()
            if tracked.state.is_armed
            for moment, _ in tracked.state.limits()
        ]
        return min([*deadlines, self._outbox.due_at()])

    def observe(self) -> None:
        """Handle the observations since the last call."""
        for tracked in self.all.values():
            for observation in tracked.execution.observe():
                self._handle(tracked, observation)
        self._dying = [
            execution for execution in self._dying if not _is_dead(execution)
        ]

    def ended(self) -> set[tuple[str, int]]:
        """Return the dead attempts whose end is not written yet."""
        self.observe()
        return {
            (job_id, tracked.job.attempt)
            for job_id, tracked in self.all.items()
            if tracked.state.proof is not None
        }

    def _handle(self, tracked: Tracked, observation: Observation) -> None:
        state, job = tracked.state, tracked.job
        match observation:
            case ExitSeen():
                state.exit = observation.exit
                state.result = observation.result
                state.failure = observation.failure
            case TreeDead():
                state.proof, state.where = observation.proof, observation.where
                state.death = _death(state, observation, self._clock.boot())
                self._outbox.take(job, observation, self._clock.now())
            case Unconfirmed():
                message = (
                    "Job %s was killed, but the kernel has not confirmed its death"
                )
                _log.error(message, job.id, extra=_about(job))
                self._outbox.take(job, observation, self._clock.now())
            case Request():
                self._requests.append((tracked, observation.body))
            case Progress():
                state.heard_at = self._clock.boot()
                self._outbox.take(job, observation, self._clock.now())
            case PidSeen() | Output():
                self._outbox.take(job, observation, self._clock.now())
            case _:
                assert_never(observation)

    @property
    def has_requests(self) -> bool:
        """Whether `next_request` may have one."""
        return bool(self._requests)

    def next_request(self) -> tuple[Tracked, Mapping[str, Any]] | None:
        """Return the oldest request of a running attempt, None if there is none."""
        while self._requests:
            tracked, request = self._requests.popleft()
            if self.all.get(tracked.job.id) is tracked:
                return tracked, request
        return None

    def put_back(self, tracked: Tracked, request: Mapping[str, Any]) -> None:
        """Keep a request that `next_request` has returned, as the oldest."""
        self._requests.appendleft((tracked, request))

    def moves(self) -> list[tuple[Tracked, Move]]:
        """Return the moves to write now. An end waits until its notes are few."""
        moves = [
            (tracked, move)
            for tracked in self.all.values()
            if (move := self._next(tracked.state)) is not None
        ]
        ends = [move.job_id for _, move in moves if _is_end(move)]
        writable = self._outbox.writable(ends)
        return [
            (tracked, move)
            for tracked, move in moves
            if not _is_end(move) or move.job_id in writable
        ]

    def _next(self, state: Supervised) -> Move | None:
        now, boot = self._clock.now(), self._clock.boot()
        move = next_move(state, now=now, boot=boot, actor=self._actor, rng=self._rng)
        if move is not None and move.event is Event.STOP:
            state.overrun = move.reason  # also if it is committed and no answer comes
            state.asked_at = boot if state.asked_at is None else state.asked_at
        return move

    def notes(self, moves: Iterable[tuple[Tracked, Move]]) -> list[Note]:
        """Return the notes to store now: with moves, or after a while."""
        moving = {move.job_id for _, move in moves if _is_end(move)}
        return self._outbox.due(now=self._clock.boot(), moving=moving)

    def settle(
        self,
        moves: Iterable[tuple[Tracked, Move]],
        outcomes: Iterable[Job | InterlockError],
        notes: list[Note],
    ) -> None:
        """Apply what the store has committed; only then send signals."""
        self._outbox.stored(notes, now=self._clock.boot())
        for (tracked, move), outcome in zip(moves, outcomes, strict=True):
            self._settle(tracked, move, outcome)
        for tracked in self.all.values():
            self._signal(tracked)

    def _signal(self, tracked: Tracked) -> None:
        """Signal a job whose stop is committed."""
        state = tracked.state
        decision = decide(state, now=self._clock.boot())
        if isinstance(decision, Signal):
            state.signaled = True
            grace = tracked.grace_s
            tracked.execution.stop(
                decision.cause, state.job.grace_s if grace is None else grace
            )

    def _settle(
        self, tracked: Tracked, move: Move, outcome: Job | InterlockError
    ) -> None:
        """Apply the store's answer to one move."""
        if isinstance(outcome, IllegalTransition):
            if outcome.unmet == Guard.RETRY_IN_TIME:  # by the store's clock
                tracked.state.is_too_late = True
                return
            outcome = self._reread(tracked, outcome)
        if isinstance(outcome, InterlockError):
            about = _about(tracked.job)
            _log.warning(
                "Job %s: the end of its attempt was refused: %s",
                move.job_id,
                outcome,
                extra=about,
            )
            tracked.execution.kill()
            self._dying.append(tracked.execution)
            self._forget(tracked, None)
            return
        tracked.state.job = outcome
        tracked.state.cancel_requested |= outcome.cancel_requested_at is not None
        if outcome.status is not _RUNNING:
            about = {**_about(tracked.job), "event": move.event.value}
            message = "Job %s, attempt %s: %s"
            _log.info(message, outcome.id, move.attempt, move.event, extra=about)
            self._forget(tracked, move)

    def _forget(self, tracked: Tracked, move: Move | None) -> None:
        tracked.span.end(move)
        del self.all[tracked.job.id]

    def _reread(
        self, tracked: Tracked, refused: IllegalTransition
    ) -> Job | InterlockError:
        """Return the job as it is now, if it changed and the attempt is still ours."""
        job = self._current(tracked)
        return refused if job is None or _view(job) == _view(tracked.job) else job

    def _current(self, tracked: Tracked) -> Job | None:
        """Return the job as it is now, None if this attempt is over."""
        try:
            job = self._store.get(tracked.job.id)
        except JobNotFound:  # rescued, ended and purged meanwhile
            return None
        is_held = job.status is _RUNNING and job.attempt == tracked.job.attempt
        return job if is_held else None

    def let_go(self) -> None:
        """Forget attempts without a supervisor that another worker has rescued."""
        orphans = [t for t in self.all.values() if not t.execution.supervised]
        for tracked in orphans:
            if self._current(tracked) is None:
                about = _about(tracked.job)
                _log.warning(
                    "Job %s: another worker has rescued it", tracked.job.id, extra=about
                )
                self._forget(tracked, None)


def _death(state: Supervised, seen: TreeDead, now: float) -> Death | None:
    """Return how a tree was made to end, None if it ended by itself."""
    if not seen.signals and state.asked_at is None:
        return None
    ms = None if state.asked_at is None else round((now - state.asked_at) * 1000, 1)
    return Death(proof=seen.proof, signals=seen.signals, killed=seen.killed, ms=ms)


def _is_dead(execution: Execution) -> bool:
    return any(isinstance(observation, TreeDead) for observation in execution.observe())


def _is_end(move: Move) -> bool:
    """Whether a move ends an attempt; a stop only asks for its end."""
    return not row_of(move.event).is_internal


def _about(job: Job) -> dict[str, object]:
    """Return the extra fields of a log record."""
    return {"job_id": job.id, "attempt": job.attempt}


def _view(job: Job) -> tuple[object, ...]:
    """Return what `decide` reads of a row."""
    return job.stop_cause, job.cancel_requested_at, job.failures
