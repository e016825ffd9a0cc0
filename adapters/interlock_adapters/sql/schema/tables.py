"""The tables. Rows never leave this package; `rows` turns them into values.

One file, because it is one schema: a table is read beside those that it refers to.
"""

from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlmodel import Column, Field, Index, MetaData, SQLModel

from interlock.core.lifecycle import EDGES, INITIAL
from interlock_adapters.sql.schema.column_types import JsonText, UtcDateTime
from interlock_adapters.sql.schema.held import (
    AGING,
    BLOCKED,
    DUE,
    EXPIRING,
    OPEN_INDEXES,
    ORDER,
    PARKED,
    RANKED,
    is_open,
)
from interlock_adapters.sql.schema.indexes import partial_index
from interlock_adapters.sql.schema.row_rules import LIVE, ROW_RULES, RUNNING, quoted

_NAMING = {
    "ix": "ix_%(table_name)s_%(column_0_N_name)s",
    "ck": "ck_%(table_name)s_%(constraint_name)s",
    "pk": "pk_%(table_name)s",
}


class Base(SQLModel):
    """Own metadata, so that an application's SQLModel tables stay apart."""

    metadata = MetaData(naming_convention=_NAMING)


def _json(name: str | None = None, *, nullable: bool = True) -> Any:
    return Field(
        default=None,
        sa_column=Column(name, JsonText, nullable=nullable)
        if name
        else Column(JsonText, nullable=nullable),
    )


#: 64 bits; in SQLite a key of another type would not be numbered by itself.
_Number = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def _number() -> Any:
    return Field(default=None, sa_column=Column(_Number, primary_key=True))


#: Dead rows of history go soon, and statistics stay fresh, also in tables of millions.
_VACUUMED = {
    "postgresql_with": {
        "autovacuum_vacuum_scale_factor": 0.02,
        "autovacuum_vacuum_insert_scale_factor": 0.05,
        "autovacuum_analyze_scale_factor": 0.02,
    }
}


def _when(*, nullable: bool = True) -> Any:
    return Field(default=None, sa_column=Column(UtcDateTime, nullable=nullable))


def _zero() -> Any:
    zero = sa.text("0")
    return Field(
        default=0,
        sa_column=Column(sa.BigInteger, nullable=False, server_default=zero),
    )


