"""The worker's loop: claim, start, watch, report, stop gracefully.

It runs in one thread. A database call may block for ever. This delays the loop, but no
kill: each job's supervisor kills it when its lease is over.

One file, because the order of the steps in a turn is the protocol. `duties` knows when
each step is due, `attempts` what happens to the running jobs.
"""

import logging
import random
import threading
from collections.abc import Mapping
from contextlib import nullcontext
from datetime import datetime, timedelta
from typing import Final

from interlock.core import limits
from interlock.core.errors import InterlockError, Misfits, NotGuarded, StoreUnavailable
from interlock.core.job import Job
from interlock.core.lifecycle import row_of
from interlock.core.records import ClaimRequest, Needs
from interlock.jobs.registry import JobFunction
from interlock.ports.clock import Clock
from interlock.ports.runner import Runner, Source
from interlock.ports.store import JobStore
from interlock.worker.attempts import Attempts
from interlock.worker.duties import Duty
from interlock.worker.fit import Fit
from interlock.worker.launching import launch
from interlock.worker.queue_turns import QueueTurns
from interlock.worker.reaper import Reaper
from interlock.worker.registration import Registration, new_worker_id
from interlock.worker.requests import Answer, answer_some, refuse
from interlock.worker.retention import PAUSE_S, PERIOD_S, Retention
from interlock.worker.salvage import store_each
from interlock.worker.scheduling import Scheduling
from interlock.worker.settings import WorkerSettings
from interlock.worker.shutdown import Shutdown, Step

_log = logging.getLogger("interlock.worker")
_POLL_S: Final = 2.0  # an idle worker looks so often: what a lost notification costs
_LOOK_S: Final = 0.03  # between two looks for cancels; our own writes wake us too
_LOOK_AROUND_S: Final = 1.0  # while jobs run here
_SOON_S: Final = 0.2  # what is due this soon is done now, to save wake-ups
_STOCK_S: Final = 10.0  # of events that counts have to read, at most
_FORGET_S: Final = 3600.0  # between two looks for old ticks
_STORE_DOWN_S: Final = 0.5
_GROUP: Final = 4  # ends in one transaction, of four times as many attempts
_GATHER_S: Final = 0.005


