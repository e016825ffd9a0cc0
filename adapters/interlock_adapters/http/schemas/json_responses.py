"""JSON responses of the engine's values, and their entity tags."""

import hashlib
import json
from collections.abc import Iterable, Mapping
from typing import Final

from starlette.responses import JSONResponse

from interlock.core.job import Job
from interlock.jobs import serialize

_DIGITS: Final = 16


def etag(body: Mapping[str, object]) -> str:
    """Return the entity tag of a job's JSON: its version, and a digest of all of it.

    The version alone does not change with the progress.
    """
    shown = {name: value for name, value in body.items() if name != "read_at"}
    digest = hashlib.sha256(json.dumps(shown).encode()).hexdigest()
    return f'"{body["version"]}-{digest[:_DIGITS]}"'


def job_response(job: Job) -> JSONResponse:
    """Return a job as a response with its ETag."""
    body = serialize.job(job)
    return JSONResponse(body, headers={"ETag": etag(body)})


def page(
    items: Iterable[object], next_cursor: str | None = None, **more: bool
) -> JSONResponse:
    """Return a list of records as a response."""
    return JSONResponse({"items": list(items), "next_cursor": next_cursor, **more})
