"""The worker's loop: claim, start, watch, report, stop gracefully.

One thread. A database call may last for ever; that delays the loop, but no kill: each
job's own supervisor ends it when its lease is over.
"""

import logging
import os
import random
import socket
import threading
import uuid
from collections.abc import Callable, Mapping
from contextlib import nullcontext
from datetime import datetime, timedelta
from typing import Any, Final

from interlock.core.errors import InterlockError, NotGuarded, StoreUnavailable
from interlock.core.job import Job
from interlock.core.lifecycle import row_of
from interlock.core.observations import Launch
from interlock.core.records import ClaimRequest, WorkerInfo
from interlock.jobs.published import describe
from interlock.jobs.registry import JobFunction
from interlock.ports.clock import Clock, boot_id
from interlock.ports.runner import Runner, Source
from interlock.ports.store import JobStore
from interlock.ports.tracing import tracer
from interlock.worker.attempts import Attempts, Tracked
from interlock.worker.reaper import Reaper
from interlock.worker.settings import WorkerSettings
from interlock.worker.supervision import Supervised

_log = logging.getLogger("interlock.worker")
_POLL_S: Final = 2.0  # behind every wake-up: what a lost notification costs at most
_LOOK_S: Final = 0.03  # between two looks for cancels; our own writes wake us too
_REAP_S: Final = 1.0
_SOON_S: Final = 0.2  # what is due so soon is done now: one wake-up for all of it
_STORE_DOWN_S: Final = 0.5
_GROUP: Final = 4  # ends in one transaction, of four times as many attempts
_GATHER_S: Final = 0.005


#: Does what a running job asks for; returns what the job is told, in JSON.
Answer = Callable[[Job, Mapping[str, Any]], Mapping[str, object]]


def _refuse(_job: Job, _request: Mapping[str, Any]) -> Mapping[str, object]:
    words = "this worker does nothing for its jobs."
    return {"error": {"kind": "InterlockError", "message": words, "about": {}}}


def new_worker_id() -> str:
    """Return an id that no other start of a worker has."""
    return f"{_host()}:{os.getpid()}:{uuid.uuid4().hex[:8]}"


def _host() -> str:
    """Return this host's name, as any database can store it."""
    return socket.gethostname().encode("utf-8", "replace").decode()


