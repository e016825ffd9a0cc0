"""A client that submits, cancels, pauses, and repeats what was not acknowledged."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from datetime import datetime, timedelta
from itertools import count
from typing import Final, cast, get_args

from interlock.api.engine import Engine
from interlock.core.errors import (
    DuplicateJob,
    IllegalTransition,
    InvalidOption,
    JobNotFound,
    StoreUnavailable,
)
from interlock.core.retry import Retry
from interlock.jobs.call import Call
from interlock.jobs.options import OnConflict, Options
from interlock.jobs.registry import JobFunction
from interlock.ports.store import JobStore

from .body import SIGNAL
from .jobs import SUBMITTED, work
from .network import Link
from .processes import Process
from .truth import Truth

QUEUES: Final = ("fast", "slow")
_ON_CONFLICT: Final[tuple[OnConflict, ...]] = get_args(OnConflict)


class Client:
    """What one client process does until it is told to be done."""

    def __init__(self, process: Process, link: Link, truth: Truth) -> None:
        self._process = process
        self._rng = process.world.rng
        self._truth = truth
        self._engine = Engine(cast("JobStore", link), clock=process.clock)
        self._numbers = count(1)

    def run(self, until: float) -> None:
        """Work for so long."""
        acts = (
            *(self._submit, self._cancel, self._pause, self._hold),
            *(self._submit_backlog, self._submit_unique, self._signal),
        )
        while self._process.world.now < until:
            self._process.sleep(self._rng.expovariate(self._process.world.pace / 6))
            (act,) = self._rng.choices(acts, [6, 3, 0.3, 0.3, 0.2, 1, 3])
            act()

    def _insist(self, call: Callable[[], object]) -> None:
        """Call until there is an answer: some calls that got none were heard."""
        while True:
            try:
                call()
            except StoreUnavailable:
                self._process.sleep(self._rng.uniform(0, 3))
            else:
                return

    def _submit(self) -> None:
        call = self._call(self._rng.choice([work, *SUBMITTED]), 30)
        self._send([call])

    def _submit_backlog(self) -> None:
        """Submit jobs that become due at the same moment."""
        rng = self._rng
        due = self._process.clock.now() + timedelta(seconds=rng.uniform(5, 60))
        names = rng.choices(SUBMITTED, k=rng.randint(4, 12))
        self._send([self._call(each, 2, due) for each in names])

    def _call(
        self, job: JobFunction[..., int], long_s: int, due: datetime | None = None
    ) -> Call[int]:
        rng = self._rng
        label = f"{self._process.name}.{next(self._numbers)}"
        fails = rng.random() < 0.3
        options = self._options(label)
        if due is not None:
            options["run_at"] = due
            options.pop("expires_at", None)
        return job.options(**options).call(
            seconds=round(rng.expovariate(1 / rng.choice([1, 10, long_s])), 3),
            failures=rng.randint(1, 3) if fails else 0,
            snoozes=rng.randint(1, 3) if rng.random() < 0.15 else 0,
            passing=rng.random() < 0.8,
            stubborn=rng.random() < 0.3,
        )

    def _send(self, calls: list[Call[int]]) -> None:
        def submit() -> None:
            # It came too late for its `expires_at`, or another job has its key.
            with suppress(InvalidOption, DuplicateJob):
                handles = self._engine.submit_many(calls)
                self._truth.acknowledged += [handle.id for handle in handles]

        self._insist(submit)

    def _options(self, label: str) -> Options:
        rng = self._rng
        now = self._process.clock.now()
        options: Options = {
            "idempotency_key": label,
            "metadata": {"label": label},
            "queue": rng.choice(QUEUES),
            "priority": rng.randint(0, 2),
            "grace": rng.choice([0.0, 0.5, 2.0, 5.0]),
            "timeout": rng.choice([None, None, 5.0, 20.0]),
            "max_losses": rng.choice([1, 3, 50]),
            "retry": Retry(
                max_attempts=rng.randint(1, 4),
                backoff=rng.choice([0, 1, 8]),
                on_timeout=rng.random() < 0.5,
            ),
        }
        if rng.random() < 0.1:
            options["run_at"] = now + timedelta(seconds=rng.uniform(1, 60))
        elif rng.random() < 0.1:
            options["expires_at"] = now + timedelta(seconds=rng.uniform(1, 30))
        if rng.random() < 0.15 and self._truth.acknowledged:
            some = self._truth.acknowledged[-8:]
            options["depends_on"] = sorted({rng.choice(some) for _ in range(2)})
            options["on_parent_failure"] = rng.choice(("cancel", "run"))
        if rng.random() < 0.15:
            options["deadline"] = rng.uniform(1, 60)
        if rng.random() < 0.1:
            options["stalled_after"] = rng.choice([2.0, 10.0])
        return options

    def _submit_unique(self) -> None:
        """Submit a job with a key that others may have."""
        rng = self._rng
        call = self._call(work, 10)
        options: Options = {
            "unique_key": rng.choice("ab"),
            "unique_for": rng.choice([0.5, 10.0]),
            "on_conflict": rng.choice(_ON_CONFLICT),
        }
        if options["on_conflict"] == "debounce":
            call.job.defaults.pop("run_at", None)
            call.job.defaults.pop("expires_at", None)
        self._send([replace(call, job=call.job.options(**options))])

    def _cancel(self) -> None:
        job_ids = self._truth.acknowledged[-12:]
        if job_ids:
            job_id = self._rng.choice(job_ids)
            self._insist(lambda: self._cancel_one(job_id))

    def _cancel_one(self, job_id: str) -> None:
        try:
            self._truth.accept_cancel(self._engine.cancel(job_id, by="client"))
        except IllegalTransition:
            return  # it has ended otherwise
        except JobNotFound:
            self._truth.miss(job_id)

    def _signal(self) -> None:
        """Send a signal to one of those that read them."""
        waiting = self._truth.readers[-6:]
        if waiting:
            job_id, number = self._rng.choice(waiting), next(self._numbers)
            self._insist(lambda: self._signal_one(job_id, number))

    def _signal_one(self, job_id: str, number: int) -> None:
        sender = self._process.name
        with suppress(IllegalTransition, JobNotFound):
            self._engine.signal(job_id, SIGNAL, [sender, number], by=sender)
            self._truth.sent.append((job_id, [sender, number]))

    def _pause(self) -> None:
        queue = self._rng.choice(QUEUES)
        self._insist(lambda: self._engine.pause(queue))
        self._process.sleep(self._rng.uniform(1, 20))
        self._insist(lambda: self._engine.resume(queue))

    def _hold(self) -> None:
        """Hold a queue, a key or one of the last jobs for a while."""
        targets = [f"queue:{QUEUES[0]}", "key:group:true"]
        targets += [f"job:{job_id}" for job_id in self._truth.acknowledged[-6:]]
        target = self._rng.choice(targets)
        soon = timedelta(seconds=self._rng.uniform(5, 40))

        def hold() -> None:
            with suppress(IllegalTransition, InvalidOption, JobNotFound):
                until = self._process.clock.now() + soon
                self._engine.hold(target, by=self._process.name, until=until)

        self._insist(hold)
        if self._rng.random() < 0.5:
            self._process.sleep(self._rng.uniform(1, 20))
            self._insist(lambda: self._release(target))

    def _release(self, target: str) -> None:
        with suppress(IllegalTransition, InvalidOption, JobNotFound):
            self._engine.release_hold(target, by=self._process.name)
