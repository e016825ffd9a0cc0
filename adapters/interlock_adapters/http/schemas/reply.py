"""An HTTP answer as a value that can be stored and sent again."""

import json
from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from typing import Any, Self

from starlette.responses import JSONResponse, Response

from interlock.core.errors import InterlockError, StoreUnavailable
from interlock.core.job import Job
from interlock.jobs import serialize
from interlock_adapters.http.schemas import json_responses, problems


@dataclass(frozen=True, slots=True, kw_only=True)
class Reply:
    """An answer: JSON, or nothing."""

    status: int
    body: Any = None
    headers: dict[str, str] = field(default_factory=dict[str, str])

    def response(self) -> Response:
        """Return it as a response."""
        if self.body is None:
            return Response(None, self.status, self.headers)
        kind = problems.MEDIA_TYPE if self.status >= 400 else "application/json"  # noqa: PLR2004  (client errors)
        return JSONResponse(self.body, self.status, self.headers, kind)

    def to_text(self) -> str:
        """Return it as text to store."""
        return json.dumps(asdict(self), allow_nan=False)

    @classmethod
    def from_text(cls, text: str) -> Self:
        """Return a stored answer, marked as a repeat."""
        return cls(**json.loads(text))


def job(job: Job, status: int = 200, **headers: str) -> Reply:
    """Return the answer that is a job."""
    body = serialize.job(job)
    tagged = {"ETag": json_responses.etag(body), **headers}
    return Reply(status=status, body=body, headers=tagged)


def created(new: Job) -> Reply:
    """Return the answer that is a new job, and where it is."""
    return job(new, 201, Location=f"/v1/jobs/{new.id}")


def refusal(error: InterlockError) -> Reply:
    """Return the answer that is an error of the engine."""
    problem = problems.of(error)
    return Reply(status=problem.status, body=problem.body, headers=problem.headers)


def settled(act: Callable[[], Reply]) -> Reply:
    """Act; a refusal is an answer too, unless it passes by itself.

    Raises:
        StoreUnavailable: nothing is settled: the same request may do better later.
    """
    try:
        return act()
    except StoreUnavailable:
        raise
    except InterlockError as error:
        return refusal(error)
