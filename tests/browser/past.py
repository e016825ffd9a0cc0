"""An hour of a store, played fast: four workers, failures, a death and a rescue."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from random import Random
from typing import Any

from interlock import Engine
from interlock.core.job import Failure, Job
from interlock.core.lifecycle import Event, Proof, Reason, StopCause
from interlock.core.records import WorkerInfo
from interlock.core.retry import Retry
from interlock.ports.clock import SystemClock
from interlock.testing.clock import ManualClock
from interlock.testing.scenario import Scenario

HOUR = timedelta(hours=1)
_HOUR_S = HOUR.total_seconds()
STEP_S = 10.0
#: Name, queue, seconds, how often it fails, and parameters.
KINDS: tuple[tuple[str, str, float, float, dict[str, object]], ...] = (
    ("images.thumbnail", "default", 14, 0.0, {"folder": "2026/11/28", "size": 128}),
    ("reports.render", "reports", 40, 0.04, {"report": "weekly", "region": "north"}),
    (
        "invoices.export",
        "default",
        35,
        0.12,
        {"customer": "C-2291", "month": "2026-10"},
    ),
    ("search.reindex", "default", 150, 0.02, {"index": "products", "full": True}),
    ("train.model", "gpu", 900, 0.1, {"dataset": "autumn", "epochs": 200}),
)
QUEUES: dict[str, tuple[str, ...]] = {
    "box-1": ("default", "reports"),
    "box-2": ("default", "reports"),
}
QUEUES |= {"box-3": ("default", "reports"), "gpu-1": ("gpu",)}
TRACEBACK = """Traceback (most recent call last):
  File "/srv/billing/export.py", line 131, in export
    line.tax = rate_for(line.country, line.day) * line.net
  File "/srv/billing/tax.py", line 48, in rate_for
    return table[country]
KeyError: 'XK'
"""
ERRORS = {
    "invoices.export": ("KeyError", "'XK'", TRACEBACK),
    "reports.render": ("OSError", "connection reset", None),
    "search.reindex": ("TimeoutError", "the index did not answer", None),
    "train.model": ("ValueError", "loss is not a number", None),
}


@dataclass
class _Slot:
    worker: str
    job: Job | None = None
    until: datetime | None = None


def play(url: str, *, seed: int = 7) -> None:
    """Play the hour before now, in a store of its own clock."""
    clock = ManualClock(datetime.now(UTC) - HOUR, SystemClock().boot() - _HOUR_S)
    with Engine.open(url, clock=clock) as engine:
        Past(engine, clock, Random(seed)).run()


class Past:
    """The workers and their jobs."""

    def __init__(self, engine: Engine, clock: ManualClock, random: Random) -> None:
        self.engine, self.clock, self.random = engine, clock, random
        self.scene = Scenario(engine._store, clock)
        self.end = clock.now() + HOUR
        self.slots = [
            _Slot(worker)
            for worker, queues in QUEUES.items()
            for _ in range(3 if "gpu" in queues else 4)
        ]
        self.dead_from = clock.now() + timedelta(minutes=42)
        self.dead_until = clock.now() + timedelta(minutes=49)

    def run(self) -> None:
        """Go through the hour in steps."""
        while self.clock.now() < self.end:
            self._submit()
            self._die()
            for slot in self.slots:
                self._step(slot)
            self.clock.advance(STEP_S)
        self._submit()
        for worker, queues in QUEUES.items():
            self.engine._store.see_worker(
                WorkerInfo(
                    id=worker,
                    host=worker,
                    pid=1,
                    boot_id="b",
                    containment="cgroup",
                    concurrency=3 if "gpu" in queues else 4,
                    queues=queues,
                    started_at=self.end - HOUR,
                    seen_at=self.end,
                    lease_s=30.0,
                    memory_bytes=(900 if "gpu" in queues else 240) * 2**20,
                )
            )

    def _submit(self) -> None:
        for name, queue, seconds, _, params in KINDS:
            if self.random.random() < STEP_S / seconds * (2 if queue == "gpu" else 3):
                retry = Retry(max_attempts=2 if name == "reports.render" else 1)
                self.scene.add(
                    _new_id(self.clock.now(), self.random),
                    name=name,
                    queue=queue,
                    params=params,
                    retry=retry,
                    timeout_s=900.0 if queue == "gpu" else None,
                )

    def _is_dead(self, worker: str) -> bool:
        now = self.clock.now()
        return worker == "box-3" and self.dead_from <= now < self.dead_until

    def _die(self) -> None:
        for slot in self.slots:
            if slot.job is not None and self._is_dead(slot.worker):
                facts: dict[str, Any] = {"proof": Proof.CGROUP, "reason": Reason.LOST}
                self.scene.apply(slot.job, Event.RESCUE, domain_empty=True, **facts)
                slot.job = None

    def _step(self, slot: _Slot) -> None:
        now = self.clock.now()
        if slot.job is not None and slot.until is not None and slot.until <= now:
            self._finish(slot.job)
            slot.job = None
        if slot.job is None and not self._is_dead(slot.worker):
            names = [name for name, queue, *_ in KINDS if queue in QUEUES[slot.worker]]
            long = timedelta(hours=2)
            found = self.scene.claim(*names, limit=1, worker=slot.worker, lease=long)
            for job in found:
                mean = next(kind[2] for kind in KINDS if kind[0] == job.name)
                seconds = mean * (0.3 + 1.4 * self.random.random())
                slot.job, slot.until = job, now + timedelta(seconds=seconds)

    def _finish(self, job: Job) -> None:
        share = next(kind[3] for kind in KINDS if kind[0] == job.name)
        proof: dict[str, Any] = {"proof": Proof.CGROUP}
        if self.random.random() < 0.01 or (
            job.name == "train.model" and self.random.random() < 0.2
        ):
            self.scene.apply(job, Event.REQUEST_CANCEL, text="wrong data set")
            self.scene.apply(job, Event.STOP, stop_cause=StopCause.CANCEL)
            self.scene.apply(job, Event.FINISH_CANCEL, **proof)
        elif self.random.random() < 0.01:
            self.scene.apply(job, Event.STOP, stop_cause=StopCause.TIMEOUT)
            self.scene.apply(job, Event.TIME_OUT, reason=Reason.TOO_LONG, **proof)
        elif self.random.random() < share:
            kind, message, traceback = ERRORS[job.name]
            error = Failure(
                reason=Reason.ERROR, message=message, type=kind, traceback=traceback
            )
            goes_on = job.failures + 1 < job.retry.max_attempts
            event = Event.RETRY if goes_on else Event.FAIL
            later = self.clock.now() + timedelta(seconds=20)
            facts: dict[str, Any] = {"error": error, "reason": Reason.ERROR, **proof}
            self.scene.apply(job, event, run_at=later if goes_on else None, **facts)
        else:
            self.scene.apply(job, Event.SUCCEED, result={"files": 12}, **proof)


def _new_id(now: datetime, random: Random) -> str:
    """Return an id that begins with the time, as `ids.new_id` does."""
    ms = int(now.timestamp() * 1000)
    return f"{ms:012x}7{random.getrandbits(76):019x}"
