"""Models of the requests, for validation and OpenAPI."""

from datetime import UTC, datetime
from typing import Annotated, Any, Literal, cast

from pydantic import AfterValidator, AwareDatetime, BaseModel, ConfigDict, Field

from interlock.core.causes import RemarkKind
from interlock.core.dependencies import MAX_DEPENDENCIES
from interlock.core.job import Phase
from interlock.core.lifecycle import INITIAL, JobStatus
from interlock.core.limits import MAX_RUNNING
from interlock.core.retry import Retry
from interlock.core.schedule import Catchup, Overlap, Schedule
from interlock.jobs.options import OnConflict, Options

_FIRST, _LAST = datetime(1970, 1, 1, tzinfo=UTC), datetime(9000, 1, 1, tzinfo=UTC)


def _sane(moment: datetime) -> datetime:
    if not _FIRST <= moment <= _LAST:
        raise ValueError("must be between the years 1970 and 9000")
    return moment


Moment = Annotated[AwareDatetime, AfterValidator(_sane)]
Seconds = Annotated[float, Field(ge=0, le=315_360_000, allow_inf_nan=False)]
Limit = Annotated[float, Field(gt=0, le=315_360_000)]
Words = Annotated[str, Field(max_length=2000, pattern=r"^[^\x00]*$")]
Key = Annotated[str, Field(min_length=1, max_length=255, pattern=r"^[^\x00-\x1f]+$")]
Parent = Key | Annotated[int, Field(ge=0)]
DependsOn = (
    Key
    | Annotated[list[Parent], Field(max_length=MAX_DEPENDENCIES)]
    | Annotated[dict[Key, Parent], Field(max_length=MAX_DEPENDENCIES)]
)


class _In(BaseModel):
    model_config = ConfigDict(extra="forbid")


class RetryIn(_In):
    """The retry policy: the arguments of `interlock.Retry`."""

    max_attempts: int = Field(
        default=1, ge=1, le=1000, description="Including the first one"
    )
    on: list[str] | None = Field(
        default=None,
        max_length=100,
        description="Names of exceptions, dotted or builtin; null: every exception",
    )
    never_on: list[str] = Field(
        default=[],
        max_length=100,
        description="Exceptions not to retry, even if `on` has them",
    )
    backoff: Seconds | Annotated[list[Seconds], Field(min_length=1, max_length=100)] = (
        Field(
            default=1.0,
            description="Seconds; doubles each time, with jitter. Or the delay after "
            "each failure, exactly; the last one goes on",
        )
    )
    max_backoff: Seconds = 300.0
    on_timeout: bool = False


class OptionsIn(_In):
    """The options of a submit; the job's own apply for those that are left out."""

    timeout: Limit | None = None
    grace: Seconds = 2.0
    queue: Key = "default"
    priority: int = Field(default=0, ge=-(2**31) + 1, le=2**31 - 1)
    run_at: Moment | None = None
    expires_at: Moment | None = None
    retry: RetryIn | None = None
    max_losses: int = Field(default=5, ge=1, le=1000)
    deadline: Limit | None = Field(
        default=None, description="Seconds after run_at for all attempts together"
    )
    stalled_after: Limit | None = Field(
        default=None, description="Seconds without progress, and it is TIMEOUT"
    )
    unique_key: Key | None = None
    unique: bool | Annotated[list[Key], Field(min_length=1, max_length=100)] = Field(
        default=False,
        description="Make the unique_key of all parameters, or of those listed",
    )
    unique_for: Limit | None = Field(
        default=None,
        description="Seconds for which the key stays taken, even if the job has ended",
    )
    on_conflict: OnConflict = Field(
        default="raise", description="What to do if the unique key is taken"
    )
    idempotency_key: Key | None = None
    by: Key | None = Field(
        default=None, description="Who submits, if the token has no name"
    )
    metadata: dict[str, Any] = {}
    when_full: Literal["wait", "cancel_new", "replace", "raise"] = Field(
        default="wait", description="What to do while a limit of the job is full"
    )
    tags: list[Key] = Field(
        default=[], max_length=100, description="Words to find the job by"
    )
    depends_on: DependsOn | None = Field(
        default=None,
        description='Ids of jobs that must end first, as a list or by name; "group:ID" '
        "for a group; in a batch also the number of an earlier job of it, from 0",
    )
    on_parent_failure: Literal["cancel", "run"] = Field(
        default="cancel",
        description="What to do if one of them ends without success",
    )
    aging: Annotated[float, Field(ge=1)] | None = Field(
        default=None,
        description="Seconds of waiting after which the priority is one higher",
    )

    def given(self) -> Options:
        """Return the options that were given, for the engine."""
        options = {name: getattr(self, name) for name in self.model_fields_set}
        if self.retry is not None:
            options["retry"] = Retry(**self.retry.model_dump())
        if options.get("run_at", self) is None:
            del options["run_at"]
        return cast("Options", options)


