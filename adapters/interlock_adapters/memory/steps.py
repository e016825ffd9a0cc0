"""Steps of jobs, and signals to them, of the store in memory."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import datetime

from interlock.core.errors import InvalidToken, JobNotFound
from interlock.core.guards import refusal
from interlock.core.job import Job, Move
from interlock.core.lifecycle import Event, row_of
from interlock.core.records import SIGNAL, SignalInfo, Step
from interlock_adapters.memory.dependencies import Dependencies
from interlock_adapters.memory.records import Records

_RUNNING = row_of(Event.CLAIM).target


class Steps:
    """See `interlock.ports.steps`."""

    def __init__(
        self,
        records: Records,
        links: Dependencies,
        apply: Callable[[Move], object],
    ) -> None:
        self._records = records
        self._links = links
        self._apply = apply

    def get(self, job_id: str, kind: str, name: str, use: str) -> Step | None:
        """See `Steps.get`."""
        return self._records.steps.get((job_id, kind, name, use))

    def put(self, step: Step) -> bool:
        """See `Steps.put`."""
        with self._records.lock:
            job = self._records.jobs.get(step.job_id)
            if job is None or not self._may_write(job, step.attempt):
                return False
            key = step.job_id, step.kind, step.name, step.use
            done = self._records.steps.get(key)
            if done is not None and step.kind != "saved":
                done.refuse_other(step)
                return True
            now = self._records.clock.now()
            self._records.steps[key] = replace(step, at=now)
        return True

    def _may_write(self, job: Job, attempt: int) -> bool:
        is_current = job.status is _RUNNING and job.attempt == attempt
        return is_current and self._records.is_leased(job)

    def wait_for(self, job_id: str, ids: Sequence[str], *, attempt: int) -> int | None:
        """See `Steps.wait_for`."""
        with self._records.lock:
            job = self._records.jobs.get(job_id)
            if job is None or not self._may_write(job, attempt):
                return None
            return self._links.wait_for(job, ids)

    def all(self, job_id: str, *, limit: int = 1000) -> list[Step]:
        """See `Steps.all`."""
        found = [step for step in self._records.steps.values() if step.job_id == job_id]
        found.sort(key=lambda step: (step.at, step.kind, step.name, step.use))
        return found[:limit]

    def send(
        self,
        job_id: str,
        name: str,
        payload: object,
        *,
        by: str,
        now: datetime,
        once: bool = False,
    ) -> Job:
        """See `Steps.send`."""
        with self._records.lock:
            job = self._records.jobs.get(job_id)
            if job is None:
                raise JobNotFound(job_id)
            senders = {(each.job_id, each.by) for each in self._records.signals}
            if once and (job_id, by) in senders:
                raise InvalidToken
            waits_for = SIGNAL + name
            move = _wake(job_id, name, now, by)
            if job.is_terminal:
                raise refusal(move, job, lease_live=False)
            number = len(self._records.signals) + 1
            self._records.signals.append(
                SignalInfo(
                    job_id=job_id,
                    name=name,
                    payload=payload,
                    by=by,
                    at=self._records.clock.now(),
                    number=number,
                )
            )
            if job.waits_for == waits_for:
                self._apply(move)
            found = self._records.jobs[job_id]
        self._records.wake()
        return found

    def take(self, job_id: str, name: str, *, attempt: int) -> SignalInfo | None:
        """See `Steps.take`."""
        with self._records.lock:
            for place, signal in enumerate(self._records.signals):
                key = signal.job_id, signal.name, signal.read_by
                if key == (job_id, name, None):
                    read = replace(signal, read_by=attempt)
                    self._records.signals[place] = read
                    return read
        return None

    def signals(self, job_id: str, *, limit: int = 1000) -> list[SignalInfo]:
        """See `Steps.signals`."""
        return [s for s in self._records.signals if s.job_id == job_id][:limit]

    def come_already(self, job: Job, now: datetime) -> Move | None:
        """Return the move that wakes a job whose signal has come."""
        name = str(job.waits_for).removeprefix(SIGNAL)
        for signal in self._records.signals:
            if (signal.job_id, signal.name, signal.read_by) == (job.id, name, None):
                return _wake(job.id, name, now, signal.by)
        return None


def _wake(job_id: str, name: str, now: datetime, by: str) -> Move:
    return Move(
        job_id=job_id,
        event=Event.WAKE,
        now=now,
        actor=by,
        text=f"signal {name!r}",
        waits_for=SIGNAL + name,
    )
