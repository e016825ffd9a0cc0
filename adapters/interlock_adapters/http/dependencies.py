"""What every route needs: the engine, the settings, and the caller."""

import asyncio
import hashlib
from collections import Counter
from collections.abc import Callable, Mapping
from functools import partial
from typing import Annotated, Any, Final

from fastapi import Header
from starlette.requests import Request

from interlock.api.aio import AsyncEngine
from interlock.core.ids import is_part
from interlock.core.job import Job
from interlock.jobs.registry import registered
from interlock_adapters.http.history_stream import Tail
from interlock_adapters.http.prefix import root_of
from interlock_adapters.http.schemas.problems import MEDIA_TYPE, Problem
from interlock_adapters.http.schemas.reply import Reply, settled
from interlock_adapters.http.schemas.requests import SubmitIn
from interlock_adapters.http.schemas.responses import ProblemOut
from interlock_adapters.http.security.limits import Limits
from interlock_adapters.http.security.middleware import principal_of
from interlock_adapters.http.settings import Settings

IfMatch = Annotated[
    str | None,
    Header(
        alias="If-Match",
        description="ETag of the job as you saw it, or its version in quotes; another"
        " version is 412",
    ),
]
IfNoneMatch = Annotated[
    str | None,
    Header(
        alias="If-None-Match",
        description="ETag of what you have; 304 if it is still the same",
    ),
]
OnceKey = Annotated[
    str | None,
    Header(
        alias="Idempotency-Key",
        description="Repeat it with the request: the first answer comes again, for a"
        " day. Another request is 422, one that is under way 409",
    ),
]
_MAX_KEY: Final = 255
#: Statuses that the guard and the framework may answer to any request.
_ALWAYS: Final = (401, 403, 422, 503)
_WITH_BODY: Final = (408, 413, 415)
_WHAT: Final[Mapping[int, str]] = {
    401: "No token, or a wrong one",
    403: "Wrong host, another site's page, or a token that may not write",
    404: "No job has this id, or no schedule this name",
    408: "The body did not arrive in time",
    409: "The job's status does not allow it, or a key is taken",
    412: "The job has changed since that ETag",
    413: "The body is too large",
    415: "The body is not declared as JSON",
    422: "The request does not fit; nothing was stored",
    429: "Too many submissions; see Retry-After",
    503: "The store cannot be used, or the queue is full; see Retry-After",
}


class Api:
    """The parts of one server that its routes share."""

    def __init__(self, engine: AsyncEngine, settings: Settings) -> None:
        self.engine = engine
        self.settings = settings
        self.limits = Limits(settings)
        self.tail = Tail(engine)

    async def act(self, request: Request, act: Callable[[], Reply]) -> Reply:
        """Run `act` in a thread; at most once per Idempotency-Key, if there is one.

        A repeat gets the first answer, also from another server of the same store, and
        also after a restart.
        """
        key = request.headers.get("idempotency-key")
        if key is None:
            return await asyncio.shield(asyncio.to_thread(act))
        if not (0 < len(key) <= _MAX_KEY and key.isascii() and key.isprintable()):
            detail = (
                f"Idempotency-Key must be 1 to {_MAX_KEY} printable ASCII characters."
            )
            raise Problem(422, "invalid-idempotency-key", detail)
        caller = principal_of(request.scope).name or ""
        text = await self.engine.once(
            f"{caller} {key}",
            await _digest(request),
            lambda: settled(act).to_text(),
            kept=self.settings.answers_kept,
        )
        return Reply.from_text(text)

    async def full_id(self, job_id: str) -> str:
        """Return the id of a job; routes that only read take a part of it, too.

        Raises:
            JobNotFound, AmbiguousId: as `Engine.find_id`; not of what is no part.
        """
        return await self.engine.find_id(job_id) if is_part(job_id) else job_id

    def let_in(self, *calls: SubmitIn) -> None:
        """Count submits against the limits of their queues. Raises Problem (503)."""
        queues: Counter[str] = Counter()
        for call in calls:
            job = registered().get(call.name)
            default = job.defaults.get("queue", "default") if job else "default"
            has_queue = "queue" in call.options.model_fields_set
            queues[call.options.queue if has_queue else default] += 1
        for queue, count in queues.items():
            self.limits.queue_up(queue, count, partial(self._backlog, queue))

    def _backlog(self, queue: str, limit: int) -> int:
        return self.engine.sync.monitor.backlog(queue, limit=limit)

    async def waited(self, job_id: str, wait: float) -> Job:
        """Return a job when it has ended or the time is over; blocks no thread."""
        self.limits.refuse_full()
        with self.limits.stream():
            return await self.tail.ended(job_id, min(wait, self.settings.max_wait))


async def _digest(request: Request) -> str:
    """Return a digest that identifies a request, by whichever way it came."""
    path = request.scope["path"].removeprefix(root_of(request.scope))
    parts = (request.method, path, request.url.query)
    condition = request.headers.get("if-match", "")
    head = "\n".join((*parts, condition, request.headers.get("x-actor", "")))
    return hashlib.sha256(head.encode() + b"\n" + await request.body()).hexdigest()


def actor(request: Request, claimed: str | None) -> str:
    """Return the actor for the history: the token's name, else what the caller says."""
    return principal_of(request.scope).actor(claimed or request.headers.get("x-actor"))


def version(if_match: str | None) -> int | None:
    """Return the version that an If-Match names, None if any version will do.

    Raises:
        Problem: it is no ETag of ours: then it matches nothing (412).
    """
    if if_match is None or if_match.strip() == "*":
        return None
    text = if_match.strip().removeprefix('"').removesuffix('"').partition("-")[0]
    if not (text.isascii() and text.isdecimal() and len(text) < 19):  # noqa: PLR2004  (64 bits)
        detail = f'If-Match {if_match!r} is not the ETag of a job, such as "3".'
        raise Problem(412, "version-changed", detail)
    return int(text)


def refusals(*codes: int, body: bool = False) -> dict[int | str, dict[str, Any]]:
    """Return the problems that a route documents, including those of all routes."""
    every = (*_ALWAYS, *codes, *(_WITH_BODY if body else ()))
    return {
        code: {
            "description": _WHAT[code],
            "content": {MEDIA_TYPE: {"schema": _REF}},
        }
        for code in sorted(every)
    }


_REF: Final = {"$ref": f"#/components/schemas/{ProblemOut.__name__}"}
