"""Turns errors into RFC 9457 problems; none has a traceback."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import Any, Final, Literal

from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException
from starlette.responses import JSONResponse

from interlock.core import errors

MEDIA_TYPE: Final = "application/problem+json"
PREFIX: Final = "urn:interlock:problem:"
_RETRY_AFTER_S: Final = 5

#: What a client may distinguish problems by: their `type`, without the prefix.
Kind = Literal[
    "ambiguous-id",
    "bad-request",
    "batch-too-long",
    "cross-site",
    "duplicate-job",
    "engine-error",
    "group-not-found",
    "http-error",
    "idempotency-key-reused",
    "illegal-transition",
    "in-flight",
    "internal-error",
    "invalid-event-id",
    "invalid-idempotency-key",
    "invalid-option",
    "invalid-params",
    "invalid-prefix",
    "invalid-request",
    "invalid-token",
    "job-not-found",
    "limit-reached",
    "method-not-allowed",
    "no-filter",
    "no-result",
    "not-found",
    "queue-full",
    "read-only-token",
    "schedule-not-found",
    "schema-mismatch",
    "secret-parameter",
    "store-unavailable",
    "token-needed",
    "too-large",
    "too-many-streams",
    "too-many-submissions",
    "too-slow",
    "unauthorized",
    "unknown-job-name",
    "unsupported-media-type",
    "version-changed",
    "wrong-host",
]
#: The status code and the kind of each error; the client reads the kind.
KINDS: Final[Mapping[type[errors.InterlockError], tuple[int, Kind]]] = {
    errors.JobNotFound: (404, "job-not-found"),
    errors.AmbiguousId: (422, "ambiguous-id"),
    errors.ScheduleNotFound: (404, "schedule-not-found"),
    errors.GroupNotFound: (404, "group-not-found"),
    errors.InvalidToken: (404, "invalid-token"),
    errors.VersionChanged: (412, "version-changed"),
    errors.IllegalTransition: (409, "illegal-transition"),
    errors.UnknownJobName: (422, "unknown-job-name"),
    errors.InvalidParams: (422, "invalid-params"),
    errors.InvalidOption: (422, "invalid-option"),
    errors.DuplicateJob: (409, "duplicate-job"),
    errors.LimitReached: (409, "limit-reached"),
    errors.KeyReused: (422, "idempotency-key-reused"),
    errors.InFlight: (409, "in-flight"),
    errors.SchemaMismatch: (503, "schema-mismatch"),
    errors.StoreUnavailable: (503, "store-unavailable"),
}
#: What the framework itself refuses. 422: a body that cannot be read.
_OF_STATUS: Final[Mapping[int, Kind]] = {
    400: "bad-request",
    404: "not-found",
    405: "method-not-allowed",
    422: "invalid-request",
}


@dataclass(slots=True)
class Problem(Exception):
    """A refusal as it is sent. `more` are its extension members."""

    status: int
    kind: Kind
    detail: str
    more: dict[str, Any] = field(default_factory=dict)
    headers: dict[str, str] = field(default_factory=dict)

    @property
    def body(self) -> dict[str, Any]:
        """What is sent."""
        return {
            "type": f"{PREFIX}{self.kind}",
            "title": HTTPStatus(self.status).phrase,
            "status": self.status,
            "detail": self.detail,
            **self.more,
        }

    def response(self) -> JSONResponse:
        """Return it as a response."""
        return JSONResponse(self.body, self.status, self.headers, MEDIA_TYPE)


def of(error: errors.InterlockError) -> Problem:  # noqa: C901  (one arm a kind)
    """Return the problem that an error of the engine is."""
    kinds = (KINDS[kind] for kind in type(error).__mro__ if kind in KINDS)
    otherwise: tuple[int, Kind] = (500, "engine-error")
    status, kind = next(kinds, otherwise)
    problem = Problem(status, kind, str(error))
    match error:
        case errors.IllegalTransition(status=job_status, event=event, legal=legal):
            problem.more = {
                "job_id": error.job_id,
                "job_status": job_status,
                "event": event,
                "legal_events": sorted(legal),
                "unmet": error.unmet,
            }
            if isinstance(error, errors.VersionChanged):
                problem.more["versions"] = list(error.versions)
        case errors.JobNotFound(job_id=job_id) | errors.DuplicateJob(job_id=job_id):
            problem.more = {"job_id": job_id}
        case errors.AmbiguousId(part=part, ids=ids):
            problem.more = {"part": part, "ids": list(ids)}
        case errors.GroupNotFound(group_id=group_id):
            problem.more = {"group_id": group_id}
        case errors.ScheduleNotFound(name=name):
            problem.more = {"name": name}
        case errors.LimitReached(key=key, holders=holders):
            problem.more = {"key": key, "holders": list(holders)}
        case errors.InvalidParams(name=name, problems=problems):
            problem.more = {"name": name, "problems": list(problems)}
        case errors.UnknownJobName(name=name, known=known):
            problem.more = {"name": name, "known": list(known)}
        case errors.InvalidOption(option=option):
            problem.more = {"option": option}
        case errors.StoreUnavailable():
            # Its text names files, hosts and users: that is for the log.
            problem.detail = "The store cannot be used now. Try again."
            problem.headers = {"Retry-After": str(_RETRY_AFTER_S)}
        case _:
            pass
    return problem


def of_validation(error: RequestValidationError) -> Problem:
    """Return the problem of an invalid request, without its input."""
    faults = [
        {"where": [str(part) for part in each["loc"]], "what": each["msg"]}
        for each in error.errors()
    ]
    what = "; ".join(f"{'.'.join(fault['where'])}: {fault['what']}" for fault in faults)
    return Problem(422, "invalid-request", what, {"errors": faults})


def of_http(error: HTTPException) -> Problem:
    """Return the problem of an error that the framework raised."""
    kind = _OF_STATUS.get(error.status_code, "http-error")
    return Problem(
        error.status_code, kind, str(error.detail), headers=dict(error.headers or {})
    )
