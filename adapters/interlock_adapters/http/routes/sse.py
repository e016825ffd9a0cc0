"""Server-Sent Events (WHATWG HTML, 9.2): frames, positions, keep-alives."""

import json
from collections.abc import AsyncIterator, Mapping
from typing import Final

from starlette.responses import StreamingResponse

from interlock.core.records import FeedPosition
from interlock_adapters.http.schemas.problems import Problem

RETRY: Final = b"retry: 2000\n\n"
ALIVE: Final = b": alive\n\n"
MEDIA_TYPE: Final = "text/event-stream"
_MOST: Final = 2**62


def frame(position: str, data: Mapping[str, object]) -> bytes:
    """Return one event; JSON has no line breaks, so its data is one line."""
    return f"id: {position}\ndata: {json.dumps(data)}\n\n".encode()


def response(stream: AsyncIterator[bytes]) -> StreamingResponse:
    """Return a streaming response that proxies do not buffer."""
    headers = {"Cache-Control": "no-store", "X-Accel-Buffering": "no"}
    return StreamingResponse(stream, 200, headers, MEDIA_TYPE)


def seq_of(last_event_id: str | None, after: str | None) -> int:
    """Return the number after which a stream of one job continues.

    Raises:
        Problem: it is none of a stream of ours (422).
    """
    text = (last_event_id if last_event_id is not None else after) or "0"
    if text.isascii() and text.isdecimal() and int(text) < _MOST:
        return int(text)
    raise _unknown(text)


def place_of(text: str) -> FeedPosition:
    """Return the position after which a stream of all jobs continues; see `position`.

    Raises:
        Problem: it is none of a stream of ours (422).
    """
    position, _, rest = text.partition("-")
    seq, _, job_id = rest.partition("-")
    fits = all(part.isascii() and part.isdecimal() for part in (position, seq))
    if fits and int(position) < _MOST and int(seq) < _MOST and job_id.isprintable():
        return FeedPosition(int(position), job_id, int(seq))
    raise _unknown(text)


def position(place: FeedPosition) -> str:
    """Return a position as the `id:` of an event."""
    return f"{place.position}-{place.seq}-{place.job_id}"


def _unknown(text: str) -> Problem:
    detail = (
        f"{text[:80]!r} is no id of an event of this stream. Leave it out to start."
    )
    return Problem(422, "invalid-event-id", detail)