class JobRow(Base, table=True):
    """The `job` table: the fields of `interlock.job.Job`, and the writer's tokens."""

    __tablename__ = "interlock_job"
    __table_args__ = (
        *(
            sa.CheckConstraint(rule.format(r=""), name=name)
            for name, rule in ROW_RULES.items()
        ),
        *(
            partial_index(
                f"ix_interlock_job_{name}",
                *columns,
                *ORDER,
                where=is_open(name),
            )
            for name, columns in OPEN_INDEXES.items()
        ),
        partial_index("ix_interlock_job_held", "held_by", *ORDER, where=PARKED),
        partial_index("ix_interlock_job_blocked", "blocked_by", *ORDER, where=BLOCKED),
        partial_index("ix_interlock_job_fair", "fair_key", where=RANKED),
        partial_index("ix_interlock_job_aging", "next_age_at", where=AGING),
        partial_index(
            "ix_interlock_job_waiting", "queue", where=f"status = '{INITIAL}'"
        ),
        partial_index("ix_interlock_job_due", "run_at", where=DUE),
        partial_index(
            "ix_interlock_job_expiry",
            "expires_at",
            where=EXPIRING,
        ),
        partial_index(
            "ix_interlock_job_deadline",
            "deadline_at",
            where=f"status = '{INITIAL}' AND deadline_at IS NOT NULL",
        ),
        partial_index(
            "ix_interlock_job_running",
            "name",
            "worker_id",
            where=f"status = '{RUNNING}'",
        ),
        partial_index(
            "ix_interlock_job_finished",
            "finished_at",
            "id",
            where="finished_at IS NOT NULL",
        ),
        partial_index(
            "uq_interlock_job_unique_key",
            "unique_key",
            unique=True,
            where=f"unique_key IS NOT NULL AND status IN ({quoted(LIVE)})",
        ),
        partial_index(
            "uq_interlock_job_idempotency_key",
            "idempotency_key",
            unique=True,
            where="idempotency_key IS NOT NULL",
        ),
        partial_index(
            "ix_interlock_job_schedule",
            "schedule",
            "id",
            where=f"schedule IS NOT NULL AND status IN ({quoted(LIVE)})",
        ),
        partial_index(
            "ix_interlock_job_group",
            "group_id",
            "group_index",
            "id",
            where="group_id IS NOT NULL",
        ),
        partial_index(
            "ix_interlock_job_parent", "parent_id", "id", where="parent_id IS NOT NULL"
        ),
        partial_index(
            "ix_interlock_job_rerun", "rerun_of", "id", where="rerun_of IS NOT NULL"
        ),
        Index("ix_interlock_job_status", "status", "id"),
        Index("ix_interlock_job_name", "name", "id"),
        {"sqlite_with_rowid": False, **_VACUUMED},
    )

    id: str = Field(primary_key=True)
    name: str
    queue: str
    params: dict[str, Any] = _json(nullable=False)
    priority: int
    timeout_s: float | None = None
    grace_s: float
    created_at: datetime = _when(nullable=False)
    run_at: datetime = _when(nullable=False)
    expires_at: datetime | None = _when()
    deadline_at: datetime | None = _when()
    stalled_after_s: float | None = None
    max_attempts: int
    retry_on_timeout: bool
    retry: dict[str, Any] = _json(nullable=False)
    max_losses: int
    unique_key: str | None = None
    idempotency_key: str | None = None
    submitted_by: str | None = None
    meta: dict[str, Any] = _json("metadata", nullable=False)
    rerun_of: str | None = None
    parent_id: str | None = None
    keys: dict[str, Any] | None = _json()
    when_full: str | None = None
    fair_key: str | None = None
    aging_s: float | None = None
    schedule: str | None = None
    scheduled_for: datetime | None = _when()
    group_id: str | None = None
    group_index: int | None = None
    dependencies: int = _zero()
    on_parent_failure: str | None = None
    on_parent_cancel: str | None = None
    finalizer: dict[str, Any] | None = _json()
    finalizes: int | None = None
    secret: list[str] | None = _json()

    status: str
    reason: str | None = None
    attempt: int
    failures: int
    losses: int
    started_at: datetime | None = _when()
    finished_at: datetime | None = _when()
    worker_id: str | None = None
    lease_until_us: int | None = Field(default=None, sa_type=sa.BigInteger)
    lease_epoch: str | None = None  # what the lease's clock counts from: the boot id
    cancel_requested_at: datetime | None = _when()
    cancel_requested_by: str | None = None
    cancel_reason: str | None = None
    hold_by: str | None = None
    hold_reason: str | None = None
    hold_until: datetime | None = _when()
    stop_cause: str | None = None
    proof: str | None = None
    death: dict[str, Any] | None = _json()
    kill_unconfirmed: bool
    result: Any = _json()
    error: dict[str, Any] | None = _json()
    progress: dict[str, Any] | None = _json()
    exit_code: int | None = None
    exit_signal: int | None = None
    waits_for: str | None = None
    blocked_by: str | None = None  # one of the jobs that it waits for
    held_by: str | None = None  # why it is not worth a look: see `held`
    urgency: int = _zero()  # the priority, and what waiting has added
    turn: int = _zero()  # among jobs of an urgency: see `fairness`
    next_age_at: datetime | None = _when()  # when the urgency grows by one

    # The tokens that every write of the engine presents, for the triggers to judge.
    write_seq: int
    write_attempt: int | None = None
    write_proof: str | None = None
    event: str
    event_at: datetime = _when(nullable=False)
    event_reason: str | None = None
    actor: str


class AttemptRow(Base, table=True):
    """One row per claim; triggers insert and end it."""

    __tablename__ = "interlock_attempt"
    __table_args__ = ({"sqlite_with_rowid": False, **_VACUUMED},)

    job_id: str = Field(primary_key=True)
    attempt: int = Field(primary_key=True)
    worker_id: str
    claimed_at: datetime = _when(nullable=False)
    pid: int | None = None
    containment: str | None = None
    started_at: datetime | None = _when()
    ended_at: datetime | None = _when()
    outcome: str | None = None
    exit_code: int | None = None
    exit_signal: int | None = None
    proof: str | None = None
    death: dict[str, Any] | None = _json()
    error: dict[str, Any] | None = _json()
    peak_memory_bytes: int | None = Field(default=None, sa_type=sa.BigInteger)
    cpu_seconds: float | None = None


