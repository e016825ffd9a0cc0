"""The pages of job names and of queues: how their jobs do, and a form to submit one."""

import asyncio
from collections import Counter
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Annotated, Any, Final

from fastapi import Query
from starlette.requests import Request
from starlette.responses import Response

from interlock.api.aio import AsyncEngine
from interlock.core.errors import JobNotFound
from interlock.core.job import Job
from interlock.core.lifecycle import Event, JobStatus, row_of
from interlock.core.records import EndedJob, WorkerInfo
from interlock.jobs.published import describe, live
from interlock.jobs.redaction import Redaction
from interlock.jobs.registry import registered
from interlock_adapters.http.dashboard import forms, render, words
from interlock_adapters.http.dashboard.charts import WINDOWS, charts, quantile
from interlock_adapters.http.dashboard.overview_page import ENDINGS

_LAST: Final = 8  # errors, and running jobs
_BAD: Final = [row_of(Event.FAIL).target, row_of(Event.TIME_OUT).target]
_RUNNING: Final = row_of(Event.CLAIM).target
Window = Annotated[str, Query(max_length=9)]


class NamePages:
    """`/names`, `/names/{name}`, `/queues/{queue}`."""

    def __init__(self, engine: AsyncEngine) -> None:
        self._engine = engine

    async def names(self, request: Request, window: Window = "24h") -> Response:
        """List the names of jobs."""
        now, chosen = datetime.now(UTC), WINDOWS.get(window, WINDOWS["24h"])
        totals, endings, workers = await asyncio.gather(
            self._engine.monitor.totals(),
            self._engine.monitor.ended_jobs(now - chosen.span, ENDINGS),
            self._engine.workers(),
        )
        known = {name for name, _ in totals.jobs} | set(_published(workers, now))
        return render.page(
            request,
            "names.html",
            now=now,
            chosen=chosen,
            rows=[
                _row(name, totals.jobs, [e for e in endings if e.name == name])
                for name in sorted(known)
            ],
            is_cut=len(endings) == ENDINGS,
        )

    async def name(
        self,
        request: Request,
        name: str,
        window: Window = "24h",
        like: Annotated[str, Query(max_length=64)] = "",
    ) -> Response:
        """Show how the jobs of one name do; `like`: a job whose parameters to take."""
        now, chosen = datetime.now(UTC), WINDOWS.get(window, WINDOWS["24h"])
        engine = self._engine
        totals, endings, workers, failed, causes = await asyncio.gather(
            engine.monitor.totals(),
            engine.monitor.ended_jobs(now - chosen.span, ENDINGS),
            engine.workers(),
            engine.search(name=name, statuses=_BAD, limit=_LAST),
            engine.failures.list(),
        )
        published = _published(workers, now).get(name)
        if published is None and not any(each == name for each, _ in totals.jobs):
            detail = f"No job has the name {name!r}, and no worker that runs knows it."
            return render.problem(request, 404, "Name not found", detail)
        like_job = await self._like(like)
        schedules = [s for s in await engine.schedules.list() if s.job == name]
        return render.page(
            request,
            "name.html",
            now=now,
            chosen=chosen,
            job_name=name,
            row=_row(name, totals.jobs, [e for e in endings if e.name == name]),
            charts=charts((e for e in endings if e.name == name), chosen, now=now),
            is_cut=len(endings) == ENDINGS,
            failed=failed.items,
            causes=[cause for cause in causes if cause.name == name],
            declared=published,
            fields=_fields(published, like_job),
            like=like_job,
            schedules=schedules,
        )

    async def _like(self, job_id: str) -> Job | None:
        try:
            return await self._engine.get(job_id) if job_id else None
        except JobNotFound:
            return None

    async def queue(
        self, request: Request, queue: str, window: Window = "1h"
    ) -> Response:
        """Show one queue."""
        now, chosen = datetime.now(UTC), WINDOWS.get(window, WINDOWS["1h"])
        engine = self._engine
        queues, endings, workers, running = await asyncio.gather(
            engine.queues(),
            engine.monitor.ended_jobs(now - chosen.span, ENDINGS),
            engine.workers(),
            engine.search(queue=queue, statuses=[_RUNNING], limit=_LAST),
        )
        info = next((each for each in queues if each.name == queue), None)
        of_queue = [ending for ending in endings if ending.queue == queue]
        if info is None and not of_queue:
            detail = f"No job waits or runs in a queue {queue!r}, and it is not paused."
            return render.problem(request, 404, "Queue not found", detail)
        return render.page(
            request,
            "queue.html",
            now=now,
            chosen=chosen,
            queue=queue,
            info=info,
            charts=charts(of_queue, chosen, now=now),
            is_cut=len(endings) == ENDINGS,
            by_name=Counter(ending.name for ending in of_queue).most_common(),
            running=[(job, words.of_job(job)) for job in running.items],
            workers=[
                worker
                for worker in live(workers, now)
                if worker.queues is None or queue in worker.queues
            ],
        )


def _shown(job: Job) -> Mapping[str, object]:
    params = Redaction(job).params
    return params if isinstance(params, Mapping) else {}


def _published(workers: Sequence[WorkerInfo], now: datetime) -> Mapping[str, Any]:
    """Return what is known of each name: of the newest worker's code, or of ours."""
    found: dict[str, Any] = {}
    newest = sorted(live(workers, now), key=lambda worker: worker.started_at)
    for worker in newest:
        found |= worker.jobs or {}
    return found | describe(registered())


def _row(
    name: str,
    jobs: Mapping[tuple[str, JobStatus], int],
    endings: Sequence[EndedJob],
) -> dict[str, Any]:
    counts = {status: jobs.get((name, status), 0) for status in JobStatus}
    ran = sorted(
        (e.finished_at - e.started_at).total_seconds() for e in endings if e.started_at
    )
    bad = sum(ending.status in _BAD for ending in endings)
    return {
        "name": name,
        "counts": counts,
        "ended": len(endings),
        "failed": bad,
        "share": words.share(bad, len(endings)),
        "p50": quantile(ran, 0.5),
        "p95": quantile(ran, 0.95),
    }


def _fields(published: Any, like: Job | None) -> list[forms.Field]:
    if published is None:
        return []
    given = _shown(like) if like is not None else None
    return forms.fields(
        published["params"], given=given, secret=published.get("secret", ())
    )
