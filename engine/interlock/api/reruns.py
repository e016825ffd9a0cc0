"""Repeats ended jobs, with what they depend on."""

from collections import deque
from dataclasses import replace
from datetime import datetime

from interlock.core.dependencies import Dependency, Linked
from interlock.core.errors import InvalidOption
from interlock.core.guards import CANCEL
from interlock.core.job import Job, NewJob
from interlock.core.lifecycle import Event, Reason, row_of
from interlock.jobs.submission import again
from interlock.ports.store import JobStore

_PAGE = 1000


class Again:
    """New jobs that repeat ended ones: `new`."""

    SUCCEEDED = row_of(Event.SUCCEED).target

    def __init__(
        self,
        store: JobStore,
        now: datetime,
        by: str | None,
        *,
        in_group: bool = False,  # in the places of the old ones
    ) -> None:
        self._in_group = in_group
        self.new: list[NewJob] = []
        self._store = store
        self._now = now
        self._by = by
        self._jobs: list[Job] = []  # that are repeated
        self._ids: dict[str, str] = {}  # of the new job, for each of these

    def add(self, job: Job) -> None:
        """Repeat a job. Raises IllegalTransition: it has not ended yet."""
        new = again(job, now=self._now, by=self._by)
        if self._in_group:
            place = {"group_id": job.group_id, "group_index": job.group_index}
            new = replace(new, **place)  # type: ignore[arg-type]  # of these fields
        self.new.append(new)
        self._jobs.append(job)
        self._ids[job.id] = new.id

    def add_dependents(self, job: Job) -> None:
        """Repeat also the jobs that were abandoned because of this one."""
        to_visit = deque([job])
        while to_visit:
            for other in self._abandoned(to_visit.popleft()):
                if other.id not in self._ids:
                    self.add(other)
                    to_visit.append(other)

    def links(self) -> dict[str, list[Dependency]]:
        """Return what the new jobs depend on: the same, or what repeats that.

        Raises:
            InvalidOption: a job depends on one that was deleted or has not succeeded.
        """
        return {
            self._ids[job.id]: self._links(job, self._ids[job.id])
            for job in self._jobs
            if job.dependencies
        }

    def _abandoned(self, job: Job) -> list[Job]:
        found: list[Job] = []
        after = ""
        while some := self._store.dependents(job.id, after=after, limit=_PAGE):
            found += [each.job for each in some if each.job is not None]
            after = some[-1].dependency.job_id
        return [other for other in found if other.reason is Reason.PARENT]

    def _links(self, job: Job, job_id: str) -> list[Dependency]:
        links: list[Dependency] = []
        after = -1
        while some := self._store.dependencies(job.id, after=after, limit=_PAGE):
            links += [
                self._link(job, linked, job_id)
                for linked in some
                if linked.dependency.awaited_by is None
            ]
            after = some[-1].dependency.position
        return links

    def _link(self, job: Job, linked: Linked, job_id: str) -> Dependency:
        edge = linked.dependency
        parent_id = self._ids.get(edge.parent_id)
        if parent_id is None:
            self._refuse_unusable(job, linked)
            parent_id = edge.parent_id
        return replace(edge, job_id=job_id, parent_id=parent_id)

    def _refuse_unusable(self, job: Job, linked: Linked) -> None:
        parent_id, parent = linked.dependency.parent_id, linked.job
        if parent is None:
            message = (
                f"Job {job.id} cannot run again: it depends on job {parent_id}, which "
                "was deleted. Submit it anew. Nothing was stored."
            )
            raise InvalidOption.because("depends_on", message)
        if job.on_parent_failure == CANCEL and _is_failed(parent):
            first = self._failed_first(parent)
            message = (
                f"Job {job.id} cannot run again: it depends on job {parent_id}, which "
                f"is {parent.status}. Run again what failed, with all that depends on "
                f'it: engine.rerun("{first.id}", dependents=True). Nothing was stored.'
            )
            raise InvalidOption.because("depends_on", message)

    def _failed_first(self, job: Job) -> Job:
        """Return the job because of which one was abandoned, if it was."""
        while job.reason is Reason.PARENT:
            linked = self._store.dependencies(job.id, limit=_PAGE)
            failed = [each.job for each in linked if each.job and _is_failed(each.job)]
            if not failed:
                break
            job = failed[0]
        return job


def _is_failed(job: Job) -> bool:
    return job.is_terminal and job.status is not Again.SUCCEEDED
