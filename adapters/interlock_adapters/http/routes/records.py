"""Routes for the records of a job: history, attempts, log, result, explanation."""

from collections.abc import AsyncIterator
from dataclasses import asdict
from typing import Annotated, Any

from fastapi import APIRouter, Query
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from interlock.core.errors import JobNotFound
from interlock.core.job import Job
from interlock.core.lifecycle import Event, row_of
from interlock.jobs import serialize
from interlock.jobs.redaction import Redaction
from interlock_adapters.http.dependencies import Api, refusals
from interlock_adapters.http.routes import sse
from interlock_adapters.http.routes.jobs import PartOfId, Wait
from interlock_adapters.http.schemas import json_responses, responses
from interlock_adapters.http.schemas.problems import Problem

_SUCCEEDED = row_of(Event.SUCCEED).target
_POLL_S = 0.5  # PostgreSQL announces no lines
_LINES = 1000


class Records:
    """The routes below `/v1/jobs/{job_id}` that only read."""

    def __init__(self, api: Api) -> None:
        self._api = api
        self._engine = api.engine

    def add_to(self, router: APIRouter) -> None:
        """Add the routes."""
        stream: dict[str, Any] = {
            "description": "Lines; with `follow` a stream of events",
            "content": {sse.MEDIA_TYPE: {"schema": {"type": "string"}}},
        }
        no_more: dict[int | str, dict[str, Any]] = {}
        streamed: dict[int | str, dict[str, Any]] = {200: stream}
        for name, endpoint, model, extra in (
            ("history", self.list_history, responses.HistoryPageOut, no_more),
            ("attempts", self.list_attempts, responses.AttemptPageOut, no_more),
            ("rejections", self.list_rejections, responses.RejectionPageOut, no_more),
            ("log", self.get_log, responses.LogPageOut, streamed),
            ("result", self.get_result, responses.ResultOut, refusals(409)),
            ("explain", self.explain_job, responses.ExplanationOut, no_more),
        ):
            router.add_api_route(
                f"/v1/jobs/{{job_id}}/{name}",
                endpoint,
                methods=["GET"],
                response_model=model,
                responses={**refusals(404), **extra},
                tags=["records"],
            )

    async def _hidden(self, job_id: str) -> Redaction:
        return Redaction(await self._engine.get(job_id))

    async def list_history(self, job_id: PartOfId) -> Response:
        """Return every logged event of a job, in order."""
        job_id = await self._api.full_id(job_id)
        hidden = await self._hidden(job_id)
        entries = await self._engine.history(job_id)
        return json_responses.page(
            serialize.history(entry, hidden) for entry in entries
        )

    async def list_attempts(self, job_id: PartOfId) -> Response:
        """Return the attempts of a job, in order."""
        job_id = await self._api.full_id(job_id)
        hidden = await self._hidden(job_id)
        attempts = await self._engine.attempts(job_id)
        return json_responses.page(
            serialize.attempt(attempt, hidden) for attempt in attempts
        )

    async def list_rejections(self, job_id: PartOfId) -> Response:
        """Return the events that were refused for a job."""
        job_id = await self._api.full_id(job_id)
        hidden = await self._hidden(job_id)
        rejections = await self._engine.rejections(job_id)
        return json_responses.page(
            serialize.rejection(rejection, hidden) for rejection in rejections
        )

    async def get_result(self, job_id: PartOfId, wait: Wait = None) -> Response:
        """Return what the function returned; 409 if there is no result (yet)."""
        job_id = await self._api.full_id(job_id)
        if wait:
            job = await self._api.waited(job_id, wait)
        else:
            job = await self._engine.get(job_id)
        if job.status is not _SUCCEEDED:
            raise _no_result(job)
        return JSONResponse({"result": serialize.job(job)["result"]})

    async def explain_job(self, job_id: PartOfId) -> Response:
        """Return a sentence that says what a job is doing, or why it does not run."""
        job_id = await self._api.full_id(job_id)
        said = await self._engine.explain(job_id)
        reasons = [serialize.plain(asdict(each)) for each in said.reasons]
        return JSONResponse({"explanation": said, "reasons": reasons})

    async def get_log(
        self,
        request: Request,
        job_id: PartOfId,
        *,
        after: Annotated[int, Query(ge=0, le=2**62)] = 0,
        before: Annotated[int | None, Query(ge=0, le=2**62)] = None,
        limit: Annotated[int, Query(ge=1, le=10_000)] = _LINES,
        tail: Annotated[
            int | None, Query(ge=1, le=10_000, description="Only the last lines")
        ] = None,
        follow: Annotated[
            bool, Query(description="As a stream of events, until the job ends")
        ] = False,
    ) -> Response:
        """Return the output of a job, or follow it while the job runs.

        If it has more than `limit` lines, `next_cursor` is the `after` of the next
        page. `has_earlier` tells whether `tail` left out lines; those before the first
        one that was sent are the `tail` with `before=` its `seq`.
        """
        job_id = await self._api.full_id(job_id)
        hidden = await self._hidden(job_id)
        if follow:
            last_event_id = request.headers.get("last-event-id")
            start = sse.seq_of(last_event_id, str(after))
            self._api.limits.refuse_full()
            return sse.response(self._followed(job_id, start, hidden))
        if tail is not None:
            limit = _LINES
        lines = await self._engine.log(
            job_id, after=after, before=before, limit=limit, tail=tail
        )
        return json_responses.page(
            (serialize.line(line, hidden) for line in lines),
            None if lines.next_after is None else str(lines.next_after),
            has_earlier=lines.has_earlier,
        )

    async def _followed(
        self, job_id: str, after: int, hidden: Redaction
    ) -> AsyncIterator[bytes]:
        with self._api.limits.stream():
            yield sse.RETRY
            silent_s = 0.0
            while not self._api.tail.closed:
                try:
                    job = await self._engine.get(job_id)
                    lines: list[Any] = await self._engine.log(
                        job_id, after=after, limit=_LINES
                    )
                except JobNotFound:
                    return  # purged meanwhile
                for line in lines:
                    after = line.seq
                    yield sse.frame(str(line.seq), serialize.line(line, hidden))
                if job.is_terminal and not lines:
                    return
                silent_s = 0.0 if lines else silent_s + _POLL_S
                if silent_s > self._api.settings.heartbeat:
                    silent_s = 0.0
                    yield sse.ALIVE
                if not lines:
                    await self._api.tail.changed(_POLL_S)


def _no_result(job: Job) -> Problem:
    why = f"It is {job.status}" + (f" ({job.reason})." if job.reason else ".")
    error = serialize.job(job)["error"]
    more = {"job_id": job.id, "job_status": job.status, "reason": job.reason}
    more |= {"error": error}
    return Problem(409, "no-result", f"Job {job.id} has no result. {why}", more)
