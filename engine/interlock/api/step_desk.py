"""The worker's side of durable steps: reads and writes them for a running job."""

from collections.abc import Mapping
from typing import Any

from interlock.core.errors import LeaseLost
from interlock.core.job import Job
from interlock.core.records import Step
from interlock.ports.store import JobStore


class StepDesk:
    """The steps of one attempt. See `interlock.jobs.steps.Desk`."""

    def __init__(self, store: JobStore, job: Job) -> None:
        self._store = store
        self._job = job

    def look(self, kind: str, name: str, use: str) -> dict[str, Any] | None:
        """See `Desk.look`. The age is by the clock of the store."""
        step = self._store.steps.get(self._job.id, kind, name, use)
        if step is None:
            return None
        return {
            "value": step.value,
            "function": step.function,
            "digest": step.digest,
            "age_s": (self._store.now() - step.at).total_seconds(),
        }

    def keep(self, kind: str, name: str, use: str, step: Mapping[str, Any]) -> None:
        """See `Desk.keep`."""
        stored = Step(
            job_id=self._job.id,
            kind=kind,
            name=name,
            use=use,
            attempt=self._job.attempt,
            at=self._store.now(),
            function=step.get("function"),
            digest=step.get("digest"),
            value=step["value"],
        )
        if not self._store.steps.put(stored):
            current = self._store.get(self._job.id)
            raise LeaseLost(self._job.id, self._job.attempt, current.attempt)

    def signal(self, name: str, use: str, timeout: float | None) -> dict[str, Any]:
        """See `Desk.signal`."""
        done = self.look("signal", name, use)
        if done is not None:
            told: dict[str, Any] = done["value"]
            return told
        began = self.look("wait", name, use)
        with self._store.together():
            found = self._store.steps.take(
                self._job.id, name, attempt=self._job.attempt
            )
            if found is not None:
                value: dict[str, Any] = {"payload": found.payload, "by": found.by}
                self.keep("signal", name, use, {"value": value})
                return value
            if began is None:
                self.keep("wait", name, use, {"value": timeout})
        waited = 0.0 if began is None else began["age_s"]
        if timeout is None:
            return {"delay_s": None}
        if waited < timeout:
            return {"delay_s": timeout - waited}
        self.keep("signal", name, use, {"value": {"timed_out": timeout}})
        return {"timed_out": timeout}
