"""Turns a server's JSON into the engine's values."""

from collections.abc import Mapping
from typing import Any

from interlock.core.causes import Cause, Remark
from interlock.core.dependencies import Dependency, Graph, Linked
from interlock.core.fields import read
from interlock.core.job import Attempt, HistoryEntry, Job, Rejection
from interlock.core.lifecycle import JobStatus
from interlock.core.records import (
    Blocker,
    Explanation,
    Hold,
    LimitInfo,
    LogLine,
    LogLines,
    Page,
    QueueInfo,
    SignalInfo,
    Step,
    WorkerInfo,
)
from interlock.core.ticks import ScheduleEdit, ScheduleInfo, Tick


def job(body: Mapping[str, Any]) -> Job:
    """Return a job; its secrets are hidden, as the server sent it."""
    return read(Job, body)


def page(body: Mapping[str, Any]) -> Page:
    """Return a page of jobs."""
    items = tuple(job(item) for item in body["items"])
    return Page(items=items, next_cursor=body["next_cursor"])


def history(body: Mapping[str, Any]) -> list[HistoryEntry]:
    """Return the history of a job."""
    return [entry(item) for item in body["items"]]


def entry(body: Mapping[str, Any]) -> HistoryEntry:
    """Return an entry of a history."""
    return read(HistoryEntry, body)


def attempts(body: Mapping[str, Any]) -> list[Attempt]:
    """Return the attempts of a job."""
    return [read(Attempt, item) for item in body["items"]]


def rejections(body: Mapping[str, Any]) -> list[Rejection]:
    """Return the refused events of a job."""
    return [read(Rejection, item) for item in body["items"]]


def lines(body: Mapping[str, Any]) -> LogLines:
    """Return lines of a log."""
    cursor = body.get("next_cursor")
    return LogLines(
        (read(LogLine, item) for item in body["items"]),
        next_after=None if cursor is None else int(cursor),
        has_earlier=body.get("has_earlier", False),
    )


def queues(body: Mapping[str, Any]) -> list[QueueInfo]:
    """Return the queues. An older server takes all that is pending for ready."""
    return [
        read(
            QueueInfo,
            {
                "ready": item["pending"],
                "oldest_ready_at": item["oldest_pending_at"],
                "scheduled": 0,
                "retrying": 0,
                **item,
            },
        )
        for item in body["items"]
    ]


def limits(body: Mapping[str, Any]) -> list[LimitInfo]:
    """Return the limits."""
    return [read(LimitInfo, item) for item in body["items"]]


def holds(body: Mapping[str, Any]) -> list[Hold]:
    """Return the holds."""
    return [read(Hold, item) for item in body["items"]]


def causes(body: Mapping[str, Any]) -> list[Cause]:
    """Return the causes of failures."""
    return [
        read(Cause, {**item, "remarks": [remark(each) for each in item["remarks"]]})
        for item in body["items"]
    ]


def remark(body: Mapping[str, Any]) -> Remark:
    """Return a remark on a cause."""
    return read(Remark, body)


def linked(body: Mapping[str, Any]) -> list[Linked]:
    """Return dependencies, each with the job at its other end."""
    return [
        Linked(
            dependency=read(Dependency, item),
            job=None if item["job"] is None else job(item["job"]),
        )
        for item in body["items"]
    ]


def steps(body: Mapping[str, Any]) -> list[Step]:
    """Return what a job has done."""
    return [read(Step, item) for item in body["items"]]


def signals(body: Mapping[str, Any]) -> list[SignalInfo]:
    """Return the signals to a job."""
    return [read(SignalInfo, item) for item in body["items"]]


def graph(body: Mapping[str, Any]) -> Graph:
    """Return what is around a job."""
    return Graph(
        jobs=tuple(job(item) for item in body["jobs"]),
        edges=tuple(read(Dependency, item) for item in body["edges"]),
        is_whole=body["is_whole"],
    )


def explanation(body: Mapping[str, Any]) -> Explanation:
    """Return what is to be said of a job; older servers give no reasons."""
    reasons = [read(Blocker, each) for each in body.get("reasons", ())]
    return Explanation(body["explanation"], reasons)


def workers(body: Mapping[str, Any]) -> list[WorkerInfo]:
    """Return the workers."""
    return [read(WorkerInfo, item) for item in body["items"]]


def schedule(body: Mapping[str, Any]) -> ScheduleInfo:
    """Return a schedule; its secrets are hidden, as the server sent it."""
    return read(ScheduleInfo, body)


def schedules(body: Mapping[str, Any]) -> list[ScheduleInfo]:
    """Return the schedules."""
    return [schedule(item) for item in body["items"]]


def ticks(body: Mapping[str, Any]) -> list[Tick]:
    """Return ticks of a schedule."""
    return [read(Tick, item) for item in body["items"]]


def edits(body: Mapping[str, Any]) -> list[ScheduleEdit]:
    """Return the edits of a schedule."""
    return [read(ScheduleEdit, item) for item in body["items"]]


def counts(body: Mapping[str, int]) -> dict[JobStatus, int]:
    """Return how many jobs have each status."""
    return {JobStatus(status): count for status, count in body.items()}
