"""The worker's side of durable steps: reads and writes them for a running job."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final

from interlock.api.inputs import BYTES, size
from interlock.api.results import unsuccessful
from interlock.core.errors import InvalidOption, LeaseLost
from interlock.core.job import Job
from interlock.core.records import Step
from interlock.jobs.steps import digest, same
from interlock.ports.store import JobStore

_PAGE: Final = 500
_ALL: Final = 100_000  # steps
_SUBMIT: Final = "submit"  # the kind of step
#: Stores what a job submits; returns what the job is told: `engine.submit_children`.
SubmitChildren = Callable[[Job, Mapping[str, Any]], Mapping[str, Any]]


class StepDesk:
    """The steps of one attempt. See `interlock.jobs.steps.Desk`."""

    def __init__(self, store: JobStore, submit: SubmitChildren, job: Job) -> None:
        self._store = store
        self._submit = submit
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

    def submit(
        self, name: str, use: str, order: Mapping[str, Any]
    ) -> Mapping[str, Any]:
        """See `Desk.submit`: the jobs and the step are one transaction."""
        about = {"function": None, "digest": digest(order)}
        with self._store.together():
            done = self.look(_SUBMIT, name, use)
            if done is not None:
                told: Mapping[str, Any] = same(f"submit of {name}", done, about)
                return told
            told = self._submit(self._job, order)
            self.keep(_SUBMIT, name, use, {"value": told, **about})
        return told

    def wait_for(self, wanted: Mapping[str, Any]) -> int:
        """See `Desk.wait_for`."""
        job = self._job
        many = self._store.steps.wait_for(
            job.id, self._ids(wanted), attempt=job.attempt
        )
        if many is None:
            raise LeaseLost(job.id, job.attempt, self._store.get(job.id).attempt)
        return many

    def _ids(self, wanted: Mapping[str, Any]) -> Sequence[str]:
        if "ids" in wanted:
            return [self._own(str(each)).id for each in wanted["ids"]]
        ids: list[str] = []
        after = -1
        while some := self._members(wanted, after):
            ids += [job.id for job in some]
            after = int(some[-1].group_index or 0)
        return ids

    def _members(self, wanted: Mapping[str, Any], after: int) -> list[Job]:
        group_id = str(wanted["group"])
        found = self._store.groups.members(group_id, after=after, limit=_PAGE)
        if any(job.parent_id != self._job.id for job in found):
            raise _not_its_own(group_id)
        return found

    def _own(self, job_id: str) -> Job:
        """Return a job that this one has submitted, or got in place of a new one.

        Raises:
            InvalidOption: it is another one: a job is not told of these.
        """
        job = self._store.get(job_id)
        if job.parent_id == self._job.id:
            return job
        done = self._store.steps.all(self._job.id, limit=_ALL)
        if any(step.kind == _SUBMIT and step.value == {"id": job_id} for step in done):
            return job
        raise _not_its_own(job_id)

    def results(self, wanted: Mapping[str, Any], after: int) -> dict[str, Any]:
        """See `Desk.results`. A page has about a MiB, or one result."""
        if "ids" in wanted:
            found = [self._own(str(each)) for each in wanted["ids"]]
        else:
            found = self._members(wanted, after)
        results, bytes_left = [], BYTES
        for job in found:
            error = unsuccessful(job)
            if error is not None:
                raise error
            results.append([job.name, job.id, job.result])
            bytes_left -= size(job.result)
            if "group" in wanted and bytes_left < 0:
                return {"results": results, "after": job.group_index}
        is_last = "ids" in wanted or len(found) < _PAGE
        return {
            "results": results,
            "after": None if is_last else found[-1].group_index,
        }

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


def _not_its_own(wanted: str) -> InvalidOption:
    allowed = "a job or a group that this job has submitted"
    return InvalidOption("job", wanted, allowed)
