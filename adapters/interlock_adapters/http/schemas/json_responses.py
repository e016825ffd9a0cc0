"""JSON responses of the engine's values, and their entity tags."""

from collections.abc import Iterable

from starlette.responses import JSONResponse

from interlock.core.job import Job
from interlock.jobs import serialize


def etag(job: Job) -> str:
    """Return the entity tag of a job: its version."""
    return f'"{job.version}"'


def job_response(
    job: Job, status: int = 200, headers: dict[str, str] | None = None
) -> JSONResponse:
    """Return a job as a response with its ETag."""
    return JSONResponse(
        serialize.job(job), status, {"ETag": etag(job), **(headers or {})}
    )


def page(
    items: Iterable[object], next_cursor: str | None = None, **more: bool
) -> JSONResponse:
    """Return a list of records as a response."""
    return JSONResponse({"items": list(items), "next_cursor": next_cursor, **more})