class HistoryRow(Base, table=True):
    """Append-only; only triggers write it."""

    __tablename__ = "interlock_history"
    __table_args__ = (
        Index("ix_interlock_history_feed", "position", "job_id", "seq"),
        {"sqlite_with_rowid": False, **_VACUUMED},
    )

    job_id: str = Field(primary_key=True)
    seq: int = Field(primary_key=True)
    event: str
    source: str | None = None
    target: str
    at: datetime = _when(nullable=False)
    actor: str
    reason: str | None = None
    attempt: int
    position: int = Field(  # the order over all jobs: see `feed`
        sa_column=Column(sa.BigInteger, nullable=False, server_default=sa.text("0"))
    )


class FeedRow(Base, table=True):
    """The only row says what the positions of `history` count: see `feed`, `place`."""

    __tablename__ = "interlock_feed"

    id: int = Field(primary_key=True, sa_column_kwargs={"autoincrement": False})
    place: str | None = None  # where the database was when it was opened last
    base: int = Field(sa_type=sa.BigInteger)  # every new position is above it
    tallied: int = Field(sa_type=sa.BigInteger)  # the last position in the tally


class TallyRow(Base, table=True):
    """How many jobs of a name have a status, by the history up to `tallied`."""

    __tablename__ = "interlock_tally"

    name: str = Field(primary_key=True)
    status: str = Field(primary_key=True)
    jobs: int = Field(sa_type=sa.BigInteger)


class LifecycleRow(Base, table=True):
    """The table of transitions, for the triggers; read-only."""

    __tablename__ = "interlock_lifecycle"

    event: str = Field(primary_key=True)
    source: str
    target: str
    who: str


class RejectionRow(Base, table=True):
    """An event that was refused."""

    __tablename__ = "interlock_rejection"

    id: int | None = _number()
    job_id: str = Field(index=True)
    event: str
    status: str
    at: datetime = _when(nullable=False)
    actor: str
    attempt: int | None = None
    why: str


class LogRow(Base, table=True):
    """A line of a job's output."""

    __tablename__ = "interlock_log"
    __table_args__ = (
        Index("ix_interlock_log_job_id_seq", "job_id", "seq"),
        {**_VACUUMED},
    )

    seq: int | None = _number()
    job_id: str
    attempt: int
    at: datetime = _when(nullable=False)
    stream: str
    text: str


class QueueRow(Base, table=True):
    """A queue that is, or was, paused."""

    __tablename__ = "interlock_queue"

    name: str = Field(primary_key=True)
    paused: bool


class LimitRow(Base, table=True):
    """How many jobs with a key may run at once, and start within a time.

    A key may be a template, such as `api:{customer}`: then the limit is that of each
    key made of it which has no row of its own.
    """

    __tablename__ = "interlock_limit"

    key: str = Field(primary_key=True)
    max_running: int | None = None
    rate_count: int | None = None
    rate_period_s: int | None = None
    set_by: str | None = None  # who has set it at run time; None: the code declares it
    set_at: datetime | None = _when()
    declared: dict[str, Any] | None = _json()  # what the code says, beside what was set


class DependencyRow(Base, table=True):
    """A job waits for the end of another one: from the start, or since an attempt."""

    __tablename__ = "interlock_dependency"
    __table_args__ = (
        Index("ix_interlock_dependency_parent_id", "parent_id", "job_id"),
        {"sqlite_with_rowid": False, **_VACUUMED},
    )

    job_id: str = Field(primary_key=True)
    position: int = Field(primary_key=True, sa_column_kwargs={"autoincrement": False})
    parent_id: str
    name: str | None = None
    group_id: str | None = None
    awaited_by: int | None = None


