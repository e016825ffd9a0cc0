"""How a bug is planted: real code replaced in this process, for one test."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import datetime
from itertools import count
from typing import Any

import pytest

from interlock.api.job_requests import JobRequests
from interlock.api.step_desk import StepDesk
from interlock.core import guards
from interlock.core.errors import StoreUnavailable
from interlock.core.guards import Facts
from interlock.core.ids import new_id
from interlock.core.job import Job, Move, NewJob
from interlock.core.lifecycle import INITIAL, Event, Guard, JobStatus, Reason, row_of
from interlock.core.records import Lost, Step
from interlock.core.ticks import Tick, TickOutcome
from interlock.worker import attempts, loop, moves, reaper, supervision
from interlock.worker.settings import WorkerSettings
from interlock.worker.supervision import Decision, Finish, Supervised
from interlock_adapters.memory import MemoryStore
from interlock_adapters.memory import rules as memory_rules
from interlock_adapters.memory import store as memory_store
from interlock_adapters.memory.schedules import Schedules
from interlock_adapters.memory.steps import Steps
from interlock_adapters.memory.unique_keys import UniqueKeys

Plant = Callable[[pytest.MonkeyPatch], None]


def without(guarded: frozenset[Guard], *events: Event) -> Plant:
    """Check none of these guards when one of these events is written."""

    def unmet(event: Event, job: Job, facts: Facts) -> Guard | None:
        for guard in row_of(event).guards:
            skipped = event in events and guard in guarded
            if not skipped and not guards.holds(guard, job, facts):
                return guard
        return None

    return lambda patch: patch.setattr(memory_store, "unmet", unmet)


def renew_for_anybody(patch: pytest.MonkeyPatch) -> None:
    """Renew the lease of a job without asking whose attempt it is."""
    running = row_of(Event.CLAIM).target
    patch.setattr(MemoryStore, "_holds", lambda _self, job, *_: job.status is running)


def ignore_status(patch: pytest.MonkeyPatch) -> None:
    """Write an event whatever the status is: neither store nor machine looks."""

    def target(_status: JobStatus, event: Event) -> JobStatus:
        return row_of(event).target

    patch.setattr(memory_store, "legal", lambda _status: frozenset(Event))
    patch.setattr(memory_rules, "destination", target)


def never_fence(patch: pytest.MonkeyPatch) -> None:
    """Give every supervisor a deadline long after the lease."""
    patch.setattr(WorkerSettings, "margin", property(lambda _self: -86_400.0))


def end_before_death(patch: pytest.MonkeyPatch) -> None:
    """Decide how an attempt ended as soon as it is told to stop."""

    def hasty(seen: Supervised, *, now: float) -> Decision:
        if seen.signaled and seen.proof is None:
            return supervision._outcome(seen)
        return supervision.decide(seen, now=now)

    for decider in (attempts, moves):
        patch.setattr(decider, "decide", hasty)


def count_from_the_answer(patch: pytest.MonkeyPatch) -> None:
    """Let a lease deadline run from when the claim was answered, not sent."""
    real = loop.Worker._start

    def start(self: loop.Worker, job: Job, _claimed: float) -> None:
        real(self, job, self._clock.boot())

    patch.setattr(loop.Worker, "_start", start)


def time_from_the_question(patch: pytest.MonkeyPatch) -> None:
    """Let a timeout run from before the claim was sent."""
    real = loop.Worker._start

    def start(self: loop.Worker, job: Job, claimed: float) -> None:
        real(self, job, claimed)
        if job.timeout_s is not None:
            self._attempts.all[job.id].state.deadline = claimed + job.timeout_s

    patch.setattr(loop.Worker, "_start", start)


def stay_armed(patch: pytest.MonkeyPatch) -> None:
    """Wake up for the timeout of a job that has exited."""
    armed = property(lambda self: self.job.stop_cause is None)
    patch.setattr(Supervised, "is_armed", armed)


def retry_at_any_time(patch: pytest.MonkeyPatch) -> None:
    """Do not compare the moment of a retry with the deadline."""
    patch.setattr(moves, "_is_too_late", lambda _job, _run_at: False)


def snooze_failures(patch: pytest.MonkeyPatch) -> None:
    """Let an attempt that failed for a passing reason go back for nothing."""

    def lenient(seen: Supervised, *, now: float) -> Decision:
        decision = supervision.decide(seen, now=now)
        if decision == Finish(Event.RETRY, Reason.ERROR):
            return Finish(Event.SNOOZE, Reason.SNOOZED)
        return decision

    for decider in (attempts, moves):
        patch.setattr(decider, "decide", lenient)


def give_keys_to_everybody(patch: pytest.MonkeyPatch) -> None:
    """Let nobody have a unique key."""
    patch.setattr(UniqueKeys, "holder", lambda _self, _new, _wanted: None)


def never_stop(patch: pytest.MonkeyPatch) -> None:
    """Ignore that the worker is told to stop."""
    patch.setattr(loop.Worker, "stop", lambda _self: None)


def trust_death(patch: pytest.MonkeyPatch) -> None:
    """Take a worker that is gone for a tree that is gone."""
    patch.setattr(reaper.Reaper, "_is_empty", lambda _self, _worker: True)


def keep_the_stop(patch: pytest.MonkeyPatch) -> None:
    """Take the stop cause of an attempt along into the next one."""
    real = memory_rules._after_running

    def left(job: Job, move: Move) -> Job:
        return replace(real(job, move), stop_cause=job.stop_cause)

    patch.setattr(memory_rules, "_after_running", left)


def forget_submits(patch: pytest.MonkeyPatch) -> None:
    """Acknowledge each tenth submit, and keep nothing of it."""
    real, submits = MemoryStore.add, count(1)

    def add(self: MemoryStore, jobs: Sequence[NewJob], **named: Any) -> list[Job]:
        added = real(self, jobs, **named)
        if next(submits) % 10 == 0:
            for job in added:
                self.records.remove(job.id)
        return added

    patch.setattr(MemoryStore, "add", add)


def rescue_when_idle(patch: pytest.MonkeyPatch) -> None:
    """Rescue only while no job waits."""
    real = reaper.Reaper._losses

    def losses(
        self: reaper.Reaper, candidates: Sequence[Lost], now: datetime
    ) -> list[Move]:
        return [] if self._store.counts()[INITIAL] else real(self, candidates, now)

    patch.setattr(reaper.Reaper, "_losses", losses)


def forget_ticks_that_fire(patch: pytest.MonkeyPatch) -> None:
    """Submit the job of a tick, and keep no row of it."""
    keep = Schedules._keep

    def some(schedules: Schedules, ticks: Sequence[Tick]) -> None:
        keep(schedules, [t for t in ticks if t.outcome is not TickOutcome.FIRED])

    patch.setattr(Schedules, "_keep", some)


def fire_ticks_twice(patch: pytest.MonkeyPatch) -> None:
    """Submit two jobs for each tick."""
    add = MemoryStore.add

    def twice(store: MemoryStore, new: Sequence[NewJob], **named: Any) -> Any:
        ticks = [job for job in new if job.schedule]
        again = [replace(job, id=new_id(job.created_at)) for job in ticks]
        return add(store, [*new, *again], **named)[: len(new)]

    patch.setattr(MemoryStore, "add", twice)


def never_finalize(patch: pytest.MonkeyPatch) -> None:
    """Submit no finalizer when an attempt ends."""
    patch.setattr(MemoryStore, "_finalize", lambda _self, _ended, _now: None)


def overlook_signals(patch: pytest.MonkeyPatch) -> None:
    """Let a job begin to wait without a look at the signals that have come."""
    patch.setattr(Steps, "come_already", lambda *_: None)


def forget_signals(patch: pytest.MonkeyPatch) -> None:
    """Acknowledge each tenth signal, and keep nothing of it."""
    real, signals = Steps.send, count(1)

    def send(self: Steps, job_id: str, *words: Any, **named: Any) -> Job:
        found = real(self, job_id, *words, **named)
        if next(signals) % 10 == 0:
            self._records.signals.pop()
        return found

    patch.setattr(Steps, "send", send)


def forget_steps(patch: pytest.MonkeyPatch) -> None:
    """Acknowledge each tenth step, and keep nothing of it."""
    real, steps = Steps.put, count(1)

    def put(self: Steps, step: Step) -> bool:
        return real(self, step) if next(steps) % 10 else True

    patch.setattr(Steps, "put", put)


def never_wait_for_children(patch: pytest.MonkeyPatch) -> None:
    """Say that there is nothing to wait for."""
    patch.setattr(Steps, "wait_for", lambda *_, **__: 0)


def submit_again(patch: pytest.MonkeyPatch) -> None:
    """Submit what a job asks for without a look at what was submitted before."""

    def submit(self: StepDesk, _name: str, _use: str, order: Any) -> Any:
        return self._submit(self._job, order)

    patch.setattr(StepDesk, "submit", submit)


def fail_while_the_store_is_down(patch: pytest.MonkeyPatch) -> None:
    """Tell a job that the store does not answer, instead of asking again."""
    real = JobRequests.answer

    def answer(self: JobRequests, job: Job, request: Any) -> Any:
        try:
            return real(self, job, request)
        except StoreUnavailable as error:
            about = {"kind": "InterlockError", "message": str(error), "about": {}}
            return {"error": about}

    patch.setattr(JobRequests, "answer", answer)
