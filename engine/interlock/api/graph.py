"""Walks over the dependencies around a job."""

from collections import deque

from interlock.core.dependencies import Dependency, Graph, Linked
from interlock.core.job import Job
from interlock.ports.store import JobStore


def around(store: JobStore, job: Job, limit: int) -> Graph:
    """Return the nearest jobs that depend on a job, or it on them, directly or not."""
    jobs = {job.id: job}
    edges: dict[tuple[str, int], Dependency] = {}
    to_visit = deque([job.id])
    is_whole = True

    def take(found: list[Linked]) -> None:
        nonlocal is_whole
        is_whole &= len(found) <= limit
        for linked in found[:limit]:
            other = linked.job
            if other is None:
                continue
            if other.id not in jobs:
                if len(jobs) == limit:
                    is_whole = False
                    continue
                jobs[other.id] = other
                to_visit.append(other.id)
            edge = linked.dependency
            edges[edge.job_id, edge.position] = edge

    while to_visit:
        job_id = to_visit.popleft()
        take(store.dependencies(job_id, limit=limit + 1))
        take(store.dependents(job_id, limit=limit + 1))
    return Graph(
        jobs=tuple(jobs[job_id] for job_id in sorted(jobs)),
        edges=tuple(edges[place] for place in sorted(edges)),
        is_whole=is_whole,
    )
