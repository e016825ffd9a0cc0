"""Models of the responses, for OpenAPI: what `serialize` makes."""

import inspect
from collections.abc import Collection, Mapping
from dataclasses import fields
from datetime import datetime
from types import UnionType
from typing import Any, Final, Literal, get_args, get_origin, get_type_hints

from pydantic import BaseModel, Field, create_model

from interlock.core.causes import Cause, Remark
from interlock.core.dependencies import Dependency
from interlock.core.job import (
    Attempt,
    Death,
    Exit,
    Failure,
    HistoryEntry,
    Job,
    Phase,
    Rejection,
)
from interlock.core.lifecycle import Event, JobStatus, Reason
from interlock.core.progress import Progress
from interlock.core.records import (
    Blocker,
    GroupInfo,
    Hold,
    LimitInfo,
    LogLine,
    SignalInfo,
    Step,
)
from interlock.core.retry import Retry
from interlock.core.schedule import Schedule
from interlock.core.ticks import ScheduleEdit, ScheduleInfo, Tick
from interlock.jobs.options import OnParentCancel, OnParentFailure
from interlock.jobs.registry import WhenFull
from interlock_adapters.http.schemas.problems import PREFIX, Kind

EXAMPLE_ID: Final = "019aa1b2c3d47e5f8a9b0c1d2e3f4a5b"


def _shape(
    kind: type, name: str, doc: str, *, without: Collection[str] = (), **derived: Any
) -> Any:
    """Return the JSON of a dataclass as a model: each field required, by its type.

    `derived`: fields that `jobs.serialize` adds or writes in another way. `without`:
    those that it leaves out.
    """
    hints: dict[str, Any] = get_type_hints(kind)
    shape: dict[str, Any] = {
        field.name: (_in_json(hints[field.name]), ...)
        for field in fields(kind)
        if field.name not in without
    }
    for field, hint in derived.items():
        shape[field] = hint if isinstance(hint, tuple) else (hint, ...)
    return create_model(name, __doc__=doc, **shape)


def _in_json(hint: Any) -> Any:
    """Return the type that the JSON of a field has."""
    optional = get_origin(hint) is UnionType and type(None) in get_args(hint)
    kinds = [each for each in get_args(hint) if each is not type(None)]
    kind = kinds[0] if optional and len(kinds) == 1 else hint
    if kind is object:
        kind = Any
    elif get_origin(kind) is Mapping:
        kind = dict[str, Any]
    elif kind in _SHAPES:
        kind = _SHAPES[kind]
    return kind | None if optional else kind


def _page(item: Any, name: str, doc: str, **more: Any) -> Any:
    return create_model(
        name,
        __doc__=doc,
        items=(list[item], ...),
        next_cursor=(str | None, ...),
        **more,
    )


_SHAPES: Final[dict[Any, Any]] = {}
_SHAPES[Retry] = _shape(
    Retry,
    "RetryOut",
    "The retry policy.",
    on=list[str] | None,
    never_on=list[str],
)
_SHAPES[Failure] = _shape(Failure, "FailureOut", "Why an attempt did not succeed.")
_SHAPES[Progress] = _shape(Progress, "ProgressOut", "The progress of a running job.")
_SHAPES[Exit] = _shape(Exit, "ExitOut", "How the main process of an attempt ended.")

_SHAPES[Death] = _shape(Death, "DeathOut", inspect.getdoc(Death) or "")

JobOut: Any = _shape(
    Job,
    "JobOut",
    "A job: every field of `interlock.Job`, and its phase; secrets are `***`.",
    id=(str, Field(examples=[EXAMPLE_ID])),
    phase=Phase,
    when_full=WhenFull | None,
    on_parent_failure=OnParentFailure | None,
    on_parent_cancel=OnParentCancel | None,
    cancel_outcome=Literal["pending", "canceled", "too_late"] | None,
    duration=float | None,
)
PageOut = _page(
    JobOut, "JobPageOut", "A page of jobs, and the cursor of the next page."
)

