"""The request of each method of `Client.schedules`. No network."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any
from urllib.parse import quote

from interlock.core.errors import InvalidOption, ScheduleNotFound
from interlock.core.schedule import Schedule
from interlock.core.ticks import ScheduleEdit, ScheduleInfo, Tick
from interlock.jobs.options import Options, check_json
from interlock.jobs.registry import JobFunction
from interlock_adapters.http.client import calls, values
from interlock_adapters.http.client.calls import Ask


def _path(name: str, rest: str = "") -> str:
    if "/" in name or not name.strip("."):
        raise ScheduleNotFound(name)
    return f"/v1/schedules/{quote(name, safe='')}{rest}"


def _rhythm(schedule: Schedule) -> dict[str, object]:
    return {k: v for k, v in schedule.to_json().items() if k != "params"}


def _told(options: Options, reason: str | None) -> dict[str, Any]:
    """Return the parts of a request that say who, why, and which options."""
    sent = calls.in_json(options)
    return {"by": sent.pop("by", None), "reason": reason, "options": sent}


def create(
    name: str,
    job: JobFunction[..., object] | str,
    params: Mapping[str, object] | None,
    *,
    schedule: Schedule,
    reason: str | None,
    options: Options,
) -> Ask[ScheduleInfo]:
    """Create a schedule."""
    if not isinstance(schedule, Schedule):
        allowed = 'a Schedule, such as Schedule(cron="0 2 * * *")'
        raise InvalidOption("schedule", schedule, allowed)
    given = schedule.params if params is None else params
    if isinstance(job, str):
        call = calls.submitted(job, (given,), {**options})
    else:
        call = calls.submitted(job.options(**options), (), dict(given))
    body = {
        "name": name,
        "job": call[0],
        "params": dict(call[1]),
        "schedule": _rhythm(schedule),
        **_told({**call[2]}, reason),  # type: ignore[typeddict-item]  # options of a job
    }
    return Ask(method="POST", path="/v1/schedules", body=body, read=values.schedule)


def update(
    name: str,
    *,
    schedule: Schedule | None,
    params: Mapping[str, object] | None,
    reason: str | None,
    options: Options,
) -> Ask[ScheduleInfo]:
    """Change a schedule."""
    body = _told(options, reason)
    if schedule is not None:
        body["schedule"] = _rhythm(schedule)
        params = params if params is not None else schedule.params or None
    if params is not None:
        body["params"] = dict(params)
        check_json("params", body["params"])
    return Ask(method="PATCH", path=_path(name), body=body, read=values.schedule)


def every() -> Ask[list[ScheduleInfo]]:
    """Read the schedules."""
    return Ask(method="GET", path="/v1/schedules", read=values.schedules)


def get(name: str) -> Ask[ScheduleInfo]:
    """Read a schedule."""
    return Ask(method="GET", path=_path(name), read=values.schedule)


def turn(
    name: str, verb: str, *, by: str | None, reason: str | None
) -> Ask[ScheduleInfo]:
    """Pause or resume a schedule."""
    body = {"by": by, "reason": reason}
    path = _path(name, f"/{verb}")
    return Ask(method="POST", path=path, body=body, read=values.schedule)


def trigger(name: str, *, by: str | None) -> Ask[str]:
    """Submit a job of a schedule; the answer is its id."""
    return Ask(
        method="POST",
        path=_path(name, "/trigger"),
        body={"by": by},
        read=lambda body: str(body["id"]),
    )


def preview(name: str, n: int, after: datetime | None) -> Ask[list[datetime]]:
    """Read the next ticks of a schedule."""
    query = {"n": n} | ({} if after is None else {"after": after.isoformat()})
    return Ask(
        method="GET",
        path=_path(name, "/preview"),
        query=query,
        read=lambda body: list(map(datetime.fromisoformat, body["items"])),
    )


def ticks(name: str, limit: int) -> Ask[list[Tick]]:
    """Read what became of the ticks of a schedule."""
    path = _path(name, "/ticks")
    return Ask(method="GET", path=path, query={"limit": limit}, read=values.ticks)


def edits(name: str) -> Ask[list[ScheduleEdit]]:
    """Read the edits of a schedule."""
    return Ask(method="GET", path=_path(name, "/edits"), read=values.edits)


def delete(name: str, *, by: str | None, reason: str | None) -> Ask[None]:
    """Delete a schedule."""
    body = {"by": by, "reason": reason}
    return Ask(method="DELETE", path=_path(name), body=body, read=lambda _body: None)