class SubmitIn(_In):
    """A job to run."""

    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={
            "examples": [
                {
                    "name": "thumbnails",
                    "params": {"folder": "/photos", "size": 128},
                    "options": {"timeout": 60, "by": "anna"},
                }
            ]
        },
    )

    name: Key = Field(description="Name of a job")
    params: dict[str, Any] = Field(default={}, description="Parameters by name")
    options: OptionsIn = OptionsIn()


class GroupIn(_In):
    """A job for each of some items."""

    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={
            "examples": [
                {"job": "thumbnails", "items": [{"folder": "/a"}, {"folder": "/b"}]}
            ]
        },
    )

    job: Key = Field(description="Name of a job")
    items: list[Any] = Field(
        max_length=100_000,
        description="Each is an object (parameters by name), a list (by position), or "
        "the only parameter itself",
    )
    name: Key | None = Field(
        default=None, description="Of the group; null: that of the job"
    )
    options: OptionsIn = OptionsIn()

    @property
    def call(self) -> SubmitIn:
        """A submit of one of its jobs, to judge who may do that."""
        return SubmitIn(name=self.job, options=self.options)


class RerunFailedIn(_In):
    """By whom."""

    by: Key | None = None


class FiltersIn(_In):
    """Which jobs; filters combine by AND."""

    name: Key | None = None
    queue: Key | None = None
    statuses: list[JobStatus] = Field(default=[], max_length=20)
    params: dict[str, Any] = Field(
        default={}, description="Contained in the job's params"
    )
    created_after: Moment | None = None
    created_before: Moment | None = None
    submitted_by: Key | None = None
    schedule: Key | None = Field(default=None, description="Name of a schedule")
    group: Key | None = Field(default=None, description="Id of a group")
    parent: Key | None = Field(
        default=None, description="Id of the job that submitted it"
    )
    tags: list[Key] = Field(default=[], max_length=100, description="All of these")
    metadata: dict[str, Any] = Field(
        default={}, description="Contained in the job's metadata"
    )
    name_part: Key | None = Field(default=None, description="A part of the name")
    error: Words | None = Field(
        default=None, description="A part of the last error's message or type"
    )
    phases: list[Phase] = Field(default=[], max_length=20)
    reruns_of: list[Key] = Field(
        default=[], max_length=1000, description="Ids of jobs that were run again"
    )


class SearchIn(FiltersIn):
    """A page of jobs, newest first."""

    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={
            "examples": [{"name": "thumbnails", "params": {"size": 128}, "limit": 20}]
        },
    )

    limit: int = Field(default=50, ge=1, le=1000)
    cursor: str | None = Field(default=None, max_length=500)


class CancelIn(_In):
    """Why, and by whom."""

    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={"examples": [{"reason": "not needed", "by": "anna"}]},
    )

    reason: Words | None = None
    by: Key | None = Field(
        default=None, description="Who cancels, if the token has no name"
    )


class TokenIn(_In):
    """What a signal says that is sent by a token."""

    model_config = ConfigDict(
        extra="forbid", json_schema_extra={"examples": [{"payload": {"ok": True}}]}
    )

    payload: Any = Field(default=None, description="JSON; the job gets it")


class SignalIn(_In):
    """What a signal says, and by whom."""

    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={"examples": [{"payload": {"ok": True}, "by": "anna"}]},
    )

    payload: Any = Field(default=None, description="JSON; the job gets it")
    by: Key | None = Field(
        default=None, description="Who sends it, if the token has no name"
    )