HistoryOut = _shape(HistoryEntry, "HistoryOut", "One logged event of a job.")
HistoryPageOut = _page(HistoryOut, "HistoryPageOut", "The history of a job.")

AttemptOut = _shape(Attempt, "AttemptOut", "One attempt of a job, and how it ended.")
AttemptPageOut = _page(AttemptOut, "AttemptPageOut", "The attempts of a job.")

LineOut = _shape(
    LogLine,
    "LineOut",
    "A line that an attempt wrote.",
    stream=Literal["stdout", "stderr", "engine"],
)
LogPageOut = _page(
    LineOut,
    "LogPageOut",
    "Lines of a log; `next_cursor` is the `after` of the next page. `has_earlier`: "
    "`tail` left out lines.",
    has_earlier=(bool, ...),
)

RejectionOut = _shape(Rejection, "RejectionOut", "An event that was refused, and why.")
RejectionPageOut = _page(
    RejectionOut, "RejectionPageOut", "The refused events of a job."
)


_SHAPES[Schedule] = _shape(Schedule, "RhythmOut", "When, and with which parameters.")
ScheduleOut = _shape(
    ScheduleInfo,
    "ScheduleOut",
    "A schedule; `options` are fields of its jobs, secrets are `***`.",
    without=("digest", "replaced"),
)
SchedulePageOut = _page(ScheduleOut, "SchedulePageOut", "The schedules, by name.")
TickOut = _shape(Tick, "TickOut", "A tick of a schedule, and what became of it.")
TickPageOut = _page(TickOut, "TickPageOut", "Ticks, the newest first.")
ScheduleEditOut = _shape(ScheduleEdit, "ScheduleEditOut", "A change of a schedule.")
ScheduleEditPageOut = _page(
    ScheduleEditOut, "ScheduleEditPageOut", "The changes of a schedule, in their order."
)
PreviewOut = _page(datetime, "PreviewOut", "The next ticks, in the schedule's zone.")

LimitOut = _shape(LimitInfo, "LimitOut", "A limit of a key: `interlock.LimitInfo`.")
LimitPageOut = _page(LimitOut, "LimitPageOut", "The limits, by key.")

HoldOut = _shape(Hold, "HoldOut", "A hold: `interlock.Hold`.")
HoldPageOut = _page(HoldOut, "HoldPageOut", "The holds, the oldest first.")

RemarkOut: Any = _shape(
    Remark, "RemarkOut", "What somebody said of a cause of failures."
)
CauseOut: Any = _shape(
    Cause,
    "CauseOut",
    "Jobs of one name that failed with one error at one place: `interlock.Cause`.",
    jobs=list[str],
    open=list[str],
    remarks=list[RemarkOut],
    acknowledged=RemarkOut | None,
)
CausePageOut = _page(CauseOut, "CausePageOut", "The causes of failed jobs.")

LinkedOut: Any = _shape(
    Dependency,
    "LinkedOut",
    "A dependency, and the job at its other end; null: it was deleted.",
    job=JobOut | None,
)
LinkedPageOut = _page(LinkedOut, "LinkedPageOut", "Dependencies, in their order.")
DependencyOut: Any = _shape(
    Dependency, "DependencyOut", "One job depends on another: `interlock.Dependency`."
)


GraphOut = create_model(
    "GraphOut",
    __doc__="Jobs, which of them depend on which, and their picture as Mermaid.",
    jobs=(list[JobOut], ...),
    edges=(list[DependencyOut], ...),
    is_whole=(bool, ...),
    mermaid=(str, ...),
)


_COUNTS: Final[dict[str, Any]] = dict.fromkeys(JobStatus, (int, ...))
CountsOut = create_model(
    "CountsOut", __doc__="How many jobs have each status.", **_COUNTS
)
GroupOut: Any = _shape(
    GroupInfo,
    "GroupOut",
    "Jobs that were submitted together, and how many have each status.",
    counts=CountsOut,
)
GroupInfoOut: Any = _shape(GroupInfo, "GroupInfoOut", "A group: `GroupInfo`.")
GroupPageOut = _page(GroupInfoOut, "GroupPageOut", "Groups, the newest first.")


