"""What jobs of the store in memory depend on."""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from datetime import datetime

from interlock.core.dependencies import (
    Dependency,
    Linked,
    Links,
    abandon,
    awaits_itself,
    cancel_child,
    is_taken_along,
    words_of,
)
from interlock.core.errors import InvalidOption
from interlock.core.guards import CANCEL, RUN
from interlock.core.job import Job, Move, NewJob
from interlock.core.lifecycle import INITIAL, Event, row_of
from interlock_adapters.memory.records import Records

_SUCCEEDED = row_of(Event.SUCCEED).target
_CANCELED = row_of(Event.CANCEL).target


class Dependencies:
    """The dependencies of jobs."""

    def __init__(self, records: Records) -> None:
        self._records = records

    def refuse_missing(
        self,
        new: Sequence[NewJob],
        dependencies: Links,
    ) -> None:
        """Refuse dependencies on jobs that do not exist. Raises InvalidOption."""
        known = {each.id for each in new} | set(self._records.jobs)
        for each in new:
            for edge in dependencies.get(each.id, ()):
                if edge.parent_id not in known:
                    allowed = "ids of jobs that exist: there is none with this id"
                    raise InvalidOption("depends_on", edge.parent_id, allowed)

    def put(self, job: Job, edges: Sequence[Dependency]) -> None:
        """Store what a new job depends on."""
        if edges:
            self._records.edges[job.id] = tuple(edges)
            self.place(job)

    def place(self, job: Job) -> None:
        """Have a waiting job wait for one that it needs."""
        if job.status is INITIAL:
            self._records.put(self._placed(job))

    def _placed(self, job: Job) -> Job:
        waited = (*self._parents(job), *self._awaited(job))
        blocked_by = next((p.id for p in waited if not p.is_terminal), None)
        return replace(job, blocked_by=blocked_by)

    def _parents(self, job: Job) -> Iterator[Job]:
        edges = self._records.edges.get(job.id, ())
        return (
            self._records.jobs[edge.parent_id]
            for edge in edges
            if edge.awaited_by is None
        )

    def _awaited(self, job: Job) -> Iterator[Job]:
        edges = self._records.edges.get(job.id, ())
        return (
            self._records.jobs[edge.parent_id]
            for edge in edges
            if edge.awaited_by is not None
        )

    def wait_for(self, job: Job, ids: Sequence[str]) -> int:
        """Record that a running job waits for others. See `Steps.wait_for`."""
        if any(self._needs(each, job.id) for each in ids):
            raise awaits_itself(job.id)
        edges = list(self._records.edges.get(job.id, ()))
        known = {edge.parent_id for edge in edges if edge.awaited_by is not None}
        live = [each for each in ids if not self._records.jobs[each].is_terminal]
        edges += [
            Dependency(
                job_id=job.id,
                position=len(edges) + number,
                parent_id=each,
                awaited_by=job.attempt,
            )
            for number, each in enumerate(each for each in live if each not in known)
        ]
        self._records.edges[job.id] = tuple(edges)
        return len(live)

    def _needs(self, job_id: str, wanted: str) -> bool:
        """Whether a job waits for another one, or for one that does."""
        if self._records.jobs[job_id].is_terminal:
            return False
        edges = self._records.edges.get(job_id, ())
        return any(
            edge.parent_id == wanted or self._needs(edge.parent_id, wanted)
            for edge in edges
        )

    def depends_on(self, job: Job) -> list[str]:
        """Return the ids of jobs that have not ended as a job needs."""
        return [
            parent.id
            for parent in self._parents(job)
            if not parent.is_terminal
            or (parent.status is not _SUCCEEDED and job.on_parent_failure != RUN)
        ]

    def awaits(self, job: Job) -> list[str]:
        """Return the ids of jobs that an attempt waits for, and that live."""
        return [each.id for each in self._awaited(job) if not each.is_terminal]

    def failed(self, job: Job) -> Job | None:
        """Return one that it depends on and that has ended, but not SUCCEEDED."""
        return next((p for p in self._parents(job) if self._is_failed(p)), None)

    def _is_failed(self, job: Job) -> bool:
        return job.is_terminal and job.status is not _SUCCEEDED

    def is_awaited(self, job_id: str) -> bool:
        """Whether an unfinished job depends on a job."""
        return any(not child.is_terminal for child in self._children(job_id))

    def _children(self, job_id: str) -> list[Job]:
        return [
            self._records.jobs[child]
            for child, edges in self._records.edges.items()
            if any(edge.parent_id == job_id for edge in edges)
        ]

    def follow(self, ended: Job, now: datetime) -> list[Move]:
        """Open what waited for a job that ended; return what abandons the others."""
        moves = []
        if ended.status is _CANCELED:
            moves += [
                cancel_child(child, ended, now)
                for child in list(self._records.jobs.values())
                if child.parent_id == ended.id and is_taken_along(child)
            ]
        for child in self._children(ended.id):
            if child.status is not INITIAL:
                continue
            placed = self._placed(child)
            self._records.put(placed)
            is_lost = child.attempt == 0 and child.on_parent_failure == CANCEL
            if self._is_failed(ended) and is_lost:
                why = self._records.history[ended.id][-1].reason
                moves.append(abandon(child.id, words_of(ended, why), now))
        return moves

    def dependencies(
        self, job_id: str, *, after: int = -1, limit: int = 1000
    ) -> list[Linked]:
        """See `JobStore.dependencies`."""
        edges = self._records.edges.get(job_id, ())
        found = [edge for edge in edges if edge.position > after]
        jobs = self._records.jobs
        return [Linked(dependency=e, job=jobs.get(e.parent_id)) for e in found[:limit]]

    def dependents(
        self, job_id: str, *, after: str = "", limit: int = 1000
    ) -> list[Linked]:
        """See `JobStore.dependents`."""
        found = [
            Linked(dependency=edge, job=child)
            for child in sorted(self._children(job_id), key=lambda job: job.id)
            if child.id > after
            for edge in self._records.edges[child.id]
            if edge.parent_id == job_id
        ]
        return found[:limit]
