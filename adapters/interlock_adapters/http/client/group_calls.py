"""The requests about groups, and how their answers are read. No network."""

from collections.abc import Iterable, Mapping
from typing import Any
from urllib.parse import quote

from interlock.api.bulk import BulkResult
from interlock.core.bounds import check_whole
from interlock.core.errors import GroupNotFound
from interlock.core.fields import read
from interlock.core.job import Job
from interlock.core.lifecycle import JobStatus
from interlock.core.records import GroupInfo
from interlock.jobs.options import check_words
from interlock.jobs.registry import JobFunction
from interlock.jobs.submission import encoded
from interlock_adapters.http.client import calls, values
from interlock_adapters.http.client.calls import Ask

_PAGE = 500
Told = tuple[GroupInfo, dict[JobStatus, int]]


def _of_group(group_id: str, rest: str = "") -> str:
    """Return the path of a group. Raises GroupNotFound: it would be another path."""
    if "/" in group_id or not group_id.strip("."):
        raise GroupNotFound(group_id)
    return f"/v1/groups/{quote(group_id, safe='')}{rest}"


def _told(body: Mapping[str, Any]) -> Told:
    counts = {JobStatus(status): many for status, many in body["counts"].items()}
    return read(GroupInfo, body), counts


def submit(
    job: JobFunction[..., Any] | str,
    items: Iterable[tuple[tuple[Any, ...], Mapping[str, Any]]],
    name: str | None,
    options: Mapping[str, Any],
) -> Ask[Told]:
    """Submit a job for each item; each is arguments and keywords.

    Raises:
        InvalidParams, InvalidOption: something does not fit. Nothing was sent.
    """
    if isinstance(job, str):
        sent: list[Any] = [list(args) or dict(kwargs) for args, kwargs in items]
        job_name = job
    else:
        sent = [encoded(job, job.bound(*args, **kwargs)) for args, kwargs in items]
        job_name, options = job.name, {**job.defaults, **options}
    body = {
        "job": job_name,
        "items": sent,
        "name": name,
        "options": calls.in_json(options),
    }
    return Ask(method="POST", path="/v1/groups", body=body, read=_told)


def get(group_id: str) -> Ask[Told]:
    """Read a group, and how many of its jobs have each status."""
    return Ask(method="GET", path=_of_group(group_id), read=_told)


def newest(*, before: str | None, limit: int) -> Ask[list[GroupInfo]]:
    """Read groups, the newest first. Raises InvalidOption."""
    check_words(before=before)
    check_whole("limit", limit, least=1, most=1000)
    query: dict[str, Any] = {"limit": limit}
    if before is not None:
        query["before"] = before
    return Ask(
        method="GET",
        path="/v1/groups",
        query=query,
        read=lambda body: [read(GroupInfo, item) for item in body["items"]],
    )


def jobs(group_id: str, after: int) -> Ask[tuple[list[Job], int | None]]:
    """Read jobs of a group; the answer has also the next `after`."""

    def told(body: Mapping[str, Any]) -> tuple[list[Job], int | None]:
        cursor = body["next_cursor"]
        found = [values.job(item) for item in body["items"]]
        return found, None if cursor is None else int(cursor)

    return Ask(
        method="GET",
        path=_of_group(group_id, "/jobs"),
        query={"after": after, "limit": _PAGE},
        read=told,
    )


def cancel(group_id: str, *, reason: str | None, by: str | None) -> Ask[BulkResult]:
    """Cancel the jobs of a group."""
    return Ask(
        method="POST",
        path=_of_group(group_id, "/cancel"),
        body={"reason": reason, "by": by},
        read=lambda body: BulkResult(**body),
    )


def rerun_failed(group_id: str, *, by: str | None) -> Ask[int]:
    """Run jobs of a group again."""
    path = _of_group(group_id, "/rerun_failed")
    return Ask(
        method="POST", path=path, body={"by": by}, read=lambda body: int(body["rerun"])
    )
