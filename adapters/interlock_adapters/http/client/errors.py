"""Turns a server's problems into the library's errors."""

from typing import Any, Final

import httpx

from interlock.core import errors
from interlock.core.fields import member
from interlock.core.lifecycle import Event, JobStatus

_PREFIX: Final = "urn:interlock:problem:"
_UNAVAILABLE: Final = 503
_UNFIT: Final = frozenset({400, 413, 415, 422})


class ServerRefused(errors.InterlockError):
    """The server refused the request; `kind` and `status` say why."""

    def __init__(self, status: int, kind: str, detail: str) -> None:
        super().__init__(detail)
        self.status = status
        self.kind = kind


def of(response: httpx.Response) -> errors.InterlockError:
    """Return the error of a refusal, with the server's text."""
    try:
        body = response.json()
    except ValueError:
        body = None
    if not isinstance(body, dict):
        body = {"detail": f"{response.url} answered {response.status_code}"}
    kind = str(body.get("type", "")).removeprefix(_PREFIX)
    detail = str(body.get("detail", ""))
    try:
        error = _of_kind(kind, body)
    except (LookupError, TypeError, ValueError):  # another version's
        error = None
    if error is None and response.status_code == _UNAVAILABLE:
        error = errors.StoreUnavailable(detail)
    if error is None and response.status_code in _UNFIT:
        error = errors.InvalidOption.because("request", detail)
    if error is None:
        error = ServerRefused(response.status_code, kind, detail)
    error.args = (detail,)
    return error


def _of_kind(kind: str, body: dict[str, Any]) -> errors.InterlockError | None:  # noqa: C901, PLR0911, PLR0912  (one arm a kind)
    match kind:
        case "job-not-found":
            return errors.JobNotFound(body["job_id"])
        case "ambiguous-id":
            return errors.AmbiguousId(body["part"], body["ids"])
        case "schedule-not-found":
            return errors.ScheduleNotFound(body["name"])
        case "group-not-found":
            return errors.GroupNotFound(body["group_id"])
        case "invalid-token":
            return errors.InvalidToken()
        case "illegal-transition":
            return errors.IllegalTransition(**_transition(body), unmet=body["unmet"])
        case "version-changed":
            versions = body["versions"]
            return errors.VersionChanged(
                **_transition(body), versions=(versions[0], versions[1])
            )
        case "unknown-job-name":
            return errors.UnknownJobName(body["name"], body["known"])
        case "invalid-params":
            return errors.InvalidParams(body["name"], body["problems"])
        case "invalid-option":
            return errors.InvalidOption.because(body["option"], str(body["detail"]))
        case "duplicate-job":
            return errors.DuplicateJob("a key", "...", body["job_id"], "...")
        case "limit-reached":
            return errors.LimitReached(body["key"], 0, 0, body["holders"])
        case "schema-mismatch":
            return errors.SchemaMismatch()
        case _:
            return None


def _transition(body: dict[str, Any]) -> dict[str, Any]:
    return {
        "status": JobStatus(body["job_status"]),
        "event": member(Event, body["event"]),
        "legal": [member(Event, event) for event in body["legal_events"]],
        "job_id": body["job_id"],
    }
