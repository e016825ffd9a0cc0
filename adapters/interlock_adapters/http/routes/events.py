"""Routes for Server-Sent Events, of one job or of all."""

from collections.abc import AsyncIterator
from typing import Annotated, Any, Final

from fastapi import APIRouter, Header, Query
from starlette.responses import Response

from interlock.core.errors import JobNotFound
from interlock.core.job import HistoryEntry
from interlock.core.records import FeedPosition
from interlock.jobs import serialize
from interlock.jobs.redaction import Redaction
from interlock_adapters.http.dependencies import Api, refusals
from interlock_adapters.http.routes import sse
from interlock_adapters.http.routes.jobs import PartOfId

LastEventId = Annotated[
    str | None,
    Header(
        alias="Last-Event-ID",
        description="Continue after this event; browsers send it themselves",
    ),
]
After = Annotated[
    str | None, Query(max_length=500, description="The same as Last-Event-ID")
]
_MOST_FRAMES: Final = 2000
_START: Final = FeedPosition(0, "", 0)


class Events:
    """`/v1/events` and `/v1/jobs/{job_id}/events`."""

    def __init__(self, api: Api) -> None:
        self._api = api
        self._engine = api.engine
        self._frames: dict[FeedPosition, bytes] = {}

    def add_to(self, router: APIRouter) -> None:
        """Add the routes."""
        schema = {"schema": {"type": "string"}}
        stream: dict[str, Any] = {"description": "Events"}
        stream["content"] = {sse.MEDIA_TYPE: schema}
        over: dict[str, Any] = {
            "description": "The job has ended, and nothing is left to tell"
        }
        for path, endpoint, responses in (
            ("/v1/events", self.stream_events, {200: stream, **refusals()}),
            (
                "/v1/jobs/{job_id}/events",
                self.stream_job_events,
                {200: stream, 204: over, **refusals(404)},
            ),
        ):
            router.add_api_route(
                path,
                endpoint,
                methods=["GET"],
                responses=responses,
                response_class=_EventStream,
                tags=["events"],
            )

    async def stream_job_events(
        self, job_id: PartOfId, last_event_id: LastEventId = None, after: After = None
    ) -> Response:
        """Stream a job's history from its first row, or after the given event.

        `id:` is the row's `seq`. The stream ends after the event that ends the job;
        a browser that comes back then gets 204, and stays away.
        """
        job_id = await self._api.full_id(job_id)
        seq = sse.seq_of(last_event_id, after)
        job = await self._engine.get(job_id)
        if job.is_terminal and not await self._engine.monitor.history_after(
            {job_id: seq}
        ):
            return Response(status_code=204)
        self._api.limits.refuse_full()
        return sse.response(self._frames_of_job(job_id, seq, Redaction(job)))

    async def _frames_of_job(
        self, job_id: str, after: int, hidden: Redaction
    ) -> AsyncIterator[bytes]:
        with self._api.limits.stream():
            yield sse.RETRY
            beat = self._api.settings.heartbeat
            async for entry in self._api.tail.of_job(job_id, after, beat):
                if entry is None:
                    if not await self._is_there(job_id):
                        return
                    yield sse.ALIVE
                    continue
                yield sse.frame(str(entry.seq), serialize.history(entry, hidden))
                if entry.target.is_terminal:
                    return

    async def _is_there(self, job_id: str) -> bool:
        try:
            await self._engine.get(job_id)
        except JobNotFound:
            return False
        return True

    async def stream_events(
        self, last_event_id: LastEventId = None, after: After = None
    ) -> Response:
        """Stream the history of all jobs from the first row, or after the given event.

        `after=now` starts with what comes next. Ids are opaque. It never ends.
        """
        self._api.limits.refuse_full()
        place = _START
        position = last_event_id if last_event_id is not None else after
        if position == "now":
            place = await self._engine.monitor.feed_end()
        elif position:
            place = sse.place_of(position)
        return sse.response(self._frames_of_all(place))

    async def _frames_of_all(self, after: FeedPosition) -> AsyncIterator[bytes]:
        with self._api.limits.stream():
            yield sse.RETRY
            beat = self._api.settings.heartbeat
            async for items in self._api.tail.of_all(after, beat):
                frames = [await self._frame(place, entry) for place, entry in items]
                yield b"".join(frames) or sse.ALIVE

    async def _frame(self, place: FeedPosition, entry: HistoryEntry) -> bytes:
        """Return an event, built once for all listeners."""
        frame = self._frames.get(place)
        if frame is None:
            frame = sse.frame(sse.position(place), await self._shown(entry))
            self._frames[place] = frame
            if len(self._frames) > _MOST_FRAMES:
                del self._frames[next(iter(self._frames))]
        return frame

    async def _shown(self, entry: HistoryEntry) -> dict[str, Any]:
        """Return an entry; people's words in it are read for secrets of the job."""
        if not serialize.has_words(entry):
            return serialize.history(entry, None)
        try:
            hidden = Redaction(await self._engine.get(entry.job_id))
        except JobNotFound:
            return {**serialize.history(entry, None), "reason": None}
        return serialize.history(entry, hidden)


class _EventStream(Response):
    media_type = sse.MEDIA_TYPE
