"""Turns errors into RFC 9457 problems; none has a traceback."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import Any, Final

from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException
from starlette.responses import JSONResponse

from interlock.core import errors

MEDIA_TYPE: Final = "application/problem+json"
PREFIX: Final = "urn:interlock:problem:"
_RETRY_AFTER_S: Final = 5

#: The status code and the kind of each error; the client reads the kind.
KINDS: Final[Mapping[type[errors.InterlockError], tuple[int, str]]] = {
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


@dataclass(slots=True)
class Problem(Exception):
    """A refusal as it is sent. `more` are its extension members."""

    status: int
    kind: str
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
    status, kind = next(kinds, (500, "engine-error"))
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
    kind = HTTPStatus(error.status_code).phrase.lower().replace(" ", "-")
    if error.status_code == HTTPStatus.UNPROCESSABLE_ENTITY:
        kind = "invalid-request"  # its phrase depends on the version of Python
    return Problem(
        error.status_code, kind, str(error.detail), headers=dict(error.headers or {})
    )