class Worker:
    """Runs jobs until `stop` is called."""

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
        self._answer = answer or refuse
        self._registration = Registration(self.id, store, runner, settings, clock)
        self._scheduling = Scheduling(store, jobs, self.id)
        self._fit = Fit({})  # until it runs
        self._shutdown = Shutdown(settings.shutdown_grace)
        self._must_leave = False  # whatever still runs, or is not written
        self._may_find_jobs = True
        self._changed = False  # since cancels were looked for
        self._down = ""  # why the store does not answer, told once
        self._trouble = ""  # the last error that nobody expected
        self._gather_s = 0.0  # before the next turn
        self.ready = threading.Event()  # set once it is registered
        self._renewal = Duty(
            name="renew leases",
            run=self._renew,
            period_s=settings.lease / 3,
            early_s=_SOON_S,
        )
        self._looking = Duty(
            name="look around",
            run=self._look_around,
            period_s=_LOOK_AROUND_S,
            early_s=_SOON_S,
        )
        self._stocktaking = Duty(
            name="take stock",
            run=self._take_stock,
            period_s=_STOCK_S,
            is_needed=lambda: self._has_written,
        )
        self._has_written = True  # since stock was taken
        self._retention = Retention(store, jobs)
        self._forgetting = Duty(
            name="forget ended jobs",
            run=self._forget,
            period_s=PERIOD_S,
            is_needed=lambda: self._retention.is_needed,
        )
        self._has_fired = False  # a schedule, since it began
        weights = settings.queue_weights
        self._queue_turns = QueueTurns(weights) if weights else None
        self._reopened_until = ""  # what the store returned last
        self._duties = (  # in the order of a turn
            Duty(
                name="look for cancels",
                run=self._look_for_cancels,
                period_s=_LOOK_S,
                is_needed=lambda: self._changed and bool(self._attempts.all),
            ),
            self._renewal,
            self._looking,
            self._stocktaking,
            self._forgetting,
            Duty(
                name="forget ticks",
                run=lambda _now: self._scheduling.forget(),
                period_s=_FORGET_S,
                is_needed=lambda: self._has_fired,
            ),
        )

    @property
    def containment(self) -> str:
        """The containment of its jobs."""
        return self._runner.containment

    def stop(self) -> None:
        """Stop after the shutdown grace; a second call stops at once. Thread-safe.

        After the second call the worker ends within `LEAVE_S` seconds and the call that
        the store is busy with. What it could not write by then, others find out.
        """
        self._shutdown.request()
        self._wakeup.wake()

    def run(self) -> None:
        """Run jobs until `stop` is called and the last job has ended.

        Raises:
            NotGuarded: a job module has no `if __name__ == "__main__":` guard.
        """
        try:
            self._begin()
            while not (self._shutdown.is_requested and not self._attempts.all):
                self.turn()
                if self._must_leave:
                    self._say_what_is_left()
                    break
            self._take_leave()
        except NotGuarded:
            self._store.forget_worker(self.id)
            raise
        finally:
            self._runner.close()
            self._wakeup.close()

    def _take_leave(self) -> None:
        """Remove this worker from the store, if that answers."""
        try:
            self._store.forget_worker(self.id)
        except Exception as error:  # noqa: BLE001  (the worker's edge)
            _log.warning("This worker stays listed for a while: %s", error)

    def _say_what_is_left(self) -> None:
        if self._attempts.all:
            _log.error(
                "This worker ends, as it was told twice. The ends of these jobs are "
                "not written: %s. Their processes are killed, and another worker "
                "rescues the jobs.",
                ", ".join(sorted(self._attempts.all)),
            )

    def _begin(self) -> None:
        self.declare_limits()
        self._registration.begin(self._jobs)
        self.declare_schedules()
        self._fit = Fit(self._registration.published or {})
        self.ready.set()

    def declare_schedules(self) -> None:
        """Create or change the schedules that the jobs declare."""
        self._scheduling.declare()

    def declare_limits(self, *, may_change: bool = True) -> None:
        """Write the limits that the jobs declare, if they are not there as declared.

        The worker that began last decides. One that goes on (not `may_change`) writes
        only what is missing: the database may be another one.
        """
        present = {limit.key: limit for limit in self._store.limits()}
        for job in self._jobs.values():
            for key, (max_running, rate) in limits.declared(
                job.name,
                job.max_running,
                job.concurrency,
                is_exclusive=job.exclusive is not None,
            ).items():
                there = present.get(key)
                now = there and (there.max_running, there.rate_limit)
                wanted = (max_running, rate and str(rate))
                is_set = there is not None and there.set_by is not None
                is_same = (now or (None, None)) == wanted and not is_set
                if not is_same and (may_change or there is None):
                    self._store.set_limit(key, max_running, rate)

    def turn(self, most_s: float = _POLL_S) -> bool:
        """Wait for an event, and handle it: one turn of the loop.

        Returns:
            Whether any attempt is running.
        """
        changed = self._wakeup.wait(min(most_s, self._idle_s()), self._sources())
        changed |= bool(self._gather_s) and self._wakeup.wait(self._gather_s)
        self._observe()
        if self._registration.has_news:
            self._renewal.next_at = 0.0  # tells it
        self._shut_down()
        try:
            self._turn(changed=changed)
            self._down = ""
        except StoreUnavailable as error:
            # Nothing is forgotten: what runs is watched by its own supervisor, and what
            # was seen is written when the store answers again.
            if str(error) != self._down:
                _log.warning(
                    "The store does not answer; running jobs go on, no job is "
                    "claimed: %s",
                    error,
                )
            self._down = str(error)
            self._renewal.next_at = 0.0  # what it was about to renew may be over soon
            if self._shutdown.is_hurried:
                self._attempts.kill()  # without asking the store: others rescue them
            self._wakeup.wait(_STORE_DOWN_S)
        except Exception as error:  # noqa: BLE001  (the worker's edge)
            self._report(error)
            self._wakeup.wait(_STORE_DOWN_S)
        return bool(self._attempts.all)

    def _observe(self) -> None:
        """Handle what processes have said; an error here keeps no lease from renewal.

        Raises:
            NotGuarded: see `run`.
        """
        try:
            self._runner.tend()
            self._attempts.observe()
        except NotGuarded:
            raise
        except Exception as error:  # noqa: BLE001  (the worker's edge)
            self._report(error)
            self._wakeup.wait(_STORE_DOWN_S)  # what it failed at may be there still

    def _turn(self, *, changed: bool) -> None:
        now = self._clock.boot()
        if self._down:  # it may be another database, without what this worker has told
            self.declare_limits(may_change=False)
            self._scheduling.declare()
        self._changed |= changed
        if changed:
            self._may_find_jobs = True
        for duty in self._duties:
            if duty.is_due(now):
                self._perform(duty, now)
        self._exchange()
        answer_some(
            self._attempts,
            self._answer,
            self._clock,
            patience_s=self._settings.lease,
            report=self._report,
        )

    def _perform(self, duty: Duty, now: float) -> None:
        """Perform a duty; its failure does not keep the others from being performed."""
        try:
            duty.perform(now)
        except StoreUnavailable:
            raise
        except Exception as error:  # noqa: BLE001  (the worker's edge)
            self._report(error)

    def _report(self, error: Exception) -> None:
        """Log an error that nobody expected; the same one is told once in a row."""
        words = f"{type(error).__name__}: {error}"
        if words != self._trouble:
            _log.error("This worker goes on after an error.", exc_info=error)
        self._trouble = words

    def _exchange(self) -> None:
        """Write the ends of jobs and claim for the freed slots, in one transaction.

        Before the transaction has committed, nothing in this process changes, and no
        job is signaled or started.
        """
        moves = self._attempts.moves()
        notes = self._attempts.notes(moves)
        ending = sum(not row_of(move.event).is_internal for _, move in moves)
        free = self._free(ending)
        claims = self._may_claim(free) and (self._may_find_jobs or ending > 0)
        outcomes: list[Job | InterlockError] = []
        claimed: list[Job] = []
        before, now = self._clock.boot(), self._clock.now()
        writes = bool(moves or notes)
        self._has_written |= writes
        try:
            with self._store.together() if writes else nullcontext():
                if writes:
                    outcomes = self._store.commit([move for _, move in moves], notes)
                if claims:
                    claimed = self._claim(free, now)
        except Misfits as misfits:  # nothing was written: the next turn does it again
            self._fit.pass_over(misfits.jobs)
            return
        except StoreUnavailable:
            raise
        except Exception as error:  # noqa: BLE001  (whatever a database refuses)
            self._report(error)
            claims, claimed = False, []
            outcomes = store_each(self._store, [move for _, move in moves], notes)
        self._attempts.settle(moves, outcomes, notes)
        for job in claimed:
            self._start(job, before)
        self._gather_s = self._pause_s(ending, self._clock.boot() - before)
        if claims:
            self._may_find_jobs = bool(claimed)
            self._await_due(now, before)

    def _pause_s(self, ended_count: int, transaction_s: float) -> float:
        """Return how long to wait before the next transaction, to group ends of jobs.

        As long as the last transaction took, if many jobs run and end in groups.
        """
        is_busy = ended_count >= _GROUP and len(self._attempts.all) >= 4 * _GROUP
        return min(transaction_s, _GATHER_S) if is_busy else 0.0

    def _sources(self) -> list[Source]:
        return [*self._runner.sources(), *self._attempts.sources()]

    def _idle_s(self) -> float:
        """Return the seconds until something is due."""
        if self._attempts.has_requests:
            return 0.0
        if self._may_find_jobs and self._may_claim(self._free()):
            return 0.0
        due = min(duty.due_at for duty in self._duties)
        due = min(due, self._attempts.next_deadline(), self._shutdown.due_at())
        return max(0.0, due - self._clock.boot())

    def _may_claim(self, free: int) -> bool:
        return free > 0 and not self._shutdown.is_requested

    def _free(self, ending: int = 0) -> int:
        if not self._runner.is_ready:
            return 0
        return self._settings.concurrency - len(self._attempts.all) + ending

    def _look_for_cancels(self, _now: float) -> None:
        self._attempts.note_cancels(self._store.cancels(self.id))
        self._changed = False

    def _look_around(self, now: float) -> None:
        """Find lost, overdue, parked and new jobs, and cancels: polling, for all."""
        self._attend(now, self._store.needs(now=self._clock.now()))

    def _attend(self, now: float, needs: Needs) -> None:
        """Do what has something to do, and look again later."""
        self._changed |= bool(self._attempts.all)
        self._may_find_jobs |= needs.claim
        found = self._reaper.reap(self._clock.now(), needs)
        self._attempts.let_go()
        is_more = needs.reopen and self._reopen()
        is_more |= needs.fire and self._fire()
        wait_s = _LOOK_AROUND_S if found or self._attempts.all else _POLL_S
        if is_more:
            wait_s = 0.0
        for ahead_s in (needs.due_in_s, needs.tick_in_s):
            if ahead_s is not None and ahead_s > 0:
                wait_s = min(wait_s, ahead_s)
        self._looking.next_at = now + wait_s

    def _fire(self) -> bool:
        """Decide about ticks that are due; return whether to look again at once."""
        has_fired = self._scheduling.fire(self._clock.now())
        self._has_fired |= has_fired
        self._may_find_jobs |= has_fired
        return has_fired

    def _reopen(self) -> bool:
        """Open jobs whose cause of waiting is gone; return whether to go on at once."""
        self._reopened_until, is_more = self._store.reopen(
            self._reopened_until, now=self._clock.now()
        )
        self._may_find_jobs |= is_more
        return is_more

    def _take_stock(self, now: float) -> None:
        if self._store.take_stock():
            self._stocktaking.next_at = now
        else:
            self._has_written = False

    def _forget(self, now: float) -> None:
        if self._retention.run(self._clock.now()):
            self._forgetting.next_at = now + PAUSE_S

    def _shut_down(self) -> None:
        """Do what is due of a shutdown; it needs no store."""
        for step in self._shutdown.steps(self._clock.boot()):
            match step:
                case Step.BEGIN:
                    message = (
                        "Shutting down: %s running jobs get %g s to finish. A second "
                        "signal (Ctrl-C or SIGTERM) stops them now."
                    )
                    grace_s = self._settings.shutdown_grace
                    _log.info(message, len(self._attempts.all), grace_s)
                case Step.STOP:
                    self._attempts.shut_down(at_once=False)
                case Step.HURRY:
                    _log.info("Stopping %s running jobs now.", len(self._attempts.all))
                    self._attempts.shut_down(at_once=True)
                case Step.LEAVE:
                    self._must_leave = True

    def _renew(self, now: float) -> None:
        """Renew all leases, and extend the attempts whose renewal is confirmed.

        Without any, the heartbeat and the look around are one transaction.
        """
        lease = self._settings.lease
        held = self._attempts.held()
        if held:
            self._registration.beat()
            renewed = self._store.renew(self.id, held, timedelta(seconds=lease))
            self._attempts.extend(renewed, held, now + lease - self._settings.margin)
            return
        with self._store.together():
            self._registration.beat()
            needs = self._store.needs(now=self._clock.now())
        self._attend(now, needs)

    def _claim(self, limit: int, now: datetime) -> list[Job]:
        """Claim jobs: with weights first each queue's share, then whatever is there."""
        names, turns = self._settings.queue_names, self._queue_turns
        if turns is None:
            return self._claim_of(names, limit, now)
        claimed = list[Job]()
        with self._store.together():  # all of it, or nothing
            for queue, share in turns.shares(limit).items():
                some = self._claim_of(frozenset({queue}), share, now)
                if len(some) < share:
                    turns.had_nothing(queue)
                claimed += some
            if len(claimed) < limit:
                claimed += self._claim_of(names, limit - len(claimed), now)
        turns.started(job.queue for job in claimed)
        return claimed

    def _claim_of(
        self, queues: frozenset[str] | None, limit: int, now: datetime
    ) -> list[Job]:
        return self._store.claim(
            ClaimRequest(
                worker_id=self.id,
                names=frozenset(self._jobs),
                limit=limit,
                lease=timedelta(seconds=self._settings.lease),
                now=now,
                queues=queues,
                without=self._fit.passed_over,
                fits=self._fit.fits,
            )
        )

    def _await_due(self, now: datetime, claimed: float) -> None:
        """Look around when the next job or schedule is due after the claim of `now`.

        The clock that decides may be another than ours: only differences count.
        """
        if self._may_find_jobs:
            return
        needs = self._store.needs(now=now)
        tick_in_s = 0.0 if needs.fire else needs.tick_in_s
        for ahead_s in (needs.due_in_s, tick_in_s):
            if ahead_s is not None:
                self._looking.next_at = min(self._looking.next_at, claimed + ahead_s)

    def _start(self, job: Job, claimed: float) -> None:
        lease_deadline = claimed + self._settings.lease - self._settings.margin
        function = self._jobs[job.name]
        self._attempts.add(
            launch(
                job,
                function,
                self._runner,
                self._clock,
                lease_deadline=lease_deadline,
                privileges=self._settings.privileges,
            )
        )
