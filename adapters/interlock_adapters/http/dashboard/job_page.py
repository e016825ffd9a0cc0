"""The page of one job, its output, and what a reader can copy."""

import asyncio
import json
from collections.abc import AsyncIterator
from typing import Annotated, Any, Final

from fastapi import Query
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response, StreamingResponse

from interlock.core.causes import cause_key
from interlock.core.errors import AmbiguousId, JobNotFound
from interlock.core.frames import frames
from interlock.core.ids import short_id
from interlock.core.job import Job
from interlock.core.records import LogLines
from interlock.jobs import serialize
from interlock.jobs.redaction import Redaction
from interlock_adapters.http.dashboard import output, render
from interlock_adapters.http.dashboard.dag import MOST, dag
from interlock_adapters.http.dashboard.machine import walked
from interlock_adapters.http.dashboard.path import path
from interlock_adapters.http.dashboard.verdict import Verdict, is_bad, progress
from interlock_adapters.http.dependencies import Api

_LINKS: Final = 20  # jobs on each side of one
_TAIL: Final = 200  # lines of output at first
_MORE: Final = 500  # lines that are loaded at once
_CHUNK: Final = 5000  # lines of a download, read at once

Seq = Annotated[int, Query(ge=0, le=2**53)]


class JobPage:
    """`/jobs/{job_id}`, `/jobs/{job_id}/output`, `/jobs/{job_id}/output.txt`."""

    def __init__(self, api: Api) -> None:
        self._api = api
        self._engine = api.engine

    async def show(self, request: Request, job_id: str) -> Response:
        """Show one job; a part of an id leads to the page of its job."""
        try:
            found = await self._api.full_id(job_id)
            if found != job_id:
                return RedirectResponse(f"/jobs/{found}", 303)
            values = await self._values(job_id)
        except (JobNotFound, AmbiguousId) as error:
            return render.problem(request, 404, "Job not found", error)
        return render.page(request, "job.html", **values)

    async def _values(self, job_id: str) -> dict[str, Any]:
        engine = self._engine
        job, history, attempts, lines, why, rejections = await asyncio.gather(
            engine.get(job_id),
            engine.history(job_id),
            engine.attempts(job_id),
            engine.log(job_id, tail=_TAIL),
            engine.explain(job_id),
            engine.rejections(job_id),
        )
        (
            dependencies,
            dependents,
            children,
            done,
            signals,
            reruns,
        ) = await asyncio.gather(
            engine.dependencies(job_id, limit=_LINKS),
            engine.dependents(job_id, limit=_LINKS),
            engine.search(parent=job_id, limit=_LINKS),
            engine.steps(job_id),
            engine.signals(job_id),
            engine.search(reruns_of=[job_id], limit=_LINKS),
        )
        linked = dependencies or dependents
        graph = await engine.graph(job_id, limit=MOST) if linked else None
        hidden = Redaction(job)
        shown = serialize.job(job)
        error = shown["error"] or {}
        return {
            "now": job.read_at,
            "job": job,
            "shown": shown,
            "verdict": Verdict(job, attempts, str(why)).sentence(),
            "progress": progress(job),
            "steps": path(job, history, attempts),
            "walked": walked(history),
            "frames": frames(error.get("traceback")),
            "history": [serialize.history(entry, hidden) for entry in history],
            "attempts": [
                (one, serialize.attempt(one, hidden)) for one in reversed(attempts)
            ],
            "lines": _lines(lines, hidden),
            "has_earlier": lines.has_earlier,
            "dependencies": dependencies,
            "dependents": dependents,
            "dag": None if graph is None else dag(graph),
            "children": children,
            "reruns": reruns.items,
            "done": [serialize.step(each, hidden) for each in done],
            "signals": [serialize.signal(each, hidden) for each in signals],
            "refused": [serialize.rejection(each, hidden) for each in rejections],
            "cause": cause_key(job) if is_bad(job.status) else None,
            "as_python": _as_python(job, hidden),
            "as_curl": _as_curl(job, hidden),
        }

    async def output(
        self,
        request: Request,
        job_id: str,
        after: Seq | None = None,
        before: Seq | None = None,
    ) -> Response:
        """Send lines of output after, or before, a number: a part of the page."""
        try:
            job = await self._engine.get(job_id)
            lines = await self._engine.log(
                job_id,
                after=after or 0,
                before=before,
                limit=_MORE,
                tail=None if before is None else _MORE,
            )
        except JobNotFound as error:
            return render.problem(request, 404, "Job not found", error)
        found = _lines(lines, Redaction(job))
        answer = render.page(request, "output.html", lines=found)
        answer.headers["X-Has-Earlier"] = str(lines.has_earlier).lower()
        return answer

    async def download(self, request: Request, job_id: str) -> Response:
        """Send the whole output as a text file."""
        try:
            job = await self._engine.get(job_id)
        except JobNotFound as error:
            return render.problem(request, 404, "Job not found", error)
        name = f"{short_id(job_id)}.log"
        headers = {"Content-Disposition": f'attachment; filename="{name}"'}
        return StreamingResponse(
            self._whole(job), media_type="text/plain; charset=utf-8", headers=headers
        )

    async def _whole(self, job: Job) -> AsyncIterator[str]:
        hidden, after = Redaction(job), 0
        while True:
            lines = await self._engine.log(job.id, after=after, limit=_CHUNK)
            for line in lines:
                text = output.plain(hidden.text(line.text))
                yield f"{line.at.isoformat(timespec='milliseconds')} {text}\n"
            if lines.next_after is None:
                return
            after = lines.next_after


def _lines(lines: LogLines, hidden: Redaction) -> list[output.OutputLine]:
    return output.lines(serialize.line(line, hidden) for line in lines)


def _as_python(job: Job, hidden: Redaction) -> str:
    params = hidden.params
    arguments = [f'"{job.name}"']
    if params:
        arguments.append(repr(params))
    return f"engine.submit({', '.join(arguments)})"


def _as_curl(job: Job, hidden: Redaction) -> str:
    body = json.dumps({"name": job.name, "params": hidden.params}).replace("'", r"'\''")
    return f"curl --json '{body}' "