class Worker:
    """Runs jobs until it is told to stop."""

    def __init__(
        self,
        store: JobStore,
        runner: Runner,
        jobs: Mapping[str, JobFunction[..., object]],
        settings: WorkerSettings,
        clock: Clock,
        *,
        rng: random.Random | None = None,
        answer: Answer | None = None,
    ) -> None:
        self.id = new_worker_id()
        self._store = store
        self._runner = runner
        self._jobs = jobs
        self._settings = settings
        self._clock = clock
        self._wakeup = store.watch()
        self._attempts = Attempts(
            store,
            runner,
            clock,
            self.id,
            rng or random.Random(),  # noqa: S311  (jitter)
        )
        self._reaper = Reaper(store, self.id, runner, self._attempts.ended)
        self._answer = answer or _refuse
        self._published: Mapping[str, object] | None = None  # until it runs
        self._started_at = clock.now()
        self._boot_id = boot_id()
        self._stops = 0
        self._patience_over = float("inf")
        self._hungry = True
        self._changed = False  # since cancels were looked for
        self._down = ""  # why the store does not answer, told once
        self._renew_at = self._look_at = self._reap_at = self._poll_at = 0.0
        self._gather_s = 0.0  # before the next turn
        self.ready = threading.Event()  # set once it is registered

    @property
    def containment(self) -> str:
        """How its jobs are contained."""
        return self._runner.containment

    def stop(self) -> None:
        """Stop: once, after the shutdown grace; twice, at once. From any thread."""
        self._stops += 1
        self._wakeup.wake()

    def run(self) -> None:
        """Work until `stop` and the end of the last job.

        Raises:
            NotGuarded: a job module runs itself when it is imported.
        """
        try:
            self._begin()
            while not (self._stops and not self._attempts.all):
                self.turn()
            self._store.forget_worker(self.id)
        except NotGuarded:
            self._store.forget_worker(self.id)
            raise
        finally:
            self._runner.close()
            self._wakeup.close()

    def _begin(self) -> None:
        known = self._store.limits()
        for job in self._jobs.values():
            if known.get(job.name, (0, None))[1] != job.max_running:
                self._store.set_limit(job.name, job.max_running)
        self._published = describe(self._jobs)
        self._register()
        self.ready.set()

    def _register(self) -> None:
        queues = self._settings.queues
        self._store.see_worker(
            WorkerInfo(
                id=self.id,
                host=_host(),
                pid=os.getpid(),
                boot_id=self._boot_id,
                containment=self._runner.containment,
                concurrency=self._settings.concurrency,
                queues=None if queues is None else tuple(sorted(queues)),
                started_at=self._started_at,
                seen_at=self._clock.now(),
                domain=self._runner.domain,
                lease_s=self._settings.lease,
                jobs=self._published,
            )
        )

    def turn(self, most_s: float = _POLL_S) -> bool:
        """Wait for something to happen, and do what follows from it.

        Returns:
            Whether a job was claimed or is being watched.
        """
        changed = self._wakeup.wait(min(most_s, self._patience_s()), self._sources())
        changed |= bool(self._gather_s) and self._wakeup.wait(self._gather_s)
        self._runner.tend()
        self._attempts.observe()
        try:
            self._turn(changed=changed)
            self._down = ""
        except StoreUnavailable as error:
            # Nothing is forgotten: what runs is watched by its own supervisor, and what
            # was seen is written when the store answers again.
            if str(error) != self._down:
                _log.warning("the store does not answer: %s", error)
            self._down = str(error)
            self._renew_at = 0.0  # what it was about to renew may be over soon
            self._wakeup.wait(_STORE_DOWN_S)
        return bool(self._attempts.all)

    def _turn(self, *, changed: bool) -> None:
        now = self._clock.boot()
        self._changed |= changed
        if changed:
            self._hungry = True
        if self._changed and self._attempts.all and now >= self._look_at:
            self._look_at = now + _LOOK_S
            self._attempts.note_cancels(self._store.cancels(self.id))
            self._changed = False
        if self._stops:
            self._shut_down(now)
        soon = now + _SOON_S
        if soon >= self._renew_at:
            self._renew(now)
        if soon >= self._reap_at:
            self._reap_at = now + _REAP_S
            self._reaper.reap(self._clock.now())
            self._attempts.let_go()
        if now >= self._poll_at:
            self._poll_at = now + _POLL_S
            self._hungry = True
        self._exchange()
        for tracked, request in self._attempts.requests():
            reply = self._answer(tracked.job, request)
            tracked.execution.reply({"number": request["number"], **reply})

    def _exchange(self) -> None:
        """Write what has ended and claim for the freed slots, in one transaction.

        Nothing in this process changes, and no job is signaled or started, before the
        transaction has committed.
        """
        moves = self._attempts.moves()
        notes = self._attempts.notes(moves)
        ending = sum(not row_of(move.event).is_internal for _, move in moves)
        free = self._free(ending)
        hungry = free > 0 and not self._stops and (self._hungry or ending > 0)
        outcomes: list[Job | InterlockError] = []
        claimed: list[Job] = []
        before, now = self._clock.boot(), self._clock.now()
        writes = bool(moves or notes)
        with self._store.together() if writes else nullcontext():
            if writes:
                outcomes = self._store.commit([move for _, move in moves], notes)
            if hungry:
                claimed = self._claim(free, now)
        self._attempts.settle(moves, outcomes, notes)
        for job in claimed:
            self._start(job, before)
        self._gather_s = self._pause_s(ending, self._clock.boot() - before)
        if hungry:
            self._hungry = len(claimed) == free
            self._await_due(now)

    def _pause_s(self, ended: int, took: float) -> float:
        """Return how long to let jobs end before the next transaction.

        As long as the last took, where ends come in groups: many others run meanwhile.
        """
        many = ended >= _GROUP and len(self._attempts.all) >= 4 * _GROUP
        return min(took, _GATHER_S) if many else 0.0

    def _sources(self) -> list[Source]:
        return [*self._runner.sources(), *self._attempts.sources()]

    def _patience_s(self) -> float:
        """Return the seconds until something is due."""
        if self._hungry and self._free() and not self._stops:
            return 0.0
        due = min(self._renew_at, self._reap_at, self._poll_at, self._patience_over)
        due = min(due, self._attempts.next_deadline())
        if self._changed and self._attempts.all:
            due = min(due, self._look_at)
        return max(0.0, due - self._clock.boot())

    def _free(self, ending: int = 0) -> int:
        if not self._runner.is_ready:
            return 0
        return self._settings.concurrency - len(self._attempts.all) + ending

    def _shut_down(self, now: float) -> None:
        if self._patience_over == float("inf"):
            grace_s = self._settings.shutdown_grace
            words = "stops; %s jobs may go on for %g s, a second signal ends them now"
            _log.info(words, len(self._attempts.all), grace_s)
            self._patience_over = now + self._settings.shutdown_grace
        if now >= self._patience_over or self._stops > 1:
            self._attempts.shut_down(at_once=self._stops > 1)
            self._patience_over = float("inf") if self._stops > 1 else now + _POLL_S

    def _renew(self, now: float) -> None:
        """Renew all leases; only what the database confirms is passed on."""
        lease = self._settings.lease
        self._renew_at = now + lease / 3
        self._register()
        held = self._attempts.held()
        if held:
            renewed = self._store.renew(self.id, held, timedelta(seconds=lease))
            self._attempts.extend(renewed, held, now + lease - self._settings.margin)

    def _claim(self, limit: int, now: datetime) -> list[Job]:
        return self._store.claim(
            ClaimRequest(
                worker_id=self.id,
                names=frozenset(self._jobs),
                limit=limit,
                lease=timedelta(seconds=self._settings.lease),
                now=now,
                queues=self._settings.queues,
            )
        )

    def _await_due(self, now: datetime) -> None:
        """Claim again when the next job becomes due after the claim of `now`."""
        due = None if self._hungry else self._store.next_due(now=now)
        if due is not None:
            wait_s = (due - self._clock.now()).total_seconds()
            self._poll_at = min(self._poll_at, self._clock.boot() + wait_s)

    def _start(self, job: Job, claimed: float) -> None:
        """Start a claimed job.

        Its lease runs from before the claim was sent; its timeout from now, or a slow
        store would end jobs as TIMEOUT that never ran.
        """
        function = self._jobs[job.name]
        timeout = job.timeout_s
        span = tracer().running(job)
        launch = Launch(
            job=job,
            lease_deadline=claimed + self._settings.lease - self._settings.margin,
            deadline_at=None
            if timeout is None
            else self._clock.now() + timedelta(seconds=timeout),
            isolation=function.isolation,
            limits=function.limits,
            trace=span.carrier,
        )
        deadline = None if timeout is None else self._clock.boot() + timeout
        seen = Supervised(job=job, deadline=deadline)
        execution = self._runner.start(launch)
        self._attempts.add(Tracked(seen=seen, execution=execution, span=span))