class GroupResultOut(BaseModel):
    """The result of a job of a group."""

    group_index: int
    job_id: str
    job_status: JobStatus
    result: Any


GroupResultPageOut = _page(
    GroupResultOut, "GroupResultPageOut", "The results of a group, in its order."
)


class BulkOut(BaseModel):
    """How many jobs matched, and with how many it was done."""

    matched: int
    done: int


class RerunOut(BaseModel):
    """How many jobs run again."""

    rerun: int


StepOut: Any = _shape(Step, "StepOut", "What a job has done: `interlock.Step`.")
StepPageOut = _page(StepOut, "StepPageOut", "Steps, as they were stored.")
SignalOut: Any = _shape(SignalInfo, "SignalOut", "A signal: `interlock.SignalInfo`.")
SignalPageOut = _page(SignalOut, "SignalPageOut", "Signals, as they came.")


class DeletedOut(BaseModel):
    """Whether there was anything to delete."""

    deleted: bool


class ResultOut(BaseModel):
    """What the function returned."""

    result: Any


BlockerOut: Any = _shape(Blocker, "BlockerOut", "Why a job waits.")


class ExplanationOut(BaseModel):
    """What a job is doing, or every reason why it does not run."""

    explanation: str
    reasons: list[BlockerOut]


class InvalidOut(BaseModel):
    """What is invalid in a request, and where."""

    where: list[str]
    what: str


class ProblemOut(BaseModel):
    """An RFC 9457 problem; its `type` says which of the optional members it has."""

    type: str = Field(
        examples=["urn:interlock:problem:illegal-transition"],
        json_schema_extra={"enum": [f"{PREFIX}{kind}" for kind in get_args(Kind)]},
    )
    title: str
    status: int
    detail: str = Field(description="What was refused, why, and what to do")
    job_id: str | None = None
    job_status: JobStatus | None = None
    event: Event | None = None
    legal_events: list[Event] | None = None
    unmet: str | None = Field(
        default=None, description="The condition that the event requires"
    )
    versions: list[int] | None = Field(
        default=None, description="That of the job, and the one that was expected"
    )
    reason: Reason | None = Field(default=None, description="Of a job without result")
    error: _SHAPES[Failure] | None = None  # type: ignore[valid-type]  # it is a model
    group_id: str | None = None
    name: str | None = Field(default=None, description="Of a job or a schedule")
    known: list[str] | None = Field(default=None, description="Names of jobs")
    problems: list[str] | None = Field(
        default=None, description="What is wrong with each parameter"
    )
    option: str | None = None
    errors: list[InvalidOut] | None = None
    key: str | None = Field(default=None, description="Of the limit that is full")
    holders: list[str] | None = Field(default=None, description="Ids of jobs")


BatchItemOut: Any = create_model(
    "BatchItemOut",
    __doc__="The result for one job of a batch.",
    status=(int, ...),
    job=(JobOut | None, None),
    problem=(ProblemOut | None, None),
)
BatchOut = create_model(
    "BatchOut",
    __doc__="The results for the jobs of a batch, in its order.",
    items=(list[BatchItemOut], ...),
)


class CancelItemOut(BaseModel):
    """The result for one job to cancel."""

    id: str
    status: int
    job_status: JobStatus | None = None
    problem: ProblemOut | None = None


class RerunItemOut(BaseModel):
    """The new job, or why there is none."""

    id: str
    status: int
    rerun: str | None = Field(default=None, description="Id of the new job")
    problem: ProblemOut | None = None


class BulkRerunOut(BaseModel):
    """The result for each job, and the cursor of the jobs that were not reached."""

    items: list[RerunItemOut]
    next_cursor: str | None


class BulkCancelOut(BaseModel):
    """The result for each job, and the cursor of the jobs that were not reached."""

    items: list[CancelItemOut]
    next_cursor: str | None