class LimitIn(_In):
    """How many jobs may run at once, and start within a time; null: any number."""

    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={"examples": [{"max_running": 3, "rate_limit": "100/m"}]},
    )

    max_running: int | None = Field(default=None, ge=1, le=MAX_RUNNING)
    rate_limit: str | None = Field(
        default=None, max_length=40, description='Such as "100/m", "5/30s"; s, m, h, d'
    )
    by: Key | None = Field(
        default=None, description="Who sets it, if the token has no name"
    )


class HoldIn(_In):
    """Why to hold, until when, and by whom."""

    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={"examples": [{"reason": "the disk is full", "by": "anna"}]},
    )

    reason: Words | None = None
    until: Moment | None = Field(
        default=None, description="When it is released by itself; null: by somebody"
    )
    by: Key | None = Field(
        default=None, description="Who holds it, if the token has no name"
    )


class RemarkIn(_In):
    """What to say of a cause of failures, and who says it."""

    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={
            "examples": [{"kind": "acknowledge", "text": "the bank is down", "by": "a"}]
        },
    )

    kind: RemarkKind
    text: Words | None = Field(default=None, description="A note needs one")
    by: Key | None = Field(
        default=None, description="Who says it, if the token has no name"
    )


class RerunIn(_In):
    """By whom, and how much of it."""

    by: Key | None = None
    dependents: bool = Field(
        default=False,
        description="Also the jobs that were canceled because it did not succeed",
    )


class RhythmIn(_In):
    """When: the arguments of `interlock.Schedule`; `cron` or `every`."""

    cron: Key | None = Field(
        default=None, description="Five fields, or @hourly, @daily, ..."
    )
    every: Key | None = Field(default=None, description="Such as 1h30m or 10s")
    timezone: Key = Field(default="UTC", description="Of the IANA database")
    catchup: Catchup = "latest"
    overlap: Overlap = "allow"

    def value(self) -> Schedule:
        """Return the schedule. Raises InvalidOption."""
        return Schedule(**self.model_dump())


class ScheduleEditIn(_In):
    """Why, and by whom."""

    reason: Words | None = None
    by: Key | None = Field(
        default=None, description="Who it is, if the token has no name"
    )


class ScheduleIn(ScheduleEditIn):
    """A schedule to create."""

    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={
            "examples": [
                {
                    "name": "nightly",
                    "job": "report",
                    "params": {"days": 1},
                    "schedule": {"cron": "0 2 * * *", "timezone": "Europe/Berlin"},
                    "options": {"queue": "slow"},
                    "by": "anna",
                }
            ]
        },
    )

    name: Key
    job: Key = Field(description="Name of a job")
    params: dict[str, Any] = {}
    schedule: RhythmIn
    options: OptionsIn = OptionsIn()


class ScheduleUpdateIn(ScheduleEditIn):
    """What to change of a schedule; what is left out stays as it is."""

    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={
            "examples": [{"schedule": {"every": "2h"}, "reason": "too often"}]
        },
    )

    schedule: RhythmIn | None = None
    params: dict[str, Any] | None = None
    options: OptionsIn = OptionsIn()


class BatchIn(_In):
    """Jobs to run; each is checked separately."""

    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={
            "examples": [{"jobs": [{"name": "thumbnails", "params": {"folder": "/a"}}]}]
        },
    )

    jobs: list[SubmitIn] = Field(min_length=1, max_length=10_000)
    atomic: bool = Field(default=False, description="Store all jobs or none")


class BulkCancelIn(FiltersIn):
    """Which jobs to cancel, why, and by whom; at least one filter is required."""

    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={
            "examples": [{"queue": "fast", "statuses": [INITIAL], "reason": "full"}]
        },
    )

    reason: Words | None = None
    by: Key | None = None
    limit: int = Field(default=500, ge=1, le=1000)
    cursor: str | None = Field(default=None, max_length=500)


class BulkRerunIn(FiltersIn):
    """Which jobs to run again, and by whom; at least one filter is required."""

    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={"examples": [{"name": "mail.send", "error": "timed out"}]},
    )

    by: Key | None = None
    limit: int = Field(default=100, ge=1, le=1000)
    cursor: str | None = Field(default=None, max_length=500)