class GroupRow(Base, table=True):
    """A group: the fields of `interlock.GroupInfo`."""

    __tablename__ = "interlock_group"

    id: str = Field(primary_key=True)
    name: str
    created_at: datetime = _when(nullable=False)
    created_by: str | None = None
    closed_at: datetime | None = _when()


class StepRow(Base, table=True):
    """A step of a job: the fields of `interlock.Step`."""

    __tablename__ = "interlock_step"
    __table_args__ = ({"sqlite_with_rowid": False, **_VACUUMED},)

    job_id: str = Field(primary_key=True)
    kind: str = Field(primary_key=True)
    name: str = Field(primary_key=True)
    use: str = Field(primary_key=True)
    attempt: int
    at: datetime = _when(nullable=False)
    function: str | None = None
    digest: str | None = None
    value: Any = _json()


class SignalRow(Base, table=True):
    """A signal to a job; `read_by` is the attempt that has read it."""

    __tablename__ = "interlock_signal"
    __table_args__ = (Index("ix_interlock_signal_job_id", "job_id", "name", "number"),)

    number: int | None = _number()
    job_id: str
    name: str
    payload: Any = _json()
    by: str
    at: datetime = _when(nullable=False)
    read_by: int | None = None


class SlotRow(Base, table=True):
    """A slot of a key that an attempt holds; claims take it, triggers free it."""

    __tablename__ = "interlock_slot"
    __table_args__ = (
        Index("ix_interlock_slot_job_id", "job_id"),
        {"sqlite_with_rowid": False},
    )

    key: str = Field(primary_key=True)
    number: int = Field(primary_key=True)
    job_id: str
    attempt: int


class RateRow(Base, table=True):
    """A start that counts for the rate of a key until `free_at`.

    There are as many numbers as starts are allowed; one is used again when it is free.
    """

    __tablename__ = "interlock_rate"
    __table_args__ = (
        Index("ix_interlock_rate_free", "key", "free_at"),
        Index("ix_interlock_rate_job_id", "job_id"),
        {"sqlite_with_rowid": False},
    )

    key: str = Field(primary_key=True)
    number: int = Field(primary_key=True)
    base: str  # the key or the template whose limit it is
    job_id: str
    attempt: int
    at: datetime = _when(nullable=False)
    free_at: datetime = _when(nullable=False)


class TurnRow(Base, table=True):
    """The last turn that jobs with a fairness key were given."""

    __tablename__ = "interlock_turn"

    fair_key: str = Field(primary_key=True)
    turn: int = Field(sa_type=sa.BigInteger)


class HoldRow(Base, table=True):
    """A hold of all jobs of a name, queue, key or schedule. Released ones are kept."""

    __tablename__ = "interlock_hold"
    __table_args__ = (
        partial_index(
            "uq_interlock_hold_target",
            "target",
            unique=True,
            where="released_at IS NULL",
        ),
    )

    id: int | None = _number()
    target: str
    by: str
    reason: str | None = None
    at: datetime = _when(nullable=False)
    until: datetime | None = _when()
    released_at: datetime | None = _when()
    released_by: str | None = None


class RemarkRow(Base, table=True):
    """What somebody said of a cause of failures: the fields of `interlock.Remark`."""

    __tablename__ = "interlock_remark"
    __table_args__ = (Index("ix_interlock_remark_cause", "cause", "id"),)

    id: int | None = _number()
    cause: str
    kind: str
    text: str | None = None
    by: str
    at: datetime = _when(nullable=False)


class OpeningRow(Base, table=True):
    """When a cause, on which jobs may be parked, goes away by itself."""

    __tablename__ = "interlock_opening"
    __table_args__ = (Index("ix_interlock_opening_at", "at"),)

    cause: str = Field(primary_key=True)
    at: datetime = _when(nullable=False)


class ScheduleRow(Base, table=True):
    """A schedule: the fields of `interlock.ScheduleInfo`."""

    __tablename__ = "interlock_schedule"
    __table_args__ = (
        partial_index("ix_interlock_schedule_next", "next_at", where="NOT paused"),
        partial_index(
            "ix_interlock_schedule_waiting", "name", where="waiting_at IS NOT NULL"
        ),
    )

    name: str = Field(primary_key=True)
    job: str
    spec: dict[str, Any] = _json(nullable=False)
    options: dict[str, Any] = _json(nullable=False)
    declared: bool
    edited: bool
    paused: bool
    created_at: datetime = _when(nullable=False)
    anchor: datetime = _when(nullable=False)
    next_at: datetime | None = _when()
    waiting_at: datetime | None = _when()
    version: int
    digest: str | None = None
    replaced: list[str] = _json(nullable=False)


