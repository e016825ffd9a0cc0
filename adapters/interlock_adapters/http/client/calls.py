"""The request of each client method, and how its answer is read. No network."""

import json
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from types import MappingProxyType
from typing import Any, Final, Generic, TypeVar
from urllib.parse import quote

import httpx

from interlock.api.failures import check_remark
from interlock.api.holds import check_target
from interlock.api.limits import check_key, checked
from interlock.core.bounds import check_whole
from interlock.core.causes import Cause, Remark, RemarkKind
from interlock.core.dependencies import Graph, Linked
from interlock.core.errors import (
    InvalidOption,
    InvalidParams,
    InvalidToken,
    JobNotFound,
)
from interlock.core.ids import checked_part
from interlock.core.job import Attempt, HistoryEntry, Job, Rejection
from interlock.core.lifecycle import JobStatus
from interlock.core.records import (
    Explanation,
    Hold,
    LimitInfo,
    LogLines,
    Page,
    QueueInfo,
    SignalInfo,
    Step,
    WorkerInfo,
)
from interlock.core.retry import Retry
from interlock.jobs import depends, signal_tokens
from interlock.jobs.call import Call
from interlock.jobs.options import check, check_instant, check_signal, check_words
from interlock.jobs.registry import JobFunction, registered
from interlock.jobs.submission import Wanted, encoded
from interlock.ports.tracing import tracer
from interlock_adapters.http.client import values

