"""What every route needs: the engine, the settings, and who asks."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, Any, Final

from fastapi import Header
from starlette.requests import Request

from interlock.aio import AsyncEngine
from interlock_adapters.http.guard import principal_of
from interlock_adapters.http.problems import MEDIA_TYPE, Problem
from interlock_adapters.http.schemas import ProblemOut
from interlock_adapters.http.settings import Settings

IfMatch = Annotated[
    str | None,
    Header(description='ETag of the job as you saw it; another version is 412: `"3"`'),
]
#: What the guard and the framework may say of any request.
_ALWAYS: Final = (401, 403, 422, 503)
_WITH_BODY: Final = (413, 415)
_WHAT: Final[Mapping[int, str]] = {
    401: "No token, or a wrong one",
    403: "Wrong host, another site's page, or a token that may not write",
    404: "No job has this id",
    409: "The job's status does not allow it, or a key is taken",
    412: "The job has changed since that ETag",
    413: "The body is too large",
    415: "The body is not declared as JSON",
    422: "The request does not fit; nothing was stored",
    429: "Too many submissions; see Retry-After",
    503: "The store cannot be used, or the queue is full; see Retry-After",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Api:
    """One server's parts."""

    engine: AsyncEngine
    settings: Settings


def actor(request: Request, claimed: str | None) -> str:
    """Return who does it, for the history: by token, else by its own word."""
    return principal_of(request.scope).actor(claimed or request.headers.get("x-actor"))


def version(if_match: str | None) -> int | None:
    """Return the version that an If-Match names, None where any will do.

    Raises:
        Problem: it is no ETag of ours: then it matches nothing (412).
    """
    if if_match is None or if_match.strip() == "*":
        return None
    text = if_match.strip().removeprefix('"').removesuffix('"')
    if not (text.isascii() and text.isdecimal() and len(text) < 19):  # noqa: PLR2004  (64 bits)
        detail = f'{if_match!r} is no ETag of a job, such as "3".'
        raise Problem(412, "version-changed", detail)
    return int(text)


def refusals(*codes: int, body: bool = False) -> dict[int | str, dict[str, Any]]:
    """Return the problems that a route documents, beside those of every route."""
    every = (*_ALWAYS, *codes, *(_WITH_BODY if body else ()))
    return {
        code: {
            "description": _WHAT[code],
            "content": {MEDIA_TYPE: {"schema": _REF}},
        }
        for code in sorted(every)
    }


_REF: Final = {"$ref": f"#/components/schemas/{ProblemOut.__name__}"}