class ScheduleEditRow(Base, table=True):
    """Append-only: one change of a schedule."""

    __tablename__ = "interlock_schedule_edit"
    __table_args__ = ({"sqlite_with_rowid": False},)

    schedule: str = Field(primary_key=True)
    number: int = Field(primary_key=True, sa_column_kwargs={"autoincrement": False})
    at: datetime = _when(nullable=False)
    actor: str
    what: str
    reason: str | None = None


class TickRow(Base, table=True):
    """What became of a tick. The key decides that it happens once."""

    __tablename__ = "interlock_tick"
    __table_args__ = ({"sqlite_with_rowid": False, **_VACUUMED},)

    schedule: str = Field(primary_key=True)
    due_at: datetime = Field(sa_column=Column(UtcDateTime, primary_key=True))
    outcome: str
    at: datetime = _when(nullable=False)
    wall_time: str
    why: str | None = None
    job_id: str | None = None


class AnswerRow(Base, table=True):
    """The answer to a request with an idempotency key; no text: still running."""

    __tablename__ = "interlock_answer"
    __table_args__ = (Index("ix_interlock_answer_until", "until"),)

    key: str = Field(primary_key=True)
    request: str
    text: str | None = None
    until: datetime = _when(nullable=False)


class UniqueRow(Base, table=True):
    """A unique key that stays taken after its job has ended."""

    __tablename__ = "interlock_unique"
    __table_args__ = (Index("ix_interlock_unique_until", "until"),)

    key: str = Field(primary_key=True)
    job_id: str
    until: datetime = _when(nullable=False)


class WorkerRow(Base, table=True):
    """A worker that is registered."""

    __tablename__ = "interlock_worker"

    id: str = Field(primary_key=True)
    host: str
    pid: int
    boot_id: str
    containment: str
    concurrency: int
    queues: list[str] | None = _json()
    started_at: datetime = _when(nullable=False)
    seen_at: datetime = _when(nullable=False)
    domain: str | None = None
    lease_s: float | None = None
    jobs: dict[str, Any] | None = _json()
    place: str | None = None
    trouble: str | None = None
    memory_bytes: int | None = Field(default=None, sa_type=sa.BigInteger)


TABLES = Base.metadata.tables
#: Alembic's table with the version of the schema.
VERSION_TABLE = "interlock_schema_version"
job = TABLES["interlock_job"]
attempt = TABLES["interlock_attempt"]
history = TABLES["interlock_history"]
feed = TABLES["interlock_feed"]
tally = TABLES["interlock_tally"]
lifecycle = TABLES["interlock_lifecycle"]
rejection = TABLES["interlock_rejection"]
log = TABLES["interlock_log"]
queue = TABLES["interlock_queue"]
limit = TABLES["interlock_limit"]
dependency = TABLES["interlock_dependency"]
group = TABLES["interlock_group"]
step = TABLES["interlock_step"]
signal = TABLES["interlock_signal"]
slot = TABLES["interlock_slot"]
rate = TABLES["interlock_rate"]
hold = TABLES["interlock_hold"]
remark = TABLES["interlock_remark"]
opening = TABLES["interlock_opening"]
worker = TABLES["interlock_worker"]
answer = TABLES["interlock_answer"]
unique = TABLES["interlock_unique"]
schedule = TABLES["interlock_schedule"]
schedule_edit = TABLES["interlock_schedule_edit"]
tick = TABLES["interlock_tick"]

#: What `interlock_feed` holds in a new database.
FEED_ROW = {"id": 1, "place": None, "base": 0, "tallied": 0}

LIFECYCLE_ROWS = [
    {
        "event": r.event.value,
        "source": r.source.value,
        "target": r.target.value,
        "who": r.who.value,
    }
    for r in EDGES
]