T = TypeVar("T")
#: The longest wait of one request; longer waits use several.
LONGEST_S: Final = 30.0
#: The most lines of a log that a server sends at once.
MOST_LINES: Final = 10_000
_MOST_JOBS: Final = 1000
_MAX_PORT: Final = 65_535
_EXAMPLE: Final = "http://HOST:PORT, with a port from 1 to 65535"
_ALONE: Final[Mapping[int, int]] = MappingProxyType({})
Submitted = tuple[str, Mapping[str, object], Mapping[str, object]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Ask(Generic[T]):
    """One request; `read` turns the JSON of its answer into a value."""

    method: str
    path: str
    read: Callable[[Any], T]
    query: dict[str, Any] = field(default_factory=dict[str, Any])
    body: Any = None
    headers: dict[str, str] = field(default_factory=dict[str, str])


def of_job(job_id: str, rest: str = "") -> str:
    """Return the path of a job, or of what is below it.

    Raises:
        JobNotFound: no job has this id: it would be another path.
    """
    if "/" in job_id or not job_id.strip("."):
        raise JobNotFound(job_id)
    return f"/v1/jobs/{quote(job_id, safe='')}{rest}"


def submitted(job: object, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Submitted:
    """Return name, params and options of what `submit` was given.

    Raises:
        InvalidOption: it is no job, or an option is out of its range.
        InvalidParams: the parameters do not fit.
    """
    if isinstance(job, str):
        check(kwargs)  # type: ignore[arg-type]  # that is what it finds out
        return job, _in_json(job, (args[0] if args else None) or {}), kwargs
    if isinstance(job, JobFunction):
        return job.name, encoded(job, job.bound(*args, **kwargs)), job.defaults
    raise InvalidOption("job", job, "a function with @job, or a job's name")


def submit(call: Submitted) -> Ask[str]:
    """Submit a job; the answer is its id."""
    return Ask(
        method="POST",
        path="/v1/jobs",
        body=_body(call),
        headers=dict(tracer().carrier()),
        read=lambda body: str(body["id"]),
    )


def submit_many(jobs: Iterable[Wanted]) -> Ask[list[str]]:
    """Submit jobs, all or none; the answer is their ids."""
    wanted = list(jobs)
    numbers = {id(call): number for number, call in enumerate(wanted)}
    calls = [_call(call) for call in wanted]
    return Ask(
        method="POST",
        path="/v1/jobs/batch",
        body={"jobs": [_body(call, numbers) for call in calls], "atomic": True},
        headers=dict(tracer().carrier()),
        read=lambda body: [str(item["job"]["id"]) for item in body["items"]],
    )


def _call(call: Wanted) -> Submitted:
    if isinstance(call, Call):
        return call.job.name, encoded(call.job, call.params), call.job.defaults
    job, params = call
    if isinstance(job, str):
        return job, _in_json(job, params), {}
    return job.name, encoded(job, params), job.defaults


def _in_json(name: str, params: Mapping[str, object]) -> Mapping[str, object]:
    """Return the parameters as JSON; the server checks them.

    Raises:
        InvalidParams: they are no JSON, and this process has no job of the name.
    """
    job = registered().get(name)
    if job is not None:
        return encoded(job, params)
    try:
        json.dumps(params, allow_nan=False)
    except (TypeError, ValueError, RecursionError) as error:
        why = f"{error}; import the module that declares the job, which says how"
        raise InvalidParams(name, [f"they are not JSON: {why}"]) from error
    return params


def _body(call: Submitted, numbers: Mapping[int, int] = _ALONE) -> dict[str, Any]:
    """Return a submit; `numbers` are those of calls in the same batch, by `id`."""
    name, params, options = call
    return {"name": name, "params": dict(params), "options": in_json(options, numbers)}


def in_json(
    options: Mapping[str, Any], numbers: Mapping[int, int] = _ALONE
) -> dict[str, Any]:
    """Return options as they are sent; `numbers` as in `_body`.

    Raises:
        InvalidOption: `connection` is one of them.
    """
    if options.get("connection") is not None:
        message = (
            "connection= cannot be used with a server, which has no part in your "
            "transaction. Leave it out. Nothing was stored."
        )
        raise InvalidOption.because("connection", message)
    sent = {
        option: _plain(value)
        for option, value in options.items()
        if option not in {"connection", "depends_on"}
    }
    if options.get("depends_on"):
        sent["depends_on"] = depends.as_json(options["depends_on"], numbers)
    return sent


def _plain(value: object) -> object:
    match value:
        case datetime():
            return value.isoformat()
        case Retry():
            return value.to_json()
        case Mapping():
            return dict(value)
        case _:
            return value


def get(job_id: str, *, wait: float | None = None) -> Ask[Job]:
    """Read a job, or wait for its end for some seconds."""
    query = {} if wait is None else {"wait": max(0.0, min(wait, LONGEST_S))}
    return Ask(method="GET", path=of_job(job_id), query=query, read=values.job)


def find_id(part: str) -> Ask[str]:
    """Find a job by a part of its id; a server takes one wherever it only reads."""
    path = of_job(checked_part(part))
    return Ask(method="GET", path=path, read=lambda body: str(body["id"]))


def cancel(
    job_id: str, *, reason: str | None, by: str | None, if_version: int | None
) -> Ask[Job]:
    """Cancel a job."""
    return Ask(
        method="POST",
        path=of_job(job_id, "/cancel"),
        body={"reason": reason, "by": by},
        headers=_condition(if_version),
        read=values.job,
    )


def rerun(
    job_id: str, *, by: str | None, if_version: int | None, dependents: bool
) -> Ask[str]:
    """Run a job again; the answer is the id of the new job."""
    return Ask(
        method="POST",
        path=of_job(job_id, "/rerun"),
        body={"by": by, **({"dependents": True} if dependents else {})},
        headers={**_condition(if_version), **tracer().carrier()},
        read=lambda body: str(body["id"]),
    )


def delete(job_id: str, *, if_version: int | None) -> Ask[None]:
    """Delete a job that has ended."""
    return Ask(
        method="DELETE",
        path=of_job(job_id),
        headers=_condition(if_version),
        read=lambda _body: None,
    )


def _condition(if_version: int | None) -> dict[str, str]:
    return {} if if_version is None else {"If-Match": f'"{if_version}"'}


def search(filters: Mapping[str, Any]) -> Ask[Page]:
    """Search jobs. Raises InvalidOption if `limit` is not from 1 to 1000."""
    present = {name: value for name, value in filters.items() if value is not None}
    check_whole("limit", present.get("limit", 1), least=1, most=_MOST_JOBS)
    if "tags" in present:
        present["tags"] = list(present["tags"])
    present["statuses"] = [str(status) for status in present.get("statuses", ())]
    body = {name: _plain(value) for name, value in present.items()}
    return Ask(method="POST", path="/v1/jobs/search", body=body, read=values.page)


def history(job_id: str) -> Ask[list[HistoryEntry]]:
    """Read a job's history."""
    return Ask(method="GET", path=of_job(job_id, "/history"), read=values.history)


def attempts(job_id: str) -> Ask[list[Attempt]]:
    """Read a job's attempts."""
    return Ask(method="GET", path=of_job(job_id, "/attempts"), read=values.attempts)


def rejections(job_id: str) -> Ask[list[Rejection]]:
    """Read the events that were refused for a job."""
    path = of_job(job_id, "/rejections")
    return Ask(method="GET", path=path, read=values.rejections)


def log(job_id: str, *, after: int, limit: int) -> Ask[LogLines]:
    """Read lines of a job's log, as many of `limit` as one request may have."""
    query = {"after": after, "limit": max(1, min(limit, MOST_LINES))}
    path = of_job(job_id, "/log")
    return Ask(method="GET", path=path, query=query, read=values.lines)


def log_tail(job_id: str, *, after: int, tail: int) -> Ask[LogLines]:
    """Read the last lines of a job's log. Raises InvalidOption above 10,000 lines."""
    check_whole("after", after)
    check_whole("tail", tail, least=1, most=MOST_LINES)
    path = of_job(job_id, "/log")
    query = {"after": after, "tail": tail}
    return Ask(method="GET", path=path, query=query, read=values.lines)


def dependencies(job_id: str, *, after: int, limit: int) -> Ask[list[Linked]]:
    """Read what a job depends on."""
    path, query = of_job(job_id, "/dependencies"), {"after": after, "limit": limit}
    return Ask(method="GET", path=path, query=query, read=values.linked)


def dependents(job_id: str, *, after: str, limit: int) -> Ask[list[Linked]]:
    """Read what depends on a job."""
    path, query = of_job(job_id, "/dependents"), {"after": after, "limit": limit}
    return Ask(method="GET", path=path, query=query, read=values.linked)


def steps(job_id: str) -> Ask[list[Step]]:
    """Read what a job has done."""
    return Ask(method="GET", path=of_job(job_id, "/steps"), read=values.steps)


def signals(job_id: str) -> Ask[list[SignalInfo]]:
    """Read the signals to a job."""
    return Ask(method="GET", path=of_job(job_id, "/signals"), read=values.signals)


def signal(job_id: str, name: str, payload: object, *, by: str | None) -> Ask[Job]:
    """Send a signal to a job. Raises InvalidOption: it has no such name."""
    check_signal(name)
    if "/" in name or not name.strip("."):
        raise InvalidOption("name", name, "a name that is no other path: no '/'")
    return Ask(
        method="POST",
        path=of_job(job_id, f"/signals/{quote(name, safe='')}"),
        body={"payload": payload, "by": by},
        read=values.job,
    )


def use_token(token: str, payload: object) -> Ask[None]:
    """Use a token for a signal. Raises InvalidToken: it is none."""
    if signal_tokens.parsed(token) is None:
        raise InvalidToken
    path = f"/v1/signals/{token}"
    return Ask(
        method="POST", path=path, body={"payload": payload}, read=lambda _body: None
    )


def graph(job_id: str, *, limit: int) -> Ask[Graph]:
    """Read what is around a job."""
    path, query = of_job(job_id, "/graph"), {"limit": limit}
    return Ask(method="GET", path=path, query=query, read=values.graph)


def explain(job_id: str) -> Ask[Explanation]:
    """Read what is to be said of a job."""
    path = of_job(job_id, "/explain")
    return Ask(method="GET", path=path, read=values.explanation)


def queues() -> Ask[list[QueueInfo]]:
    """Read the queues."""
    return Ask(method="GET", path="/v1/queues", read=values.queues)


def turn(queue: str, switch: str) -> Ask[None]:
    """Pause or resume a queue. In a path, the names `.` and `..` would be lost."""
    path, query = f"/v1/queues/{switch}", {"queue": queue}
    return Ask(method="POST", path=path, query=query, read=lambda _body: None)


def limits() -> Ask[list[LimitInfo]]:
    """Read the limits."""
    return Ask(method="GET", path="/v1/limits", read=values.limits)


def set_limit(
    key: str, *, max_running: int | None, rate_limit: str | None, by: str | None
) -> Ask[None]:
    """Set a limit. Raises InvalidOption if a value is out of its range."""
    checked(key, max_running, rate_limit, by)
    return Ask(
        method="PUT",
        path=_of_limit(key),
        body={"max_running": max_running, "rate_limit": rate_limit, "by": by},
        read=lambda _body: None,
    )


def delete_limit(key: str) -> Ask[bool]:
    """Undo what was set; the answer is whether there was anything."""
    path = _of_limit(key)
    return Ask(method="DELETE", path=path, read=lambda body: bool(body["deleted"]))


def _of_limit(key: str) -> str:
    """Return the path of a limit. Raises InvalidOption if no limit has such a key."""
    check_key(key)
    # A segment of dots alone is another path, unless they are escaped.
    escaped = quote(key, safe="") if key.strip(".") else key.replace(".", "%2E")
    return f"/v1/limits/{escaped}"


def holds() -> Ask[list[Hold]]:
    """Read the holds."""
    return Ask(method="GET", path="/v1/holds", read=values.holds)


def hold(
    target: str, *, by: str | None, reason: str | None, until: datetime | None
) -> Ask[None]:
    """Hold a job, a name, a queue or a key. Raises InvalidOption."""
    check_words(by=by, reason=reason)
    if until is not None:
        check_instant("until", until)
    return Ask(
        method="PUT",
        path=_of_hold(target),
        body={"by": by, "reason": reason, "until": until and until.isoformat()},
        read=lambda _body: None,
    )


def release_hold(target: str, *, by: str | None) -> Ask[None]:
    """Release what is held. Raises InvalidOption."""
    check_words(by=by)
    return Ask(
        method="DELETE",
        path=_of_hold(target),
        query={} if by is None else {"by": by},
        read=lambda _body: None,
    )


def _of_hold(target: str) -> str:
    check_target(target)
    return f"/v1/holds/{quote(target, safe='')}"


def failures(limit: int) -> Ask[list[Cause]]:
    """Read the causes of failed jobs. Raises InvalidOption."""
    check_whole("limit", limit, least=1, most=_MOST_JOBS)
    query = {"limit": limit}
    return Ask(method="GET", path="/v1/failures", query=query, read=values.causes)


def remark(
    cause: str, kind: RemarkKind | str, text: str | None, *, by: str | None
) -> Ask[Remark]:
    """Say something of a cause. Raises InvalidOption."""
    check_remark(cause, kind, text, by)
    return Ask(
        method="POST",
        path=f"/v1/failures/{cause}/remarks",
        body={"kind": str(kind), "text": text, "by": by},
        read=values.remark,
    )


def workers() -> Ask[list[WorkerInfo]]:
    """Read the workers."""
    return Ask(method="GET", path="/v1/workers", read=values.workers)


def counts() -> Ask[dict[JobStatus, int]]:
    """Count the jobs by status."""
    return Ask(method="GET", path="/v1/counts", read=values.counts)


def prepared(url: str, token: str | None) -> dict[str, Any]:
    """Return how to open a connection: the arguments of both of httpx's clients.

    Raises:
        InvalidOption: the URL is not one of a server.
    """
    try:
        parsed = httpx.URL(url)
    except (httpx.InvalidURL, TypeError):
        parsed = httpx.URL()
    is_http = parsed.scheme in {"http", "https"} and parsed.host
    # httpx connects to 65536 less: to the port of somebody else.
    if not is_http or not 0 < _port_of(parsed) <= _MAX_PORT:
        raise InvalidOption("url", url, f"the address of a server: {_EXAMPLE}")
    headers = {}
    if token:
        headers["Authorization"] = f"Bearer {token.rpartition(':')[2]}"
    return {"base_url": url, "headers": headers, "timeout": LONGEST_S + 30}


def _port_of(url: httpx.URL) -> int:
    return 80 if url.port is None else url.port
